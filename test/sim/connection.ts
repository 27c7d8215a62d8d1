import { DatabaseBusy, DatabaseUnavailable } from '../../packages/server/src/storage/database-errors.ts';
import type { Chance, MachineClock, World } from './world.ts';

/** What the database does to its clients, as probabilities for each statement. */
export interface DatabaseFaults {
  /** The connection breaks before the statement begins. */
  lostBefore: number;
  /** The statement commits, and its answer is lost. */
  answerLost: number;
  /** It is cancelled by its time limit: rolled back. */
  busy: number;
  /** It hangs at the server, which the client notices only after a while; it may still commit. */
  silent: number;
  /** It takes up to three seconds. */
  slow: number;
}

export const NO_FAULTS: DatabaseFaults = { lostBefore: 0, answerLost: 0, busy: 0, silent: 0, slow: 0.02 };

/** How a process runs its statements. */
export interface Statements {
  readonly name: string;
  /** One that sees what it writes to: it locks its rows. */
  atomic<T>(run: () => T): Promise<T>;
  /** One that `look`s when it begins, and `write`s when it commits: what READ COMMITTED gives where nothing is locked. */
  statement<Seen, T>(look: () => Seen, write: (seen: Seen) => T): Promise<T>;
}

/** When the driver gives a silent connection up. */
const SILENCE_MS = 35_000;
const PROBE_MS = 200;

/** A statement at the server: it outlives its client. */
interface Statement {
  client: Connection;
  isEnded: boolean;
}

/** What all clients share: whether the server can be reached, and what runs there. */
export class SimulatedServer {
  faults = NO_FAULTS;
  state: 'up' | 'refusing' | 'read_only' = 'up';
  /** By how much its clock is ahead of the true time. */
  aheadMs = 0;
  readonly chance: Chance;
  private readonly running = new Set<Statement>();

  constructor(readonly world: World) {
    this.chance = world.stream('database');
  }

  get databaseMs(): number {
    return this.world.wallMs + this.aheadMs;
  }

  /** Whether no statement is under way. */
  get isIdle(): boolean {
    return this.running.size === 0;
  }

  /** Ends the statements of a client: what has not been committed never will be. */
  endStatements(clientName: string): void {
    for (const statement of this.running) if (statement.client.name === clientName) statement.isEnded = true;
  }

  run<Seen, T>(client: Connection, look: () => Seen, write: (seen: Seen) => T, takesMs: number): Promise<T> {
    const { world, chance } = this;
    const statement = { client, isEnded: false };
    this.running.add(statement);
    return new Promise((resolve, reject) => {
      const begin = () => {
        if (statement.isEnded) return end(() => reject(new DatabaseUnavailable('ended', 'away', true)));
        if (this.state === 'refusing') return end(() => reject(new DatabaseUnavailable('refused', 'away', true)));
        if (this.state === 'read_only') return end(() => reject(new DatabaseUnavailable('read-only', 'read_only')));
        const seen = look();
        world.after(takesMs, () => {
          if (statement.isEnded) return end(() => reject(new DatabaseUnavailable('ended', 'away', true)));
          try {
            const result = write(seen);
            end(() => resolve(result));
          } catch (error) {
            end(() => reject(error));
          }
        });
      };
      const end = (answer: () => void) => {
        this.running.delete(statement);
        world.after(chance.random() * 2, answer);
      };
      world.after(chance.random() * 2, begin);
    });
  }
}

/** One process's way to the database, with the rules of storage/database.ts: down after a lost connection, up after a probe. */
export class Connection implements Statements {
  isUp = true;
  private isProbing = false;
  private waiting: (() => void)[] = [];
  private recover: () => Promise<void> = async () => {};
  private onUp: () => void = () => {};
  private isRecovering = false;
  private isGivenUp = false;

  constructor(
    readonly name: string,
    private readonly server: SimulatedServer,
    private readonly clock: MachineClock,
  ) {}

  beforeUp(recover: () => Promise<void>, onUp: () => void): void {
    this.recover = recover;
    this.onUp = onUp;
  }

  async whenUp(): Promise<void> {
    if (!this.isUp && !this.isGivenUp) await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (!this.isUp) throw new DatabaseUnavailable('stopping');
  }

  /** The process stops: from here on nobody waits for a database that is down. */
  giveUp(): void {
    this.isGivenUp = true;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  atomic<T>(run: () => T): Promise<T> {
    return this.statement(
      () => undefined,
      () => run(),
    );
  }

  async statement<Seen, T>(look: () => Seen, write: (seen: Seen) => T): Promise<T> {
    if (!this.isUp && !this.isRecovering) throw new DatabaseUnavailable('down');
    const { world, faults, chance } = this.server;
    // All connections are in use: a process that is stopped meanwhile sends its statement when it goes on.
    if (chance.chance(0.1)) await this.deliver(world.pause(chance.random() * 20));
    const kind = chance.random();
    let limit = 0;
    const is = (probability: number) => {
      limit += probability;
      return kind < limit;
    };
    if (is(faults.lostBefore)) {
      await this.deliver(world.pause(chance.random() * 3));
      return this.fail(new DatabaseUnavailable('lost', 'away', true));
    }
    if (is(faults.busy)) {
      await this.deliver(world.pause(chance.random() * 3));
      throw new DatabaseBusy('cancelled');
    }
    const isLost = is(faults.answerLost);
    const isSilent = !isLost && is(faults.silent);
    const takesMs = chance.chance(faults.slow) ? chance.random() * 3_000 : chance.random() * 4;
    const result = this.server.run(this, look, write, isSilent ? chance.random() * 60_000 : takesMs);
    result.catch(() => {});
    if (isSilent) {
      await this.deliver(world.pause(SILENCE_MS));
      return this.fail(new DatabaseUnavailable('silent', 'away', true));
    }
    try {
      const answer = await this.deliver(result);
      if (!isLost) return answer;
    } catch (error) {
      if (error instanceof DatabaseUnavailable) return this.fail(error);
      throw error;
    }
    return this.fail(new DatabaseUnavailable('answer lost', 'away', true));
  }

  /** Only a process that runs hears of an answer. */
  private deliver<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => this.clock.deliver(() => resolve(value)),
        (error) => this.clock.deliver(() => reject(error)),
      );
    });
  }

  private fail(error: DatabaseUnavailable): never {
    if (!this.isRecovering) {
      this.isUp = false;
      if (!this.isProbing) {
        this.isProbing = true;
        this.clock.after(PROBE_MS, () => void this.probe());
      }
    }
    throw error;
  }

  private async probe(): Promise<void> {
    try {
      if (this.server.state !== 'up') throw new DatabaseUnavailable('still away');
      this.server.endStatements(this.name);
      this.isRecovering = true;
      await this.recover();
      this.isRecovering = false;
      this.isProbing = false;
      this.isUp = true;
      for (const resolve of this.waiting.splice(0)) resolve();
      this.onUp();
    } catch {
      this.isRecovering = false;
      this.clock.after(PROBE_MS * 5, () => void this.probe());
    }
  }
}
