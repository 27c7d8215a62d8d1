import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RateLimiter } from './rate-limiter.ts';

function limiter(rate: { burst: number; perMinute: number }) {
  const clock = { ms: 1_000 };
  return { clock, limits: new RateLimiter(rate, () => clock.ms) };
}

test('gives the burst at once, then one for each part of a minute, and says how long to wait', () => {
  const { clock, limits } = limiter({ burst: 3, perMinute: 60 });
  expect([1, 2, 3].map(() => limits.take('a'))).toEqual([0, 0, 0]);
  expect([limits.take('a'), limits.waitMs('a'), limits.waitMs('a', 3)]).toEqual([1_000, 1_000, 3_000]);
  expect(limits.take('b')).toBe(0);
  clock.ms += 999;
  expect(limits.take('a')).toBe(1);
  clock.ms += 1;
  expect(limits.take('a')).toBe(0);
  clock.ms += 3_600_000;
  expect([1, 2, 3, 4].map(() => limits.take('a') === 0)).toEqual([true, true, true, false]);
});

test('more than the burst is given to a full bucket only, and owed', () => {
  const { clock, limits } = limiter({ burst: 10, perMinute: 60 });
  expect(limits.take('a', 30)).toBe(0);
  expect(limits.take('a')).toBe(21_000);
  clock.ms += 21_000;
  expect(limits.take('a')).toBe(0);
  expect(limits.take('a', 30)).toBe(10_000);
});

test('a clock that is set back gives nothing', () => {
  const { clock, limits } = limiter({ burst: 1, perMinute: 60 });
  limits.take('a');
  clock.ms -= 500;
  expect(limits.take('a')).toBe(1_000);
});

test('in no span of time more is given than the burst and what flows in meanwhile', () => {
  const rates = fc.record({ burst: fc.integer({ min: 1, max: 50 }), perMinute: fc.integer({ min: 1, max: 600 }) });
  fc.assert(
    fc.property(rates, fc.array(fc.nat(5_000), { maxLength: 200 }), (rate, pauses) => {
      const { clock, limits } = limiter(rate);
      const startMs = clock.ms;
      let given = 0;
      for (const pause of pauses) {
        clock.ms += pause;
        if (limits.take('a') === 0) given++;
        expect(given).toBeLessThanOrEqual(rate.burst + ((clock.ms - startMs) * rate.perMinute) / 60_000 + 1e-3);
      }
    }),
  );
});

test('the memory is bounded', () => {
  const { limits } = limiter({ burst: 1, perMinute: 1 });
  for (let i = 0; i < 20_001; i++) limits.take(`name-${i}`);
  expect(limits.waitMs('name-20000')).toBeGreaterThan(0);
  expect(limits.waitMs('name-0')).toBe(0);
});
