import { useSyncExternalStore } from 'react';

/**
 * How the page and its server stand: as they should, without a network, without an answer, with answers that say that
 * the server itself fails, or with a session that the server does not know any more.
 */
export type Connection = 'ok' | 'offline' | 'unreachable' | 'failing' | 'ended';

/** A single failure may be a restart; the second in a row is told of. */
const FAILURES_SHOWN = 2;
const FIRST_LOOK_MS = 2_000;
const LAST_LOOK_MS = 15_000;

const state = {
  now: 'ok' as Connection,
  failures: 0,
  waitMs: FIRST_LOOK_MS,
  timer: 0,
  listeners: new Set<() => void>(),
  look: async (): Promise<void> => {},
};

/** What a look at the server is; it tells of its answer by `answered`. */
export function lookWith(look: () => Promise<unknown>): void {
  state.look = async () => {
    await look().catch(() => {});
  };
}

/** An answer came, or none (0). Those of one endpoint say something about the whole server only when it fails. */
export function answered(status: number): void {
  if (status === 401) become('ended');
  else if (status === 0) become(navigator.onLine ? 'unreachable' : 'offline');
  else if (status >= 500) {
    state.failures++;
    if (state.failures >= FAILURES_SHOWN) become('failing');
  } else become('ok');
}

function become(next: Connection): void {
  if (next === 'ok') state.failures = 0;
  const isNew = next !== state.now;
  state.now = next;
  clearTimeout(state.timer);
  if (next === 'ok') state.waitMs = FIRST_LOOK_MS;
  else if (next !== 'ended') lookLater();
  if (isNew) for (const listener of state.listeners) listener();
}

function lookLater(): void {
  state.timer = window.setTimeout(() => void state.look(), state.waitMs);
  state.waitMs = Math.min(state.waitMs * 2, LAST_LOOK_MS);
}

/** Looks at the server now: somebody asked, or something has changed that may help. */
export function lookAgain(): Promise<void> {
  clearTimeout(state.timer);
  state.waitMs = FIRST_LOOK_MS;
  return state.look();
}

const lookIfNeeded = () => void (state.now !== 'ok' && !document.hidden && lookAgain());
addEventListener('online', lookIfNeeded);
addEventListener('offline', () => become('offline'));
// Whoever comes back may have signed in elsewhere.
document.addEventListener('visibilitychange', lookIfNeeded);
addEventListener('focus', lookIfNeeded);

export const connectionNow = (): Connection => state.now;

/** @returns what takes the listener away again */
export function onConnection(listener: () => void): () => void {
  state.listeners.add(listener);
  return () => state.listeners.delete(listener);
}

export const useConnection = (): Connection => useSyncExternalStore(onConnection, connectionNow);

/** Resolves when all is well, or when the signal ends the waiting. */
export function untilConnected(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (state.now !== 'ok' && !signal.aborted) return;
      stop();
      signal.removeEventListener('abort', look);
      resolve();
    };
    const stop = onConnection(look);
    signal.addEventListener('abort', look);
    queueMicrotask(look);
  });
}
