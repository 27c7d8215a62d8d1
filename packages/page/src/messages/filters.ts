import { isSpan, momentsOf, type Range } from '../ui/time-range.tsx';

/** Filters of the list that stand in the URL under the API's own names. */
export const FILTERS = ['status', 'trigger', 'topic', 'endpoint', 'q', 'last_status', 'last_error', 'test'] as const;
const TIMES = ['span', 'from', 'to'] as const;

/** No filter at all. */
export const CLEARED: Record<string, null> = Object.fromEntries([...FILTERS, ...TIMES].map((name) => [name, null]));

export function isFiltered(params: URLSearchParams): boolean {
  return [...FILTERS, ...TIMES].some((name) => params.get(name) !== null);
}

export function rangeOf(params: URLSearchParams): Range {
  const [span, from, to] = TIMES.map((name) => params.get(name));
  const isOwn = span === 'own' || from !== null || to !== null;
  return {
    span: isSpan(span ?? null) ? (span as Range['span']) : isOwn ? 'own' : 'any',
    from: from ?? '',
    to: to ?? '',
  };
}

/** The filters as the API takes them: spans become moments. */
export function queryOf(params: URLSearchParams, nowMs: number): URLSearchParams {
  const query = new URLSearchParams(momentsOf(rangeOf(params), nowMs));
  for (const name of FILTERS) {
    const value = params.get(name);
    if (value !== null) query.set(name, value);
  }
  return query;
}
