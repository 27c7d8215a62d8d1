import { EventEmitter, once } from 'node:events';
import { DatabaseUnavailable, isOutage, kindOfDriverError, type Outage } from './database-errors.ts';

const PROBE_MS = 200;
/** A server that is away costs nothing to be asked, and whoever publishes waits for it; others are left alone for longer. */
const PROBE_MAX_MS: Readonly<Record<Outage, number>> = { away: 1_000, read_only: 1_000, full: 10_000 };
/** An outage that comes back sooner after the last one makes the next probe wait longer. */
const STABLE_AFTER_MS = 10_000;

const REASONS: Readonly<Record<Outage, string>> = {
  away: 'the database cannot be reached',
  read_only: 'the database is read-only',
  full: 'the database has no room left',
};

/**
 * Whether the database can be used.
 *
 * up --(a statement fails by an outage)--> down --(a probe succeeds)--> up. While it is down, callers fail at once with
 * DatabaseUnavailable instead of piling up, and `whenUp` tells when to go on. An outage that returns again and again is
 * probed less and less often.
 */
export class Availability {
  private readonly changes = new EventEmitter().setMaxListeners(0);
  private outage: Outage | undefined;
  private upSinceMs = performance.now();
  private probeMs = PROBE_MS;
  private isStopped = false;
  private isGivenUp = false;

  constructor(
    private readonly parts: {
      /** Rejects while the database cannot be used. */
      probe: () => Promise<void>;
      log: (message: string) => void;
    },
  ) {}

  get isUp(): boolean {
    return this.outage === undefined;
  }

  /** Why it is down, as a part of a sentence. */
  get reason(): string | undefined {
    return this.outage && REASONS[this.outage];
  }

  /** For how long it has been up without a break. */
  get upForMs(): number {
    return this.isUp ? performance.now() - this.upSinceMs : 0;
  }

  /** Calls back on every change between up and down. */
  onChange(listen: (up: boolean) => void): void {
    this.changes.on('change', listen);
  }

  /** Resolves when the database is up, at once if it is; rejects when the server stops first, or has given up waiting. */
  async whenUp(): Promise<void> {
    for (;;) {
      if (this.isStopped) throw new DatabaseUnavailable('stopped');
      if (this.isUp) return;
      if (this.isGivenUp) throw new DatabaseUnavailable('stopping');
      await once(this.changes, 'change');
    }
  }

  /** @throws DatabaseUnavailable while it is down */
  require(): void {
    if (this.outage) throw new DatabaseUnavailable('down', this.outage);
  }

  goDown(outage: Outage): void {
    if (!this.isUp || this.isStopped) return;
    this.probeMs = this.upForMs > STABLE_AFTER_MS ? PROBE_MS : Math.min(this.probeMs * 2, PROBE_MAX_MS[outage]);
    this.outage = outage;
    this.parts.log(`Accepting and delivering pause: ${REASONS[outage]}.`);
    this.changes.emit('change', false);
    void this.probe();
  }

  /** From here on nobody waits for a database that is down. */
  giveUp(): void {
    this.isGivenUp = true;
    this.changes.emit('change', this.isUp);
  }

  stop(): void {
    this.isStopped = true;
    this.changes.emit('change', this.isUp);
  }

  private async probe(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, this.probeMs));
      if (this.isStopped) return;
      try {
        await this.parts.probe();
        break;
      } catch (error) {
        const kind = kindOfDriverError(error);
        if (isOutage(kind)) this.outage = kind;
        this.probeMs = Math.min(this.probeMs * 1.5, PROBE_MAX_MS[this.outage ?? 'away']);
      }
    }
    this.outage = undefined;
    this.upSinceMs = performance.now();
    this.parts.log('The database can be used again.');
    this.changes.emit('change', true);
  }
}
