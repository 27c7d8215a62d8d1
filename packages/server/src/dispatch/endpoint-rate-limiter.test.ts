import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EndpointRateLimiter } from './endpoint-rate-limiter.ts';

test('never more than the limit in any second at the receiver, whenever a request arrives while it is in flight', () => {
  const requests = fc.array(
    fc.record({
      pause: fc.integer({ min: 0, max: 400 }),
      took: fc.integer({ min: 0, max: 1500 }),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 30, maxLength: 120 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), requests, (perS, list) => {
      const limiter = new EndpointRateLimiter(perS);
      const ends: number[] = [];
      const arrivals: number[] = [];
      let now = 0;
      const endUntil = (ms: number) => {
        ends.sort((a, b) => a - b);
        while ((ends[0] ?? Number.POSITIVE_INFINITY) <= ms) limiter.end(ends.shift() ?? 0);
      };
      for (const { pause, took, at } of list) {
        now += pause;
        for (;;) {
          endUntil(now);
          const wait = limiter.waitMs(now);
          if (wait === 0) break;
          now = wait === undefined ? (ends[0] ?? now) : Math.min(now + wait, ends[0] ?? Number.POSITIVE_INFINITY);
        }
        limiter.start(now);
        ends.push(now + took);
        arrivals.push(now + took * at);
      }
      arrivals.sort((a, b) => a - b);
      for (const from of arrivals) {
        expect(arrivals.filter((t) => t >= from && t < from + 1000).length).toBeLessThanOrEqual(perS);
      }
    }),
  );
});

test('says for how long an earlier request still counts', () => {
  const limiter = new EndpointRateLimiter(10);
  expect(limiter.windowMs(0)).toBe(0);
  limiter.start(0);
  limiter.end(20);
  expect(limiter.windowMs(500)).toBe(525);
  expect(limiter.windowMs(2_000)).toBe(0);
});
