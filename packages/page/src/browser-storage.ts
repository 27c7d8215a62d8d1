/** What the browser keeps for this page; undefined where it keeps nothing, as for pages inside others when told so. */
export function browserStorage(kind: 'local' | 'session'): Storage | undefined {
  try {
    return kind === 'local' ? window.localStorage : window.sessionStorage;
  } catch {
    return undefined;
  }
}
