/** A place in a payload (RFC 6901), as filters and ordering keys name it; the empty one is the payload itself. */
const JSON_POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;

export function isJsonPointer(text: string): boolean {
  return JSON_POINTER.test(text);
}

/** Done once: what remains is a walk. What it answers is undefined where there is nothing at that place. */
export function compilePointer(pointer: string): (payload: unknown) => unknown {
  const path = pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  return (payload) => valueAt(payload, path);
}

function valueAt(payload: unknown, path: readonly string[]): unknown {
  let found = payload;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    if (Array.isArray(found) && name === 'length') return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}
