import type { Clock } from '../../packages/server/src/domain/clock.ts';
import { query } from './database.ts';
import { setDatabaseClock } from './faults.ts';
import { eventually, type TestNode } from './node.ts';

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
  private setAheadMs = 0;
  private readonly timers = new Set<Timer>();
  private readonly ticking = setInterval(() => this.jump(STEP_MS), TICK_MS);

  now(): number {
    return this.nowMs + this.setAheadMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  /** Sets the wall clock forwards or backwards, as somebody may do; the time that passes is not changed by it. */
  set(ms: number): void {
    this.setAheadMs += ms;
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

/** Between two looks of retention, and a little more. */
const LOOK_MS = 600_500;

/**
 * Leaps over at least three days, PostgreSQL's clock too (`makeClockMovable`), and waits until retention has had a whole look at the time after: the last thing that
 * it does is to forget old idempotency keys, and there is one.
 */
export async function leapWithRetention(node: TestNode, clock: VirtualClock, ms: number): Promise<void> {
  // Retention believes that time has passed when it has looked before.
  const looked = () => query(node.databaseUrl, "SELECT FROM settings WHERE name = 'retention_looked_at'");
  if ((await looked()).length === 0) {
    await setDatabaseClock(node.databaseUrl, clock.monotonicMs() + LOOK_MS);
    clock.jump(LOOK_MS);
    await eventually(looked, (rows) => rows.length === 1);
  }
  const key = `leap-${clock.now()}`;
  const account = await node.call('POST', '/v1/accounts', { name: 'Leap', contract: 'standard' });
  const kept = () => query(node.databaseUrl, `SELECT FROM idempotency WHERE key = 'id ${key}'`);
  const event = { id: key, trigger: 'leap', payload: {} };
  const answer = await node.call('POST', `/v1/accounts/${account.body.id}/events`, event);
  if ((await kept()).length === 0) throw new Error(answer.text);
  await setDatabaseClock(node.databaseUrl, clock.monotonicMs() + ms);
  clock.jump(ms);
  await eventually(kept, (rows) => rows.length === 0);
}
