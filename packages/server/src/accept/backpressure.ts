import type { Clock } from '../domain/clock.ts';

/** Deliveries may wait in memory for about so long before accepting yields. */
const TARGET_MS = 25;
/** However fast deliveries go: fewer than this never make accepting yield. */
const WAITING_MIN = 64;
/** The longest that one batch yields: publishers are slowed down, not locked out. */
const YIELD_MAX_MS = 25;
const LOOK_EVERY_MS = 2;
const WINDOW_MS = 100;
/** Above this the process is short of processor time; below it, deliveries wait for their receivers. */
const BUSY = 0.8;

export interface BackpressureParts {
  clock: Clock;
  /** Deliveries for endpoints that answer well, in memory and not in flight. */
  waiting: () => number;
  /** Deliveries finished since the start. */
  finished: () => number;
  /** How much of the time since it was asked last the event loop was busy: 0 to 1. */
  utilization: () => number;
}

/**
 * Backpressure from delivering to accepting, when both compete for the processor: accepting is the cheaper half, would run
 * ahead, and every delivery would wait for seconds in a queue that only grows. So the next batch of events waits while more
 * deliveries wait than are sent within 25 ms; batches become larger, and nothing is sent later for it. It does not
 * wait for slow receivers: then the event loop is idle.
 */
export class Backpressure {
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private finishedBefore = 0;
  private waitingMax = WAITING_MIN;
  private isBusy = false;

  constructor(private readonly parts: BackpressureParts) {}

  /** Resolves at once, or when less waits, or after 25 ms. */
  async yieldToDelivering(): Promise<void> {
    const { clock, waiting } = this.parts;
    this.look();
    if (!this.isBusy || waiting() <= this.waitingMax) return;
    const untilMs = clock.monotonicMs() + YIELD_MAX_MS;
    while (waiting() > this.waitingMax && clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => void clock.after(LOOK_EVERY_MS, resolve));
    }
  }

  private look(): void {
    const { clock, finished, utilization } = this.parts;
    const nowMs = clock.monotonicMs();
    const tookMs = nowMs - this.lookedAtMs;
    if (tookMs < WINDOW_MS) return;
    const count = finished();
    if (Number.isFinite(tookMs)) {
      this.waitingMax = Math.max(WAITING_MIN, ((count - this.finishedBefore) / tookMs) * TARGET_MS);
    }
    this.finishedBefore = count;
    this.isBusy = utilization() > BUSY;
    this.lookedAtMs = nowMs;
  }
}
