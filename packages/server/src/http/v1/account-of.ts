import { Problem } from '../../domain/errors.ts';
import type { KnownAccount } from '../../fanout/directory.ts';
import type { HttpParts } from '../app.ts';

/** @throws Problem `account_not_found` */
export async function accountOf({ directory }: Pick<HttpParts, 'directory'>, id: string): Promise<KnownAccount> {
  const account = await directory.get(id);
  if (!account) throw new Problem('account_not_found');
  return account;
}
