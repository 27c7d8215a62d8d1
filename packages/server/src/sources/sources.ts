import { type Clock, pause } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { Rounds } from '../domain/rounds.ts';
import { isPassing } from '../storage/database-errors.ts';
import type { DeadLetter, SourceState, SourceStatus, SourceStore } from '../storage/page-store.ts';
import type { Intake } from './intake.ts';
import { type Message, messageOf, type SourceReader } from './reader.ts';
import type { SourceConfig } from './source-config.ts';

/** How long is waited before a source that failed is opened again: twice as long each time. */
const REOPEN_MS = { first: 500, max: 30_000 };
/**
 * When a source has so many, nothing of it is read until somebody has dealt with them. What was being read by then is stored all
 * the same.
 */
export const DEAD_LETTERS_MAX = 100_000;
/** How often is looked whether somebody has. */
const HELD_MS = 5_000;
const HOLD_EVERY_MS = 5_000;
const REPORT_EVERY_MS = 2_000;
/** How often sources are asked how much waits there, and how long that may take. */
const ASK_EVERY_MS = 10_000;
const ASK_MAX_MS = 5_000;
/** A broker that does not answer holds up neither the end of the server nor a new try for longer. */
const CLOSE_MAX_MS = 5_000;
const STOP_MAX_MS = 10_000;
const REDRIVEN_AT_ONCE = 500;

interface Running {
  config: SourceConfig;
  status: SourceStatus;
  /** While it is open. */
  reader?: SourceReader | undefined;
  done: Promise<void>;
}

/** Reads the configured sources on this node, each by itself, and tells how they do. */
export class Sources {
  private readonly running: Running[] = [];
  private readonly rounds: Rounds;
  private readonly stopping = new AbortController();

  constructor(
    private readonly parts: {
      configs: readonly SourceConfig[];
      openReader: (source: SourceConfig) => Promise<SourceReader>;
      store: SourceStore;
      intake: Intake;
      clock: Clock;
      node: { readonly id: number };
      isUp: () => boolean;
      whenUp: () => Promise<void>;
      onError: (error: unknown) => void;
      /** A source fails, or does again what it should. */
      onState: (name: string, state: SourceState, error: string | null) => void;
      onTaken: (name: string, counts: { accepted: number; dead: number }) => void;
    },
  ) {
    this.rounds = new Rounds(parts);
  }

  start(): void {
    for (const config of this.parts.configs) {
      const status: SourceStatus = {
        state: 'starting',
        error: null,
        accepted: 0,
        dead: 0,
        lastAtMs: null,
        behind: null,
      };
      const running: Running = { config, status, done: Promise.resolve() };
      running.done = this.run(running);
      this.running.push(running);
    }
    if (this.running.length === 0) return;
    this.rounds.every(REPORT_EVERY_MS, () => this.report());
    this.rounds.every(ASK_EVERY_MS, () => this.ask());
  }

  /** Finishes what is being stored. */
  async stop(): Promise<void> {
    this.stopping.abort(new Problem('shutting_down'));
    // What is being stored is; whether a broker hears of it is not waited for without end: it would come again, and be known.
    await within(this.parts.clock, STOP_MAX_MS, Promise.all(this.running.map(({ done }) => done)));
    await this.rounds.stop();
    if (this.running.length > 0) await this.parts.store.forget(this.parts.node.id).catch(this.parts.onError);
  }

  find(name: string): SourceConfig | undefined {
    return this.parts.configs.find((config) => config.name === name);
  }

  get configs(): readonly SourceConfig[] {
    return this.parts.configs;
  }

  /**
   * Publishes dead letters again, as the source's mapping and the contracts are by now. What is an event then is one no more.
   * @param letters in the order in which they came
   * @returns how many are events
   */
  async redrive(config: SourceConfig, letters: readonly DeadLetter[]): Promise<number> {
    const { store, intake } = this.parts;
    let accepted = 0;
    for (let from = 0; from < letters.length; from += REDRIVEN_AT_ONCE) {
      const some = letters.slice(from, from + REDRIVEN_AT_ONCE);
      // Those that fail again are noted with the reason of now.
      const dead = new Set<Message>(await intake.take(config, some, this.stopping.signal));
      const taken = some.filter((letter) => !dead.has(letter));
      await store.remove(
        config.name,
        taken.map(({ id }) => id),
      );
      accepted += taken.length;
    }
    return accepted;
  }

  private async run(running: Running): Promise<void> {
    const { config, status } = running;
    const { signal } = this.stopping;
    const { clock, onState } = this.parts;
    const set = (state: SourceState, error: string | null = null) => {
      if (status.state === state && status.error === error) return;
      Object.assign(status, { state, error });
      onState(config.name, state, error);
    };
    for (let waitMs = REOPEN_MS.first; !signal.aborted; ) {
      let reader: SourceReader | undefined;
      let pauseMs = 0;
      try {
        await this.parts.whenUp();
        if (await this.isFull(config)) {
          set(
            'held',
            `There are ${DEAD_LETTERS_MAX} dead letters: publish them again, or delete them, and it goes on.`,
          );
          await pause(clock, HELD_MS, signal);
          continue;
        }
        reader = await this.open(config);
        running.reader = reader;
        for (let mayRead = true; mayRead && !signal.aborted; ) {
          set(reader.isStandby ? 'standby' : 'running');
          const read = await this.readOnce(config, status, reader);
          if (read.count > 0) waitMs = REOPEN_MS.first;
          mayRead = read.dead === 0 || !(await this.isFull(config));
        }
      } catch (error) {
        if (!signal.aborted) {
          pauseMs = waitMs;
          set('failing', messageOf(error));
          waitMs = Math.min(2 * waitMs, REOPEN_MS.max);
        }
      }
      running.reader = undefined;
      status.behind = null;
      if (reader) await this.close(reader);
      await pause(clock, pauseMs, signal);
    }
  }

  private async isFull({ name }: SourceConfig): Promise<boolean> {
    try {
      return await this.parts.store.isFull(name, DEAD_LETTERS_MAX);
    } catch (error) {
      // Nothing is read while the database is away, and it is asked again after the next dead letter.
      if (isPassing(error)) return false;
      throw error;
    }
  }

  /** @throws the signal's reason: whatever it takes to connect, a server that stops does not wait for it */
  private async open(config: SourceConfig): Promise<SourceReader> {
    const { signal } = this.stopping;
    signal.throwIfAborted();
    const opening = this.parts.openReader(config);
    const stopped = new Promise<never>((_, reject) => {
      const stop = () => reject(signal.reason);
      signal.addEventListener('abort', stop);
      const forget = () => signal.removeEventListener('abort', stop);
      opening.then(forget, forget);
    });
    try {
      return await Promise.race([opening, stopped]);
    } catch (error) {
      if (signal.aborted) opening.then((reader) => this.close(reader)).catch(() => {});
      throw error;
    }
  }

  private async close(reader: SourceReader): Promise<void> {
    const { clock, onError } = this.parts;
    await within(clock, CLOSE_MAX_MS, reader.close().catch(onError));
  }

  /** @returns how many messages came, and how many of them are no events */
  private async readOnce(
    config: SourceConfig,
    status: SourceStatus,
    reader: SourceReader,
  ): Promise<{ count: number; dead: number }> {
    const { intake, clock, onTaken, whenUp } = this.parts;
    const { signal } = this.stopping;
    // Nothing is read that could not be stored.
    await whenUp();
    const batch = await reader.read(signal);
    if (!batch || batch.messages.length === 0) return { count: 0, dead: 0 };
    let isOver = false;
    let lost: unknown;
    const hold = () => {
      if (isOver) return;
      batch.hold?.().catch((error: unknown) => {
        lost = error;
      });
      cancel = clock.after(HOLD_EVERY_MS, hold);
    };
    let cancel = clock.after(HOLD_EVERY_MS, hold);
    let dead: number;
    try {
      dead = (await intake.take(config, batch.messages, signal)).length;
    } finally {
      isOver = true;
      cancel();
    }
    const accepted = batch.messages.length - dead;
    status.accepted += accepted;
    status.dead += dead;
    status.lastAtMs = clock.now();
    onTaken(config.name, { accepted, dead });
    await batch.done();
    if (lost !== undefined) throw lost;
    return { count: batch.messages.length, dead };
  }

  /** What a source does not say is not known, and nothing else fails by it. */
  private async ask(): Promise<void> {
    const one = async ({ reader, status }: Running) => {
      if (!reader) return;
      const behind = await reader.behind().catch(() => null);
      status.behind = behind;
    };
    await within(this.parts.clock, ASK_MAX_MS, Promise.all(this.running.map(one)));
  }

  private async report(): Promise<void> {
    const { store, node, isUp } = this.parts;
    if (!isUp()) return;
    try {
      await store.report(
        node.id,
        this.running.map(({ config, status }) => ({ name: config.name, type: config.type, ...status })),
      );
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }
}

/** Waits for something, but no longer than that. */
async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  let cancel = () => {};
  const tooLong = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([work, tooLong]);
  cancel();
}
