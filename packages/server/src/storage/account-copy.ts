import type { Database } from './database.ts';
import type { Parameter } from './statement.ts';
import { hasOlderEnded } from './under-way.ts';

const ROWS_AT_ONCE = 500;
const BYTES_AT_ONCE = 8 * 1024 * 1024;

const OF_ENDPOINT = 'endpoint_id IN (SELECT id FROM endpoints WHERE account_id = $1)';
const OF_KEY = 'key_id IN (SELECT id FROM api_keys WHERE account_id = $1)';
/**
 * What an account has besides events and deliveries, in an order in which each finds what it refers to. Tokens of OAuth 2 are asked for
 * again.
 */
const SETTINGS: readonly (readonly [table: string, where: string])[] = [
  ['endpoints', 'account_id = $1'],
  ['endpoint_headers', 'account_id = $1'],
  ['endpoint_secrets', OF_ENDPOINT],
  ['endpoint_auth', 'account_id = $1'],
  ['endpoint_tls', 'account_id = $1'],
  ['endpoint_transformations', 'account_id = $1'],
  ['endpoint_health', OF_ENDPOINT],
  ['testing_rounds', OF_ENDPOINT],
  ['notice_standings', OF_ENDPOINT],
  ['api_keys', 'account_id = $1'],
  ['api_key_digests', OF_KEY],
  ['api_key_days', OF_KEY],
  ['api_key_calls', OF_KEY],
  ['bins', 'account_id = $1'],
  ['bin_requests', 'bin_id IN (SELECT id FROM bins WHERE account_id = $1)'],
  ['page_sessions', 'account_id = $1'],
  ['account_notices', 'account_id = $1'],
  ['notice_messages', 'account_id = $1'],
  ['replays', 'account_id = $1'],
  ['scheduled_events', 'account_id = $1'],
  ['audit_log', 'account_id = $1'],
  ['delivery_counts', 'account_id = $1'],
  ['delivery_counts_new', 'account_id = $1'],
  ['idempotency', 'account_id = $1'],
];
/** As `close` deletes them: what is left of an account is removed as that of one that was deleted. */
const GOES_AT_ONCE = [
  'endpoints',
  'api_keys',
  'page_sessions',
  'bins',
  'replays',
  'scheduled_events',
  'feeds',
  'lanes',
];

export type Piece = { copied: number; after: string | undefined };

/** Copies what an account has from one database to another, a piece at a time; each step may be repeated. */
export class AccountCopy {
  constructor(
    private readonly accountId: string,
    private readonly source: Database,
    private readonly target: Database,
    private readonly ensureDays: (ms: readonly number[]) => Promise<void>,
    /** Called before each piece that is stored: may end it. */
    private readonly onPiece: () => Promise<void>,
  ) {}

  /** Whether the target can take it: false when there is the rest of an account of this id. */
  async isWelcome(toCell: string): Promise<boolean> {
    const [there] = await this.target.run<{ moved_to: string | null }>('SELECT moved_to FROM accounts WHERE id = $1', [
      this.accountId,
    ]);
    return there === undefined || there.moved_to === toCell;
  }

  /** Makes room in the target: the account itself, which nobody sees before it is opened. */
  async begin(toCell: string): Promise<void> {
    if (!(await this.isWelcome(toCell)))
      throw new Error(`what an account of this id has left in ${toCell} is being removed`);
    await this.copy('accounts', 'id = $1', [], { closed_at: new Date(0).toISOString(), moved_to: toCell });
  }

  /** Whether it still lives in the source: it may have been deleted. */
  async isInSource(): Promise<boolean> {
    const rows = await this.source.run(
      'SELECT FROM accounts WHERE id = $1 AND (closed_at IS NULL OR moved_to IS NOT NULL)',
      [this.accountId],
    );
    return rows.length > 0;
  }

  /** Events after one, the oldest first: they never change. */
  async copyEvents(after: string): Promise<Piece> {
    const rows = await this.source.run<{ id: string; row: string }>(
      `SELECT id, row FROM (
         SELECT id, row, sum(bytes) OVER (ORDER BY id) - bytes AS before FROM (
           SELECT v.id, octet_length(v.payload) AS bytes,
                  (to_jsonb(v) || '{"node": null, "handed_over": null}')::text AS row
           FROM events v WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT ${ROWS_AT_ONCE}) page) counted
       WHERE before < ${BYTES_AT_ONCE} ORDER BY id`,
      [this.accountId, after],
    );
    await this.ensureDaysOf(rows.map(({ id }) => id));
    await this.insert(
      'events',
      rows.map(({ row }) => row),
    );
    return { copied: rows.length, after: rows.at(-1)?.id };
  }

  /** From here on nothing is accepted for it in the source, nothing that it has in flight counts, and what was in memory waits in its queue. */
  async hold(toCell: string): Promise<void> {
    const xid = await this.source.transaction(async (run) => {
      const rows = await run<{ xid: string }>(
        `UPDATE accounts SET closed_at = coalesce(closed_at, now()), closed_xid = pg_current_xact_id(), moved_to = $2, version = version + 1
         WHERE id = $1 AND (closed_at IS NULL OR moved_to IS NOT NULL) RETURNING closed_xid::text AS xid`,
        [this.accountId, toCell],
      );
      await run('DELETE FROM lanes WHERE account_id = $1', [this.accountId]);
      return rows[0]?.xid;
    });
    if (xid === undefined) throw new AccountGone();
    // Whatever began before may have accepted, or stored, something that is seen only when it has ended.
    while (!(await hasOlderEnded(this.source, 'posthorn%', xid)));
    await this.source.run(
      `INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, payload_bytes)
       SELECT v.account_id, r.id, r.endpoint_id, v.id, r.topic, v.trigger, v.test, now(), octet_length(v.payload)
       FROM events v CROSS JOIN LATERAL read_handed_over(v.handed_over) r
       WHERE v.account_id = $1 AND v.handed_over IS NOT NULL AND v.id >= (SELECT watermark FROM nodes ORDER BY watermark LIMIT 1)
         AND NOT EXISTS (SELECT FROM queue q WHERE q.account_id = v.account_id AND q.id = r.id)
         AND NOT EXISTS (SELECT FROM deliveries d WHERE d.account_id = v.account_id AND d.id = r.id)
       ON CONFLICT DO NOTHING`,
      [this.accountId],
    );
  }

  /** It goes on in the source: the other way round, when the target cannot be reached. */
  async giveBack(): Promise<void> {
    await this.source.transaction(async (run) => {
      await run(
        `UPDATE accounts SET closed_at = NULL, closed_xid = NULL, moved_to = NULL, version = version + 1
         WHERE id = $1 AND moved_to IS NOT NULL`,
        [this.accountId],
      );
      await run(LANES_OF_QUEUE, [this.accountId]);
    });
  }

  /** While it is held: all that it has but for what has ended, as it is by now. */
  async copyRest(): Promise<void> {
    // From a time before, when the target could not be reached half way.
    for (const [table, where] of SETTINGS.toReversed())
      await this.target.run(`DELETE FROM ${table} WHERE ${where}`, [this.accountId]);
    for (const [table, where] of SETTINGS) await this.copy(table, where);
    await this.copyFacts();
    await this.copyFeed();
    // In the order of their lines: each gets its place in the other database.
    await this.copy('queue', 'account_id = $1', ['turn', 'id'], { sending_epoch: null, turn: null });
    await this.copy('attempts', 'delivery_id IN (SELECT id FROM queue WHERE account_id = $1)', [
      'delivery_id',
      'number',
    ]);
  }

  /** Events that the copying before has missed: their ids come from several clocks. @returns how many */
  async copyMissedEvents(): Promise<number> {
    const hours = 'SELECT hour_of(id) AS hour, count(*)::int AS count FROM events WHERE account_id = $1 GROUP BY 1';
    const [here, there] = await Promise.all(
      [this.source, this.target].map((one) => one.run<{ hour: Date; count: number }>(hours, [this.accountId])),
    );
    const known = new Map(there?.map(({ hour, count }) => [hour.getTime(), count]));
    let copied = 0;
    for (const { hour, count } of here ?? []) {
      if (known.get(hour.getTime()) === count) continue;
      const until = firstUuidText(hour.getTime() + 3_600_000);
      for (let after: string | undefined = firstUuidText(hour.getTime() - 1); after !== undefined && after < until; ) {
        const piece: Piece = await this.copyEvents(after);
        copied += piece.copied;
        after = piece.after;
      }
    }
    return copied;
  }

  /** In the target it is an account as any other from now on. */
  async open(): Promise<void> {
    await this.target.transaction(async (run) => {
      await run(
        `UPDATE accounts SET closed_at = NULL, closed_xid = NULL, moved_to = NULL, version = version + 1
         WHERE id = $1 AND moved_to IS NOT NULL`,
        [this.accountId],
      );
      await run(LANES_OF_QUEUE, [this.accountId]);
    });
  }

  /** What has ended, with its attempts, the newest first; it does not change any more. */
  async copyHistory(before: string): Promise<Piece> {
    const rows = await this.source.run<{ id: string; row: string }>(
      `SELECT id, to_jsonb(d)::text AS row FROM deliveries d
       WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT ${ROWS_AT_ONCE}`,
      [this.accountId, before],
    );
    const ids = rows.map(({ id }) => id);
    await this.ensureDaysOf(ids);
    const attempts = await this.source.run<{ row: string }>(
      'SELECT to_jsonb(a)::text AS row FROM attempts a WHERE delivery_id = ANY ($1::uuid[])',
      [`{${ids.join(',')}}`],
    );
    await this.insert(
      'attempts',
      attempts.map(({ row }) => row),
      'open',
    );
    // What somebody has sent again meanwhile waits, or has ended anew.
    await this.insert(
      'deliveries',
      rows.map(({ row }) => row),
      'open',
    );
    return { copied: rows.length, after: ids.at(-1) };
  }

  /** What is left in the source goes as that of an account that was deleted. */
  async leave(): Promise<void> {
    await this.source.transaction(async (run) => {
      for (const table of GOES_AT_ONCE) await run(`DELETE FROM ${table} WHERE account_id = $1`, [this.accountId]);
      await run('UPDATE accounts SET moved_to = NULL WHERE id = $1 AND closed_at IS NOT NULL', [this.accountId]);
    });
  }

  /** It does not come after all. */
  async giveUp(): Promise<void> {
    await this.target.transaction(async (run) => {
      const rows = await run(
        'UPDATE accounts SET moved_to = NULL WHERE id = $1 AND closed_at IS NOT NULL RETURNING id',
        [this.accountId],
      );
      if (rows.length === 0) return;
      for (const table of GOES_AT_ONCE) await run(`DELETE FROM ${table} WHERE account_id = $1`, [this.accountId]);
    });
  }

  /** The account itself may have changed since it was there first. */
  private async copyFacts(): Promise<void> {
    const [row] = await this.source.run<{ row: string }>(
      'SELECT to_jsonb(a)::text AS row FROM accounts a WHERE id = $1',
      [this.accountId],
    );
    await this.target.run(
      `UPDATE accounts a
       SET name = r.name, metadata = r.metadata, updated_at = r.updated_at, version = greatest(a.version, r.version)
       FROM json_populate_record(NULL::accounts, $1::json) r WHERE a.id = r.id AND a.moved_to IS NOT NULL`,
      [row?.row ?? null],
    );
  }

  /** One that is not numbered to its beginning yet begins anew: its readers are told. */
  private async copyFeed(): Promise<void> {
    await this.target.run('DELETE FROM feed WHERE account_id = $1', [this.accountId]);
    await this.target.run('DELETE FROM feeds WHERE account_id = $1', [this.accountId]);
    const [feed] = await this.source.run<{ history_until: string | null }>(
      'SELECT history_until::text FROM feeds WHERE account_id = $1',
      [this.accountId],
    );
    if (!feed || feed.history_until === null) return;
    await this.copy('feed', 'account_id = $1', ['position']);
    await this.copy('feeds', 'account_id = $1');
  }

  private async copy(
    table: string,
    where: string,
    order: readonly string[] = [],
    instead: Record<string, string | null> = {},
  ): Promise<void> {
    await this.source.transaction(async (run) => {
      // Should it begin anew, so do the lines of ordering keys.
      if (table === 'queue') await this.target.run('DELETE FROM queue WHERE account_id = $1', [this.accountId]);
      await run(
        `DECLARE rows NO SCROLL CURSOR FOR SELECT (to_jsonb(t) || $2::jsonb)::text AS row FROM (
           SELECT * FROM ${table} WHERE ${where} ${order.length === 0 ? '' : `ORDER BY ${order.join(', ')}`}) t`,
        [this.accountId, JSON.stringify(instead)],
      );
      for (;;) {
        const rows = await run<{ row: string }>(`FETCH ${ROWS_AT_ONCE} FROM rows`);
        await this.insert(
          table,
          rows.map(({ row }) => row),
        );
        if (rows.length < ROWS_AT_ONCE) return;
      }
    });
  }

  /**
   * Each row of text is a row of the table. Nothing is stored once the account is open in the target, but for its history: whoever was
   * asleep while another carried the move on changes nothing any more.
   */
  private async insert(table: string, rows: readonly string[], into: 'arriving' | 'open' = 'arriving'): Promise<void> {
    if (rows.length === 0) return;
    await this.onPiece();
    const state = into === 'open' ? 'closed_at IS NULL' : 'moved_to IS NOT NULL';
    const isFenced = table !== 'accounts';
    await this.target.run(
      `WITH there AS MATERIALIZED (SELECT id FROM accounts WHERE id = $2 AND ${state} FOR SHARE)
       INSERT INTO ${table} OVERRIDING SYSTEM VALUE
       SELECT r.* FROM json_array_elements_text($1::json) WITH ORDINALITY AS e(text, place),
         json_populate_record(NULL::${table}, e.text::json) r
       WHERE ${isFenced ? 'EXISTS (SELECT FROM there)' : 'NOT EXISTS (SELECT FROM there)'}
         ${table === 'deliveries' ? 'AND NOT EXISTS (SELECT FROM queue q WHERE q.account_id = r.account_id AND q.id = r.id)' : ''}
       ORDER BY e.place ON CONFLICT DO NOTHING`,
      [JSON.stringify(rows), this.accountId] satisfies Parameter[],
    );
  }

  private async ensureDaysOf(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.ensureDays(ids.map(msOfUuidText));
  }
}

/** The account was deleted before it could be moved. */
export class AccountGone extends Error {}

/** Whoever owns a lane next looks at once: by every clock. */
const LANES_OF_QUEUE = `INSERT INTO lanes AS l (endpoint_id, account_id, next_due_at)
  SELECT DISTINCT endpoint_id, account_id, 'epoch'::timestamptz FROM queue WHERE account_id = $1 ORDER BY endpoint_id
  ON CONFLICT (endpoint_id) DO UPDATE SET next_due_at = 'epoch'`;

const msOfUuidText = (id: string): number => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

/** No UUIDv7 of this millisecond, or of a later one, is smaller. */
function firstUuidText(ms: number): string {
  const hex = Math.max(ms, 0).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
