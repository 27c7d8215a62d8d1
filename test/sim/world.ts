import type { Clock } from '../../packages/server/src/domain/clock.ts';

interface Task {
  atMs: number;
  order: number;
  /** Undefined: taken back. */
  run: (() => void) | undefined;
}

/** The simulated wall clock begins here: in the middle of a day, far from today. */
const BEGIN_MS = Date.UTC(2031, 4, 6, 12);

const { setImmediate: setRealImmediate } = globalThis;
let immediates = 0;
// So that it is known whether something is still to run in the next turn of the event loop.
globalThis.setImmediate = Object.assign(
  (run: (...args: unknown[]) => void, ...args: unknown[]) => {
    immediates++;
    return setRealImmediate(() => {
      immediates--;
      run(...args);
    });
  },
  { __promisify__: setRealImmediate.__promisify__ },
) as typeof setImmediate;

/** Resolves when everything has run that one task set off: promises, and what these leave to the next turn. */
async function settled(): Promise<void> {
  do await new Promise<void>((resolve) => void setRealImmediate(resolve));
  while (immediates > 0);
}

/** A small generator of random numbers that can be started again from its seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Random choices. */
export class Chance {
  constructor(readonly random: () => number) {}

  /** An integer from `from` up to `to`. */
  between(from: number, to: number): number {
    return from + Math.floor(this.random() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const one = list[Math.floor(this.random() * list.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }
}

/** Simulated time and chance. Everything that happens is a task at a moment; the same seed gives the same tasks in the same order. */
export class World extends Chance {
  /** Milliseconds since the simulation began. */
  nowMs = 0;
  private readonly tasks: Task[] = [];
  private order = 0;
  private hash = 0x811c9dc5;

  constructor(readonly seed: number) {
    super(seeded(seed));
  }

  get wallMs(): number {
    return BEGIN_MS + this.nowMs;
  }

  /** What has happened so far, as a number: two runs of one seed have the same. */
  get trace(): string {
    return (this.hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Random numbers of their own: what uses others more or less often does not change these. */
  stream(name: string): Chance {
    let seed = this.seed;
    for (let i = 0; i < name.length; i++) seed = Math.imul(seed ^ name.charCodeAt(i), 0x01000193);
    return new Chance(seeded(seed));
  }

  /** Notes something that happened, as a part of the trace. */
  note(what: string): void {
    for (let i = 0; i < what.length; i++) this.hash = Math.imul(this.hash ^ what.charCodeAt(i), 0x01000193);
    this.hash = Math.imul(this.hash ^ Math.round(this.nowMs), 0x01000193);
  }

  after(delayMs: number, run: () => void): () => void {
    const task: Task = { atMs: this.nowMs + Math.max(0, delayMs), order: this.order++, run };
    this.push(task);
    return () => {
      task.run = undefined;
    };
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  /** Runs task after task until the moment, or until `isOver`; `check` after each. */
  async run(untilMs: number, check: () => void, isOver: () => boolean = () => false): Promise<void> {
    for (;;) {
      const next = this.tasks[0];
      if (isOver()) return;
      if (!next || next.atMs > untilMs) break;
      this.pop();
      if (!next.run) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      await settled();
      check();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  private isBefore(a: Task, b: Task): boolean {
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  }

  /** A binary heap. */
  private push(task: Task): void {
    let at = this.tasks.push(task) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.tasks[parent];
      if (!above || !this.isBefore(task, above)) break;
      this.tasks[at] = above;
      at = parent;
    }
    this.tasks[at] = task;
  }

  private pop(): void {
    const last = this.tasks.pop();
    if (!last || this.tasks.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = this.tasks[child];
      const right = this.tasks[child + 1];
      if (!left) break;
      let smaller = left;
      if (right && this.isBefore(right, left)) {
        smaller = right;
        child++;
      }
      if (!this.isBefore(smaller, last)) break;
      this.tasks[at] = smaller;
      at = child;
    }
    this.tasks[at] = last;
  }
}

/** The clocks of one machine: its wall clock can be set; a process that is stopped hears of nothing until it goes on. */
export class MachineClock implements Clock {
  private aheadMs = 0;
  private isDead = false;
  private stoppedUntilMs = 0;

  constructor(private readonly world: World) {}

  now(): number {
    return Math.floor(this.world.wallMs + this.aheadMs);
  }

  monotonicMs(): number {
    return this.world.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    return this.world.after(delayMs, () => this.deliver(run));
  }

  /** Runs in the process what comes from outside of it: an answer, a notification. */
  deliver(run: () => void): void {
    if (this.isDead) return;
    const waitMs = this.stoppedUntilMs - this.world.nowMs;
    if (waitMs > 0) this.world.after(waitMs, () => this.deliver(run));
    else run();
  }

  setWallClock(aheadMs: number): void {
    this.aheadMs = aheadMs;
  }

  stopFor(ms: number): void {
    this.stoppedUntilMs = Math.max(this.stoppedUntilMs, this.world.nowMs + ms);
  }

  get isStopped(): boolean {
    return this.stoppedUntilMs > this.world.nowMs;
  }

  kill(): void {
    this.isDead = true;
  }
}
