import { expect, test } from 'vitest';
import { SteadyClock } from './steady-clock.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 10, 27);

/** A machine whose clock can be set apart from the time that passes. */
function machine() {
  const state = { wallMs: START_MS, monotonicMs: 5_000 };
  return {
    state,
    pass(ms: number) {
      state.wallMs += ms;
      state.monotonicMs += ms;
    },
    clock: {
      now: () => state.wallMs,
      monotonicMs: () => state.monotonicMs,
      after: () => () => {},
    },
  };
}

test('time passes, and small corrections of the machine are followed', () => {
  const { state, pass, clock } = machine();
  const steady = new SteadyClock(clock);
  pass(10_000);
  state.wallMs += 300;
  expect(steady.now()).toBe(START_MS + 10_000);
  expect(steady.compare(state.wallMs).movedMs).toBe(300);
  expect(steady.now()).toBe(START_MS + 10_300);
});

test.each([40 * DAY_MS, -40 * DAY_MS])("a machine's clock that is moved by %d ms alone is not believed", (ms) => {
  const { state, pass, clock } = machine();
  const steady = new SteadyClock(clock);
  state.wallMs += ms;
  pass(3_000);
  expect(steady.compare(START_MS + 3_000)).toEqual({ movedMs: 0, machineAheadMs: ms, databaseAheadMs: 0 });
  expect(steady.now()).toBe(START_MS + 3_000);
  state.wallMs -= ms;
  expect(steady.compare(START_MS + 3_000)).toEqual({ movedMs: 0, machineAheadMs: 0, databaseAheadMs: 0 });
});

test.each([40 * DAY_MS, -40 * DAY_MS])("a database's clock that is moved by %d ms alone is not believed", (ms) => {
  const { pass, clock } = machine();
  const steady = new SteadyClock(clock);
  pass(3_000);
  expect(steady.compare(START_MS + 3_000 + ms)).toEqual({ movedMs: 0, machineAheadMs: 0, databaseAheadMs: ms });
  expect(steady.now()).toBe(START_MS + 3_000);
});

test.each([8 * 3_600_000, -8 * 3_600_000])('both moved by %d ms are believed: a machine has slept', (ms) => {
  const { state, clock } = machine();
  const steady = new SteadyClock(clock);
  state.wallMs += ms;
  expect(steady.compare(state.wallMs - 40).movedMs).toBe(ms);
  expect(steady.now()).toBe(START_MS + ms);
});
