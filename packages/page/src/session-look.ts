import type { QueryClient } from '@tanstack/react-query';
import { ApiError, get, SESSION } from './api.ts';
import { currentToken, othersTokens, renewToken } from './session-token.ts';
import type { PageInfo } from './types.ts';

/** Asks whether the session is known; when it is not, goes on with one of the same account that another tab has. */
export async function lookAtSession(queries: QueryClient): Promise<void> {
  try {
    await get<PageInfo>(SESSION);
    // It may be another one, with other permissions, that ends later.
    void queries.invalidateQueries({ queryKey: ['page'] });
  } catch (error) {
    const before = queries.getQueryData<PageInfo>(['page']);
    const isEnded = error instanceof ApiError && error.problem.status === 401;
    if (!isEnded || !before?.account || currentToken() === undefined) return;
    for (const other of await othersTokens()) {
      if (!isAsMuch(await infoOf(other), before)) continue;
      renewToken(other);
      await get<PageInfo>(SESSION);
      return;
    }
  }
}

/** Whether a session shows what another showed, and may do what it might: a link to a bin is none for the page. */
function isAsMuch(info: PageInfo | undefined, before: PageInfo): boolean {
  return (
    info !== undefined &&
    info.account?.id === before.account?.id &&
    info.bin === before.bin &&
    before.permissions.every((permission) => info.permissions.includes(permission))
  );
}

/** What a token opens; undefined when it opens nothing. */
async function infoOf(token: string): Promise<PageInfo | undefined> {
  const headers = { authorization: `Bearer ${token}`, 'x-posthorn-page': '1' };
  const response = await fetch(SESSION, { headers }).catch(() => undefined);
  return response?.ok ? ((await response.json()) as PageInfo) : undefined;
}
