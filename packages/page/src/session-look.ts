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
    const account = queries.getQueryData<PageInfo>(['page'])?.account;
    const before = currentToken();
    if (!(error instanceof ApiError) || error.problem.status !== 401 || !account || before === undefined) return;
    for (const other of await othersTokens()) {
      if ((await accountOf(other)) !== account.id) continue;
      renewToken(other);
      await get<PageInfo>(SESSION);
      return;
    }
  }
}

/** Whose page a token opens; undefined when it opens none. */
async function accountOf(token: string): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${token}`, 'x-posthorn-page': '1' };
  const response = await fetch(SESSION, { headers }).catch(() => undefined);
  return response?.ok ? ((await response.json()) as PageInfo).account?.id : undefined;
}
