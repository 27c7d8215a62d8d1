import type { Page } from './types.ts';

/** Everything of a list, page after page, as it is asked for. */
export async function* everyPage<Query extends { cursor?: string }, T>(
  list: (query: Query) => Promise<Page<T>>,
  query: Query,
): AsyncGenerator<T, void, undefined> {
  for (let cursor = query.cursor; ; ) {
    const page = await list(cursor === undefined ? query : { ...query, cursor });
    yield* page.data;
    if (page.next_cursor === null) return;
    cursor = page.next_cursor;
  }
}
