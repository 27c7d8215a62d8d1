import { expect, test } from 'vitest';
import { attemptSpanId, parseTraceparent, traceparentOf } from './trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

test('a traceparent is read, also of a later version; what is none is ignored', () => {
  const read = { traceId: TRACE, spanId: '00f067aa0ba902b7', traceFlags: 1 };
  expect(parseTraceparent(`00-${TRACE}-00f067aa0ba902b7-01`)).toEqual(read);
  expect(parseTraceparent(`01-${TRACE}-00f067aa0ba902b7-03-more`)).toEqual(read);
  for (const text of ['', '00', `ff-${TRACE}-00f067aa0ba902b7-01`, `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`])
    expect(parseTraceparent(text)).toBeUndefined();
  expect(parseTraceparent(`00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`)).toBeUndefined();
  expect(parseTraceparent(`00-${TRACE}-${'0'.repeat(16)}-01`)).toBeUndefined();
});

test('each attempt has a span of its own in the trace of the event', () => {
  const event = Buffer.alloc(16, 1);
  const delivery = Buffer.alloc(16, 2);
  expect(traceparentOf(event, delivery, 0)).toBe(`00-${'01'.repeat(16)}-0202020202020203-01`);
  expect(new Set([0, 1, 2, 3].map((attempts) => attemptSpanId(delivery, attempts))).size).toBe(4);
});
