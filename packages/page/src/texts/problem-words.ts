import { ApiError } from '../api.ts';
import type { Texts } from './en.ts';

/** What went wrong: the page's own words for a code where it has some, else the server's. */
export function problemWords(error: unknown, t: Texts): { title: string; detail: string } {
  const problem = error instanceof ApiError ? error.problem : undefined;
  const known = t.problems[problem?.code ?? ''];
  const title = known?.title ?? problem?.title ?? t.problems.unknown?.title ?? '';
  // Where in the request it is wrong says nothing to somebody who filled in a form.
  const detail = (known?.detail ?? (error instanceof Error ? error.message : String(error))).replace(/^#\S*: /, '');
  return { title, detail };
}

/** What is wrong with one field of a form, if something is. */
export function fieldMistake(error: unknown, field: string, t: Texts): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  const said = error.at(field);
  return said === undefined ? undefined : (t.problems[error.problem.code]?.detail ?? said);
}
