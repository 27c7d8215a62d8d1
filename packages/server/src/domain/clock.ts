/** Time as the rest of the server sees it. Only `main.ts` reads the real one; tests move a fake one. */
export interface Clock {
  /** Milliseconds since the Unix epoch: for what is shown, stored or signed. It may be set forwards and backwards. */
  now(): number;
  /** Milliseconds since some moment, never backwards: for durations (leases, rate limits, caches, back-off). */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`; the returned function takes it back. */
  after(delayMs: number, run: () => void): () => void;
}

/** A number in [0, 1). Injected, so that jitter can be replayed from a seed. */
export type Random = () => number;

/** Waits, but no longer than until the signal. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener('abort', end);
  });
}
