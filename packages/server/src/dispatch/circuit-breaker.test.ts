import { expect, test } from 'vitest';
import type { AttemptOutcome } from '../domain/outcome.ts';
import { type Assessment, assess } from './circuit-breaker.ts';

const NEW: Assessment = { standing: 'unproven', failures: 0, concurrency: 10 };
const answered = (status: number, ms = 5): AttemptOutcome => ({
  ...(status < 300 ? {} : { error: 'http_status' as const }),
  response: { status, headers: [], body: Buffer.alloc(0), truncated: false },
  timings: { total: ms },
});
const TIMEOUT: AttemptOutcome = { error: 'timeout', timings: { total: 10_000 } };
const after = (...outcomes: AttemptOutcome[]) => outcomes.reduce((all, one) => assess(all, 10, one), NEW);

test('a quick success is healthy, a slow one is not', () => {
  expect(after(answered(200)).standing).toBe('healthy');
  expect(after(answered(200), answered(200, 3_000)).standing).toBe('unproven');
});

test('no answer is failing at once, and is probed with one request; answers earn the concurrency back', () => {
  expect(after(answered(200), TIMEOUT)).toEqual({ standing: 'failing', failures: 1, concurrency: 1 });
  expect(after(TIMEOUT, answered(200), answered(200))).toEqual({ standing: 'healthy', failures: 0, concurrency: 3 });
});

test('a refusal now and then changes nothing; three in a row are failing', () => {
  expect(after(answered(200), answered(422), answered(422)).standing).toBe('healthy');
  expect(after(answered(200), answered(500), answered(500), answered(500))).toMatchObject({
    standing: 'failing',
    concurrency: 1,
  });
});

test('what was never sent says nothing', () => {
  expect(assess(NEW, 10, { error: 'interrupted', timings: { total: 0 } })).toBe(NEW);
});
