/** Headers as servers give them: of the Fetch API, or an object as Node's, whatever the case of the names. */
export type HeadersInput =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** One header's value; undefined when it was not sent. */
export function headerOf(headers: HeadersInput, name: string): string | undefined {
  if (hasGet(headers)) return headers.get(name) ?? undefined;
  const wanted = name.toLowerCase();
  for (const [key, value] of Object.entries(headers)) {
    if (key.toLowerCase() === wanted && value !== undefined)
      return typeof value === 'string' ? value : value.join(', ');
  }
  return undefined;
}

function hasGet(headers: HeadersInput): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function';
}
