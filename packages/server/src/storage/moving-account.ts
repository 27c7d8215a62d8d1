import { OF_ACCOUNT } from './accounts.ts';
import type { Database } from './database.ts';
import { hasOlderEnded } from './under-way.ts';

/** For how long an account is held because of statements that began before. */
const OLDER_SECONDS_MAX = 10;

/** Which account, by its number too: another one may be made under its id. `claim` is of whoever carries the move on right now. */
export interface Mover {
  accountId: string;
  number: string;
  claim: string;
}

/** The account, or its row in one of the two databases, is not as it was: another has taken the move on, or it was deleted. */
export class NotAsItWas extends Error {}

/** The account was deleted before it could be moved. */
export class AccountGone extends Error {}

/** `arriving`: nobody sees it yet. `open`: it lives here. */
export type Place = 'arriving' | 'open';

/**
 * An account on its way, as it stands in one of the two databases. Every statement asks for the claim in its row: whoever was asleep
 * while another carried the move on changes nothing.
 */
export class MovingAccount {
  constructor(
    private readonly mover: Mover,
    readonly database: Database,
  ) {}

  /** From here on nobody who has carried the move on before stores anything. */
  async takeOn(): Promise<void> {
    const { accountId, number, claim } = this.mover;
    await this.database.run('UPDATE accounts SET move_claim = $3 WHERE id = $1 AND number = $2', [
      accountId,
      number,
      claim,
    ]);
  }

  /** Whether it has not been deleted. */
  async isThere(): Promise<boolean> {
    const { accountId, number } = this.mover;
    const rows = await this.database.run(
      'SELECT FROM accounts WHERE id = $1 AND number = $2 AND (closed_at IS NULL OR moved_to IS NOT NULL)',
      [accountId, number],
    );
    return rows.length > 0;
  }

  /** Whether there is room for it here, as `makeRoom` has made it. */
  async isArriving(): Promise<boolean> {
    const { accountId, number, claim } = this.mover;
    const rows = await this.database.run(
      'SELECT FROM accounts WHERE id = $1 AND number = $2 AND move_claim = $3 AND moved_to IS NOT NULL',
      [accountId, number, claim],
    );
    return rows.length > 0;
  }

  /** The account itself, which nobody sees before it is opened. @throws NotAsItWas, AccountGone */
  async makeRoom(from: Database, toCell: string): Promise<void> {
    if (await this.isArriving()) return;
    const { accountId, claim } = this.mover;
    await isWelcome(this.database, accountId, toCell);
    // Closed since ever: it is no newer than what a cell keeps of an account that was deleted.
    const instead = { closed_at: new Date(0).toISOString(), moved_to: toCell, move_claim: claim, held_from: null };
    const [row] = await from.run<{ row: string }>(
      'SELECT (to_jsonb(a) || $2::jsonb)::text AS row FROM accounts a WHERE id = $1',
      [accountId, JSON.stringify(instead)],
    );
    if (!row) throw new AccountGone();
    await this.database.run(
      'INSERT INTO accounts OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_record(NULL::accounts, $1::json)',
      [row.row],
    );
  }

  /** Stores something of it while it is at that place, for whoever carries it on; it stays so until that is committed. */
  async store(work: (run: Database['run']) => Promise<unknown>, place: Place): Promise<void> {
    const { accountId, number, claim } = this.mover;
    const state = place === 'open' ? 'closed_at IS NULL' : 'moved_to IS NOT NULL';
    await this.database.transaction(async (run) => {
      const rows = await run(
        `SELECT set_config('posthorn.moves', 'on', true) FROM accounts
         WHERE id = $1 AND number = $2 AND move_claim = $3 AND ${state} FOR SHARE`,
        [accountId, number, claim],
      );
      if (rows.length === 0) throw new NotAsItWas('the account is not where it was brought, or another carries it on');
      await work(run);
    });
  }

  /**
   * From here on nothing is accepted for it, nothing that it has in flight counts, and what was in memory waits in its queue.
   * @throws NotAsItWas, AccountGone; whatever ends a wait for an application's transaction
   */
  async hold(toCell: string): Promise<void> {
    const { accountId, number, claim } = this.mover;
    const xid = await this.database.transaction(async (run) => {
      await run("SET LOCAL lock_timeout = '5s'");
      // Applications that publish in a transaction of their own hold it until they commit.
      await run('SELECT FROM accounts WHERE id = $1 FOR UPDATE', [accountId]);
      const rows = await run<{ xid: string }>(
        `UPDATE accounts
         SET closed_at = coalesce(closed_at, now()), closed_xid = pg_current_xact_id(), moved_to = $2, version = version + 1,
             held_from = least(held_from, (SELECT watermark FROM nodes ORDER BY watermark LIMIT 1))
         WHERE id = $1 AND number = $3 AND move_claim = $4 AND (closed_at IS NULL OR moved_to IS NOT NULL)
         RETURNING closed_xid::text AS xid`,
        [accountId, toCell, number, claim],
      );
      if (rows.length > 0) await run('DELETE FROM lanes WHERE account_id = $1', [accountId]);
      return rows[0]?.xid;
    });
    if (xid === undefined) throw (await this.isThere()) ? new NotAsItWas('another carries it on') : new AccountGone();
    // Whatever began before may have accepted, or stored, something that is seen only when it has ended.
    for (let looks = 0; !(await hasOlderEnded(this.database, 'posthorn%', xid)); looks++)
      if (looks === OLDER_SECONDS_MAX) throw new Error('something in the database of its cell takes too long');
    await this.database.run(REQUEUE, [accountId]);
  }

  /** It goes on here after it was held: it does not move for now. */
  async giveBack(): Promise<void> {
    await this.opened(async (run, accountId) => {
      await run(REQUEUE, [accountId]);
    });
  }

  /** It lives here from now on. @throws NotAsItWas */
  async open(): Promise<void> {
    if (await this.opened(async () => {})) return;
    const { accountId, number } = this.mover;
    const rows = await this.database.run('SELECT FROM accounts WHERE id = $1 AND number = $2 AND closed_at IS NULL', [
      accountId,
      number,
    ]);
    if (rows.length === 0) throw new NotAsItWas('the account is not where it was brought');
  }

  /** What is left of it goes as that of an account that was deleted. */
  async remove(): Promise<void> {
    const { accountId, number, claim } = this.mover;
    await this.database.transaction(async (run) => {
      const rows = await run(
        `UPDATE accounts SET moved_to = NULL, move_claim = NULL
         WHERE id = $1 AND number = $2 AND move_claim = $3 AND closed_at IS NOT NULL RETURNING id`,
        [accountId, number, claim],
      );
      if (rows.length === 0) return;
      for (const table of OF_ACCOUNT) await run(`DELETE FROM ${table} WHERE account_id = $1`, [accountId]);
    });
  }

  /** @returns whether it was on its way */
  private opened(before: (run: Database['run'], accountId: string) => Promise<void>): Promise<boolean> {
    const { accountId, number, claim } = this.mover;
    return this.database.transaction(async (run) => {
      const rows = await run(
        'SELECT FROM accounts WHERE id = $1 AND number = $2 AND move_claim = $3 AND moved_to IS NOT NULL FOR UPDATE',
        [accountId, number, claim],
      );
      if (rows.length === 0) return false;
      await before(run, accountId);
      await run(
        `UPDATE accounts
         SET closed_at = NULL, closed_xid = NULL, moved_to = NULL, held_from = NULL, version = version + 1 WHERE id = $1`,
        [accountId],
      );
      await run(LANES_OF_QUEUE, [accountId]);
      return true;
    });
  }
}

/** @throws NotAsItWas when there is another account of this id, or the rest of one */
export async function isWelcome(database: Database, accountId: string, toCell: string): Promise<void> {
  const rows = await database.run('SELECT FROM accounts WHERE id = $1', [accountId]);
  if (rows.length > 0) throw new NotAsItWas(`what an account of this id has left in ${toCell} is being removed`);
}

/** What nodes had in memory only: of events since the oldest that any of them had when the account was held first. */
const REQUEUE = `INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, payload_bytes)
  SELECT v.account_id, r.id, r.endpoint_id, v.id, r.topic, v.trigger, v.test, now(), octet_length(v.payload)
  FROM accounts a JOIN events v ON v.account_id = a.id AND v.id >= a.held_from
    CROSS JOIN LATERAL read_handed_over(v.handed_over) r
  WHERE a.id = $1 AND v.handed_over IS NOT NULL
    AND NOT EXISTS (SELECT FROM queue q WHERE q.account_id = v.account_id AND q.id = r.id)
    AND NOT EXISTS (SELECT FROM deliveries d WHERE d.account_id = v.account_id AND d.id = r.id)
  ON CONFLICT DO NOTHING`;

/** Whoever owns a lane next looks at once: by every clock. */
const LANES_OF_QUEUE = `INSERT INTO lanes AS l (endpoint_id, account_id, next_due_at)
  SELECT DISTINCT endpoint_id, account_id, 'epoch'::timestamptz FROM queue WHERE account_id = $1 ORDER BY endpoint_id
  ON CONFLICT (endpoint_id) DO UPDATE SET next_due_at = 'epoch'`;
