import { expect, test } from 'vitest';
import { Backpressure } from './backpressure.ts';

/** One that runs on simulated time: every timer passes at once. */
function pressureOf({ waiting, busy }: { waiting: () => number; busy: number }) {
  let nowMs = 0;
  let finished = 0;
  const clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    after: (ms: number, run: () => void) => {
      nowMs += ms;
      queueMicrotask(run);
      return () => {};
    },
  };
  const backpressure = new Backpressure({ clock, waiting, finished: () => finished, utilization: () => busy });
  /** For how long the next batch yields, after so many deliveries were finished in a second. */
  const yieldsMs = async (perS: number) => {
    await backpressure.yieldToDelivering();
    nowMs += 1_000;
    finished += perS;
    const before = nowMs;
    await backpressure.yieldToDelivering();
    return nowMs - before;
  };
  return yieldsMs;
}

test('a busy node yields while more waits than it sends within 25 ms, and for 25 ms at most', async () => {
  expect(await pressureOf({ waiting: () => 200, busy: 1 })(4_000)).toBeGreaterThanOrEqual(25);
  expect(await pressureOf({ waiting: () => 200, busy: 1 })(4_000)).toBeLessThan(30);
  expect(await pressureOf({ waiting: () => 90, busy: 1 })(4_000)).toBe(0);
  let left = 205;
  expect(await pressureOf({ waiting: () => (left -= 30), busy: 1 })(4_000)).toBeLessThan(25);
});

test('nobody waits for slow receivers: then the node is not busy', async () => {
  expect(await pressureOf({ waiting: () => 5_000, busy: 0.5 })(4_000)).toBe(0);
});
