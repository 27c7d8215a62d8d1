/**
 * Nobody sees a tab in the background, and a browser opens only a few connections to one server: six tabs that listen
 * would leave none for anything else. Resolves when the tab is seen, or when the signal ends the waiting.
 */
export function untilVisible(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener('visibilitychange', done);
      resolve();
    };
    document.addEventListener('visibilitychange', done);
    signal.addEventListener('abort', done);
  });
}

/** Runs `work` with a signal that ends it when the tab is hidden, or when the other signal ends. */
export async function whileVisible<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const hidden = new AbortController();
  const stop = () => document.hidden && hidden.abort();
  document.addEventListener('visibilitychange', stop);
  try {
    return await work(AbortSignal.any([signal, hidden.signal]));
  } finally {
    document.removeEventListener('visibilitychange', stop);
  }
}
