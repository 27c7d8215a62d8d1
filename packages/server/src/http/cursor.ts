import { Problem } from '../domain/errors.ts';
import type { Page } from '../storage/store.ts';

const LIMIT_DEFAULT = 50;

/** A cursor is the last entry's id, wrapped so that nobody builds on it. */
export function encodeCursor(id: string): string {
  return Buffer.from(`1:${id}`).toString('base64url');
}

/** @throws Problem `invalid_cursor` */
export function toPage(query: { limit?: number; cursor?: string }, isId: (id: string) => boolean): Page {
  const limit = query.limit ?? LIMIT_DEFAULT;
  if (query.cursor === undefined) return { limit };
  const text = Buffer.from(query.cursor, 'base64url').toString('utf8');
  const id = text.slice(2);
  if (!text.startsWith('1:') || encodeCursor(id) !== query.cursor || !isId(id)) throw new Problem('invalid_cursor');
  return { limit, before: id };
}

/** Reads one entry more than asked for, to know whether there is a next page. */
export async function answerPage<T, R>(
  page: Page,
  read: (page: Page) => Promise<T[]>,
  idOf: (entry: T) => string,
  present: (entry: T) => R,
): Promise<{ data: R[]; next_cursor: string | null }> {
  const entries = await read({ ...page, limit: page.limit + 1 });
  const shown = entries.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    data: shown.map(present),
    next_cursor: last && entries.length > page.limit ? encodeCursor(idOf(last)) : null,
  };
}
