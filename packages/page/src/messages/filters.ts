import { isSpan, momentsOf, type Range, type Span } from '../ui/time-range.tsx';

/** Filters of the list that stand in the URL under the API's own names. */
export const FILTERS = ['status', 'trigger', 'topic', 'endpoint', 'q', 'last_status', 'last_error'] as const;
const TIMES = ['span', 'from', 'to'] as const;
/** Long enough to hold what somebody is looking for, short enough for bars that say something. */
const SPAN: Span = '7d';

/** Tests are not shown unless somebody asks: a webhook in Testing Mode has one a minute. */
export type Tests = 'false' | 'true' | 'all';

/** No filter at all. */
export const CLEARED: Record<string, null> = Object.fromEntries(
  [...FILTERS, ...TIMES, 'test'].map((name) => [name, null]),
);

/** Whether less is shown than what happened lately. */
export function isFiltered(params: URLSearchParams): boolean {
  return FILTERS.some((name) => params.get(name) !== null) || rangeOf(params).span === 'own';
}

export function rangeOf(params: URLSearchParams): Range {
  const [span, from, to] = TIMES.map((name) => params.get(name));
  const isOwn = span === 'own' || from !== null || to !== null;
  return {
    span: isSpan(span ?? null) ? (span as Span) : isOwn ? 'own' : SPAN,
    from: from ?? '',
    to: to ?? '',
  };
}

/** The span that is shown when nobody has chosen one needs no place in the URL. */
export const rangeParams = ({ span, from, to }: Range): Record<string, string | null> =>
  span === 'own' ? { span, from, to } : { span: span === SPAN ? null : span, from: null, to: null };

export function testsOf(params: URLSearchParams): Tests {
  const tests = params.get('test');
  return tests === 'true' || tests === 'all' ? tests : 'false';
}

/** The filters as the API takes them: spans become moments. */
export function queryOf(params: URLSearchParams, nowMs: number, tests = testsOf(params)): URLSearchParams {
  const query = new URLSearchParams(momentsOf(rangeOf(params), nowMs));
  for (const name of FILTERS) {
    const value = params.get(name);
    if (value !== null) query.set(name, value);
  }
  if (tests !== 'all') query.set('test', tests);
  return query;
}
