import { setTimeout } from 'node:timers/promises';
import type { Database } from './database.ts';
import { statement } from './statement.ts';

const UNDER_WAY = statement('under_way').text;
const LOOK_EVERY_MS = 20;
const LOOKS_MAX = 50;

/**
 * Waits until whatever was under way on our connections (`named`: a pattern for their name) and may not know what the
 * transaction `xid` has committed, has ended: what it has stored is seen by statements from now on.
 * @returns false when something of it takes longer than a second
 */
export async function hasOlderEnded(database: Database, named: string, xid: string): Promise<boolean> {
  const look = async () => {
    const rows = await database.run<{ transaction: string }>(UNDER_WAY, [named, xid]);
    return new Set(rows.map(({ transaction }) => transaction));
  };
  // Whatever begins later than this look knows of it.
  let older = await look();
  for (let looks = 0; older.size > 0 && looks < LOOKS_MAX; looks++) {
    await setTimeout(LOOK_EVERY_MS);
    const now = await look();
    older = new Set([...older].filter((transaction) => now.has(transaction)));
  }
  return older.size === 0;
}
