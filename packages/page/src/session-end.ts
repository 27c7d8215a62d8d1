const ENDED = 'posthorn-session-end';

/** Says that the server does not know the session any more. */
export function sessionHasEnded(): void {
  dispatchEvent(new Event(ENDED));
}

/** @returns what takes the listener away again */
export function onSessionEnd(listener: () => void): () => void {
  addEventListener(ENDED, listener);
  return () => removeEventListener(ENDED, listener);
}
