type Kind = 'local' | 'session';

/** What the browser keeps for this page; nothing where it keeps nothing, as for pages inside others when told so. */
export function recall(key: string, kind: Kind = 'local'): string | undefined {
  try {
    return storageOf(kind).getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * Keeps a text, or with `undefined` none any more.
 * @returns whether it is kept: a browser may refuse, or have no room left
 */
export function remember(key: string, text: string | undefined, kind: Kind = 'local'): boolean {
  try {
    if (text === undefined) storageOf(kind).removeItem(key);
    else storageOf(kind).setItem(key, text);
    return true;
  } catch {
    return false;
  }
}

const storageOf = (kind: Kind) => (kind === 'local' ? window.localStorage : window.sessionStorage);
