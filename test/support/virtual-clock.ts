import type { Clock } from '../../packages/server/src/domain/clock.ts';

interface Timer {
  atMs: number;
  run: () => void;
}

/** How often the clock moves by itself, and by how much: ten times as fast as real time. */
const TICK_MS = 5;
const STEP_MS = 50;

/**
 * A clock that tests move. It runs ten times as fast as the real one, so that the engine goes on by itself, and jumps
 * over hours on demand. Database, sockets and their timeouts stay real.
 */
export class VirtualClock implements Clock {
  private nowMs = Date.now();
  private readonly timers = new Set<Timer>();
  private readonly ticking = setInterval(() => this.jump(STEP_MS), TICK_MS);

  now(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Moves on at once; what has become due meanwhile runs once, in order. */
  jump(ms: number): void {
    this.nowMs += ms;
    const due = [...this.timers].filter((timer) => timer.atMs <= this.nowMs).sort((a, b) => a.atMs - b.atMs);
    for (const timer of due) {
      this.timers.delete(timer);
      timer.run();
    }
  }

  stop(): void {
    clearInterval(this.ticking);
  }
}
