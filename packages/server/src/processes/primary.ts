import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { prepareDataFolder } from '../data-folder.ts';
import { EmbeddedPostgres } from '../storage/embedded.ts';
import { RestartBackoff } from '../storage/restart-backoff.ts';
import { Channel } from './channel.ts';
import { oneTimeToken } from './one-time-token.ts';

/** Of PostgreSQL's connections, besides those of the nodes. */
const SPARE_CONNECTIONS = 20;

/** What a worker is told at its start. */
export interface WorkerStart {
  process: number;
  /** The embedded database; undefined: the one that is configured. */
  connection?: pg.ClientConfig;
  /** Whoever else stands in the database is a server that was killed. */
  isFirst: boolean;
  signInToken: string;
}

/** What a worker says when it is ready. */
export interface WorkerReady {
  url: string;
  freshOperatorKey?: string;
}

/** A first worker could not start, and has said why. */
export class WorkerRefused extends Error {}

/**
 * Several nodes as processes of one server: this one starts the embedded database and the nodes, hands connections on one
 * port to them in turn, adds up their metrics, starts those again that end, and stops them all.
 */
export class Primary {
  private readonly workers = new Map<Worker, Channel>();
  /** Those that answer: a process that is starting does not listen yet. */
  private readonly ready = new Set<Channel>();
  private embedded: EmbeddedPostgres | undefined;
  private isReady = false;
  private isStopping = false;
  private readonly token;

  constructor(
    private readonly config: Config,
    private readonly log: Logger,
    signInToken: string,
  ) {
    this.token = oneTimeToken(signInToken);
  }

  /** Resolves when the first node is ready; the others follow. @throws WorkerRefused, DataFolderInUse, ConfigError */
  async start(): Promise<WorkerReady> {
    const { config, log } = this;
    prepareDataFolder(config.dataFolder);
    if (config.databaseUrl === undefined) {
      this.embedded = new EmbeddedPostgres(config.dataFolder, (message) => log.info(message), {
        max_connections: String(config.processes * config.databaseConnections + SPARE_CONNECTIONS),
      });
      await this.embedded.start();
    }
    cluster.setupPrimary({ exec: fileURLToPath(new URL('../main.js', import.meta.url)), args: [] });
    // What the first one prepares, migrations and keys, the others find.
    const ready = await this.startWorker(1, new RestartBackoff(), true);
    this.isReady = true;
    for (let number = 2; number <= config.processes; number++) {
      this.startWorker(number, new RestartBackoff(), false).catch(() => {});
    }
    return ready;
  }

  /** Lets every node end what it has begun, and stops the database. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all(
      [...this.workers].map(async ([worker, channel]) => {
        const ended = new Promise<void>((resolve) => void worker.once('exit', () => resolve()));
        channel.ask('stop').catch(() => {});
        await ended;
      }),
    );
    await this.embedded?.stop();
  }

  /** Rejects when the process ends before it is ready. */
  private startWorker(number: number, backoff: RestartBackoff, isFirst: boolean): Promise<WorkerReady> {
    return new Promise((resolve, reject) => {
      const worker = cluster.fork();
      const channel = new Channel(worker, {
        // The process asks when it listens: what was told before would be lost.
        begin: () => (this.isStopping ? undefined : this.startOf(number, isFirst)),
        ready: (ready: WorkerReady) => {
          this.ready.add(channel);
          resolve(ready);
        },
        metrics: () => this.metrics(),
        takeToken: () => this.token.take(),
        giveBackToken: () => this.token.giveBack(),
      });
      this.workers.set(worker, channel);
      worker.once('exit', (code, signal) => {
        this.workers.delete(worker);
        this.ready.delete(channel);
        reject(new WorkerRefused());
        if (this.isStopping || (isFirst && !this.isReady)) return;
        this.log.error(`Process ${number} has ended (${signal || code}); another one takes its place.`);
        // The others would notice, in half a minute.
        const [other] = this.ready;
        other?.ask('takeOver', worker.process.pid).catch((err: unknown) => this.log.error({ err }, 'take-over failed'));
        setTimeout(() => this.replace(number, backoff), backoff.next(performance.now()));
      });
    });
  }

  private startOf(number: number, isFirst: boolean): WorkerStart {
    const { embedded, token } = this;
    const connection = embedded ? { connection: embedded.connection } : {};
    return { process: number, isFirst, signInToken: token.value, ...connection };
  }

  private replace(number: number, backoff: RestartBackoff): void {
    if (!this.isStopping) this.startWorker(number, backoff, false).catch(() => {});
  }

  /** Of each node that is ready. */
  private async metrics(): Promise<unknown[]> {
    const asked = [...this.ready].map((channel) => channel.ask('ownMetrics').catch(() => undefined));
    return (await Promise.all(asked)).filter((one) => one !== undefined);
  }
}
