import type pg from 'pg';
import { CONNECT_TIMEOUT_MS } from './connections.ts';
import { PrimaryClient } from './servers.ts';

const AGAIN_MS = 500;
const PULSE_MS = 15_000;

/** Called with a notification's payload; with '' after a gap in which some may have been missed. */
export type Heard = (payload: string) => void;

/** Listens on channels with one connection, and opens another when that is lost. */
export class Listener {
  private client: pg.Client | undefined;
  private isStopped = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly config: pg.ClientConfig,
    private readonly channels: Readonly<Record<string, Heard>>,
  ) {}

  /** Resolves when it listens, or when it has failed once and goes on trying. */
  async start(): Promise<void> {
    if (this.isStopped) return;
    const client = new PrimaryClient({
      ...this.config,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
    });
    this.client = client;
    // A half-open connection says nothing for hours; a question shows it.
    const pulse = setInterval(() => {
      client.query('SELECT 1').catch(() => client.end().catch(() => {}));
    }, PULSE_MS);
    client.on('error', () => {});
    client.once('end', () => {
      clearInterval(pulse);
      if (this.client === client) this.startAgain();
    });
    client.on('notification', ({ channel, payload }) => this.channels[channel]?.(payload ?? ''));
    try {
      await client.connect();
      for (const channel of Object.keys(this.channels))
        await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
      for (const heard of Object.values(this.channels)) heard('');
    } catch {
      clearInterval(pulse);
      client.end().catch(() => {});
      if (this.client === client) this.startAgain();
    }
  }

  /** Opens another connection. */
  breakOff(): void {
    this.client?.connection.stream.destroy();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.client?.end().catch(() => {});
  }

  private startAgain(): void {
    this.client = undefined;
    if (!this.isStopped) this.timer = setTimeout(() => void this.start(), AGAIN_MS);
  }
}
