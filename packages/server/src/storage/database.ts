import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import { Availability } from './availability.ts';
import { endBackends } from './backends.ts';
import {
  CONNECT_TIMEOUT_MS,
  CONNECTIONS_DEFAULT,
  type ConnectionBudget,
  openPool,
  type PoolName,
  shareOut,
} from './connections.ts';
import {
  DatabaseBusy,
  type DatabaseErrorKind,
  DatabaseUnavailable,
  isOutage,
  kindOf,
  kindOfDriverError,
} from './database-errors.ts';
import { type Heard, Listener } from './listener.ts';
import { PrimaryClient, serversOf } from './servers.ts';
import type { Parameter, Statement } from './statement.ts';
import { Turns } from './turns.ts';

/** Runs a statement on the connection that has been taken. */
type Query = <Row extends pg.QueryResultRow>(config: pg.QueryConfig) => Promise<Row[]>;

/** A statement that was rolled back because of another one is tried again so often. */
const TRIES_MAX = 4;
const TRY_AGAIN_MS = 10;
/** How often the servers are asked which one takes writes, where there are several. */
const WATCH_EVERY_MS = 2_000;
/** While PostgreSQL has no connection left for us. */
const CONNECT_AGAIN_MS = 100;

/**
 * Pools on one database: `hot` for the batches on the way of an event, `run` for everything else, `read` for looks through
 * the history, `maintenance` for heartbeats and recovery.
 *
 * Only `hot` decides whether the database is up: what publishing and settling need. The others answer DatabaseBusy
 * when they get no connection, or lose one, and the database is up all the same.
 */
export class Database {
  /** Tells this process's connections from everybody else's; what each is for follows. */
  readonly name = `posthorn ${randomBytes(6).toString('hex')}`;
  readonly budget: ConnectionBudget;
  private readonly pools: Readonly<Record<PoolName, pg.Pool>>;
  readonly availability: Availability;
  private readonly clients = new Set<pg.PoolClient>();
  private readonly turns: Turns;
  private readonly servers: ReturnType<typeof serversOf>;
  private stopWatching = () => {};
  private toldOfStale: string | undefined;
  private listener: Listener | undefined;
  private isStopped = false;
  private isRecovering = false;
  private checking: Promise<void> | undefined;
  private recover: () => Promise<void> = async () => {};

  constructor(
    private readonly config: pg.ClientConfig,
    private readonly log: (message: string) => void = () => {},
    connections = CONNECTIONS_DEFAULT,
  ) {
    this.budget = shareOut(connections);
    const open = (name: PoolName) => {
      const pool = openPool(name, this.budget[name], config, `${this.name} ${name}`);
      pool.on('connect', (client) => {
        this.clients.add(client);
        this.leaveIfElsewhere(client);
      });
      pool.on('remove', (client) => this.clients.delete(client));
      return pool;
    };
    this.pools = { hot: open('hot'), run: open('run'), read: open('read'), maintenance: open('maintenance') };
    this.turns = new Turns(this.budget.read);
    this.servers = serversOf(config);
    this.availability = new Availability({ probe: () => this.probe(), log });
  }

  get up(): boolean {
    return this.availability.isUp;
  }

  /** Opens the connections that publish and settle: nobody waits for them later. @throws DatabaseUnavailable */
  async open(): Promise<void> {
    if (this.servers.areSeveral) this.watchServers();
    const clients = [];
    try {
      while (clients.length < this.budget.hot) clients.push(await this.acquire('hot'));
    } finally {
      for (const client of clients) client.release();
    }
  }

  /** `work` runs each time the database has come back, before anybody else may use it. */
  beforeUp(work: () => Promise<void>): void {
    this.recover = work;
  }

  /** A prepared statement on the way of an event. @throws DatabaseUnavailable, DatabaseBusy */
  hot<Row extends pg.QueryResultRow>(hotStatement: Statement, values: Parameter[]): Promise<Row[]> {
    return this.guarded<Row>('hot', { ...hotStatement, values });
  }

  /** Any other statement; planned anew each time, so that absent filters cost nothing. @throws as `hot` */
  run<Row extends pg.QueryResultRow>(text: string, values: Parameter[] = []): Promise<Row[]> {
    return this.guarded<Row>('run', { text, values });
  }

  /**
   * A look through the history: what it takes depends on how much there is. Accounts take turns; `null` is for looks over
   * all of them. @throws as `hot`
   */
  read<Row extends pg.QueryResultRow>(account: string | null, text: string, values: Parameter[] = []): Promise<Row[]> {
    return this.turns.run(account ?? '', () => this.guarded<Row>('read', { text, values }));
  }

  /** A statement of the maintenance: heartbeat, take-over, recovery. @throws as `hot` */
  maintain<Row extends pg.QueryResultRow>(text: string, values: Parameter[] = []): Promise<Row[]> {
    return this.guarded<Row>('maintenance', { text, values });
  }

  /**
   * Runs `work` in a transaction on one connection, and again when another transaction made it roll back: it may do
   * nothing else. @throws as `hot`, and whatever `work` throws
   */
  transaction<T>(work: (run: Database['run']) => Promise<T>): Promise<T> {
    return this.use('run', async (query) => {
      await query({ text: 'BEGIN' });
      const result = await work((text, values = []) => query({ text, values }));
      await query({ text: 'COMMIT' });
      return result;
    });
  }

  /** Listens on channels for as long as the database is used; called once. */
  async listen(channels: Readonly<Record<string, Heard>>): Promise<void> {
    if (this.isStopped) return;
    this.listener = new Listener({ ...this.config, application_name: `${this.name} listener` }, channels);
    await this.listener.start();
  }

  async stop(): Promise<void> {
    if (this.isStopped) return;
    this.isStopped = true;
    this.availability.stop();
    this.stopWatching();
    const ends = Promise.allSettled([this.listener?.stop(), ...Object.values(this.pools).map((pool) => pool.end())]);
    // A connection whose other side is silent never ends by itself.
    await Promise.race([ends, setTimeout(CONNECT_TIMEOUT_MS, undefined, { ref: false })]);
  }

  /**
   * A primary that is cut off from the others goes on for a while, and what it is asked to commit hangs. When another one has
   * been chosen meanwhile, nobody waits for it any longer.
   */
  private watchServers(): void {
    const timer = setInterval(async () => {
      try {
        if (!this.up || !(await this.servers.find())) return;
        this.availability.goDown('away');
        this.leaveOthers();
      } catch (error) {
        this.log(`It could not be found out which server takes writes: ${error}`);
      }
    }, WATCH_EVERY_MS);
    timer.unref();
    this.stopWatching = () => clearInterval(timer);
  }

  /** Connections to the server that took writes before are of no use, and may look well. */
  private leaveOthers(): void {
    for (const client of this.clients) this.leaveIfElsewhere(client);
    this.listener?.breakOff();
  }

  private leaveIfElsewhere(client: pg.PoolClient): void {
    const isElsewhere = client instanceof PrimaryClient && this.servers.areSeveral && client.url !== this.servers.url;
    if (isElsewhere) client.connection.stream.destroy();
  }

  private guarded<Row extends pg.QueryResultRow>(pool: PoolName, query: pg.QueryConfig): Promise<Row[]> {
    return this.use(pool, (run) => run<Row>(query));
  }

  private async use<T>(pool: PoolName, work: (query: Query) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const client = await this.acquire(pool);
      // Tells what the driver throws from what `work` throws by itself.
      let failure: unknown;
      const query: Query = async <Row extends pg.QueryResultRow>(config: pg.QueryConfig) => {
        try {
          return (await client.query<Row>(config)).rows;
        } catch (error) {
          failure = error;
          throw error;
        }
      };
      try {
        const result = await work(query);
        client.release();
        return result;
      } catch (error) {
        const kind = error === failure ? kindOfDriverError(error) : kindOf(error);
        await giveBack(client, kind);
        if (kind !== 'try_again') return await this.fail(pool, error, kind, kind === 'away');
        if (tries >= TRIES_MAX) throw new DatabaseBusy(error);
        await setTimeout(TRY_AGAIN_MS * tries);
      }
    }
  }

  private async acquire(name: PoolName): Promise<pg.PoolClient> {
    const pool = this.pools[name];
    const deadlineMs = performance.now() + CONNECT_TIMEOUT_MS;
    for (;;) {
      // Recovery runs on `maintenance`, while everybody else still waits.
      if (!this.isRecovering || name !== 'maintenance') this.availability.require();
      try {
        return await pool.connect();
      } catch (error) {
        const kind = kindOfDriverError(error);
        const mayWait = kind === 'busy' && performance.now() < deadlineMs;
        // With connections handed out, it was the wait for one of them, or for one more, that took too long: if the
        // database were away, they would break.
        if (!mayWait && pool.totalCount > 0) throw new DatabaseBusy(error);
        // Whatever else stands against a connection, nothing can be stored.
        if (!mayWait) return await this.fail(name, error, isOutage(kind) ? kind : 'away');
      }
      await setTimeout(CONNECT_AGAIN_MS);
    }
  }

  /** Throws what an error means to the caller. */
  private async fail(pool: PoolName, error: unknown, kind: DatabaseErrorKind, mayBeStored = false): Promise<never> {
    if (kind === 'busy') throw new DatabaseBusy(error);
    if (!isOutage(kind)) throw error;
    if (this.isRecovering) throw new DatabaseUnavailable(error, kind, mayBeStored);
    // A standby refuses writes on every connection alike.
    if (pool === 'hot' || kind === 'read_only') this.availability.goDown(kind);
    else await this.check();
    if (this.up) throw new DatabaseBusy(error);
    throw new DatabaseUnavailable(error, kind, mayBeStored);
  }

  /** Finds out whether it was that connection alone: if not, the database is down afterwards. */
  private check(): Promise<void> {
    this.checking ??= this.guarded('hot', { text: 'SELECT 1' })
      .then(
        () => {},
        () => {},
      )
      .finally(() => {
        this.checking = undefined;
      });
    return this.checking;
  }

  /** Once: somebody has to look at that cluster. */
  private tellOfStale(): void {
    const { stale } = this.servers;
    if (stale !== undefined && stale !== this.toldOfStale) this.log(stale);
    this.toldOfStale = stale;
  }

  /** Whether the database can be used: reached, written to, and asked about what was under way. Bounded in time. */
  private async probe(): Promise<void> {
    if (await this.servers.find()) this.leaveOthers();
    this.tellOfStale();
    const client = new PrimaryClient({
      ...this.config,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query(
        `INSERT INTO settings (name, value) VALUES ('written_at', now()::text)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      );
      // A statement can outlive its client: the connection is gone here, and there it waits for a lock and commits later.
      // Before anything is concluded from what the database holds, ours have to be over.
      await endBackends(this.name, async (text, values) => (await client.query(text, values)).rows);
      this.isRecovering = true;
      await this.recover();
    } finally {
      this.isRecovering = false;
      client.end().catch(() => {});
    }
  }
}

/** A connection that an error broke, or whose transaction cannot be ended, is not used again. */
async function giveBack(client: pg.PoolClient, kind: DatabaseErrorKind): Promise<void> {
  const isBroken = kind === 'away' || (await client.query('ROLLBACK').then(isFalse, isTrue));
  client.release(isBroken);
}

const isTrue = () => true;
const isFalse = () => false;
