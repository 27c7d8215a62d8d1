import type { Database } from './database.ts';
import type { Parameter } from './statement.ts';
import { hasOlderEnded } from './under-way.ts';

const ROWS_AT_ONCE = 500;
const BYTES_AT_ONCE = 8 * 1024 * 1024;
/** Of rows that may be large. */
const LARGE_AT_ONCE = 10;
const ATTEMPTS_AT_ONCE = 50;
const HISTORY_AT_ONCE = 500;
/** For how long an account is held because of statements that began before. */
const OLDER_SECONDS_MAX = 10;
const HOUR_MS = 3_600_000;

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
];
/** What only grows, and may be much. */
const GROWING = ['idempotency', 'audit_log'];
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

export interface Piece {
  copied: number;
  after: string | undefined;
  /** Nothing is behind it. */
  isLast: boolean;
}

/** Which account, by its number too: another one may be made under its id. `claim` is of whoever carries the move on right now. */
export interface Mover {
  accountId: string;
  number: string;
  claim: string;
}

/** The account, or its row in one of the two databases, is not as it was: another has taken the move on, or it was deleted. */
export class NotAsItWas extends Error {}

/**
 * Copies what an account has from one database to another, a piece at a time; each step may be repeated. Every statement that stores
 * something asks for the claim in the account's row, and locks that: whoever was asleep while another carried the move on changes nothing.
 */
export class AccountCopy {
  private readonly id: string;

  constructor(
    private readonly mover: Mover,
    private readonly source: Database,
    private readonly target: Database,
    private readonly ensureDays: (ms: readonly number[]) => Promise<void>,
    /** Called before each piece that is stored: may end it. */
    private readonly onPiece: () => Promise<void>,
  ) {
    this.id = mover.accountId;
  }

  /** From here on nobody who has carried the move on before stores anything. */
  async takeOn(): Promise<void> {
    const { number, claim } = this.mover;
    for (const one of new Set([this.source, this.target]))
      await one.run('UPDATE accounts SET move_claim = $3 WHERE id = $1 AND number = $2', [this.id, number, claim]);
  }

  /** Makes room in the target: the account itself, which nobody sees before it is opened. */
  async begin(toCell: string): Promise<void> {
    if (await this.isArriving()) return;
    await isWelcome(this.target, this.id, toCell);
    const { claim } = this.mover;
    const [row] = await this.source.run<{ row: string }>(
      `SELECT (to_jsonb(a) || $2::jsonb)::text AS row FROM accounts a WHERE id = $1`,
      [
        this.id,
        JSON.stringify({ closed_at: new Date(0).toISOString(), moved_to: toCell, move_claim: claim, held_from: null }),
      ],
    );
    if (!row) throw new AccountGone();
    await this.target.run(
      'INSERT INTO accounts OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_record(NULL::accounts, $1::json)',
      [row.row],
    );
  }

  /** Whether there is room in the target, as `begin` has made it. */
  async isArriving(): Promise<boolean> {
    const { number, claim } = this.mover;
    const rows = await this.target.run(
      'SELECT FROM accounts WHERE id = $1 AND number = $2 AND move_claim = $3 AND moved_to IS NOT NULL',
      [this.id, number, claim],
    );
    return rows.length > 0;
  }

  /** Whether it still lives in the source: it may have been deleted. */
  async isInSource(): Promise<boolean> {
    const rows = await this.source.run(
      'SELECT FROM accounts WHERE id = $1 AND number = $2 AND (closed_at IS NULL OR moved_to IS NOT NULL)',
      [this.id, this.mover.number],
    );
    return rows.length > 0;
  }

  /** Events after one, the oldest first: they never change. */
  async copyEvents(after: string): Promise<Piece> {
    const rows = await this.source.run<{ id: string; row: string; page: number }>(
      `WITH page AS MATERIALIZED (
         SELECT id, octet_length(payload) AS bytes FROM events
         WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT ${ROWS_AT_ONCE}
       ), fits AS MATERIALIZED (
         SELECT id FROM (SELECT id, sum(bytes) OVER (ORDER BY id) - bytes AS before FROM page) counted
         WHERE before < ${BYTES_AT_ONCE}
       )
       SELECT fits.id, (to_jsonb(v) || '{"node": null, "handed_over": null}')::text AS row,
              (SELECT count(*) FROM page)::int AS page
       FROM fits CROSS JOIN LATERAL (SELECT * FROM events e WHERE e.account_id = $1 AND e.id = fits.id LIMIT 1) v
       ORDER BY fits.id`,
      [this.id, after],
    );
    await this.ensureDaysOf(rows.map(({ id }) => id));
    await this.insert(
      'events',
      rows.map(({ row }) => row),
    );
    const page = rows[0]?.page ?? 0;
    return { copied: rows.length, after: rows.at(-1)?.id, isLast: page < ROWS_AT_ONCE && rows.length === page };
  }

  /** What only grows, before the account is held: the rest of it is copied then. */
  async copyGrowing(): Promise<void> {
    for (const table of GROWING) await this.copy(table, 'account_id = $1');
  }

  /**
   * From here on nothing is accepted for it in the source, nothing that it has in flight counts, and what was in memory waits in its
   * queue.
   */
  async hold(toCell: string): Promise<void> {
    const { number, claim } = this.mover;
    const xid = await this.source.transaction(async (run) => {
      await run("SET LOCAL lock_timeout = '5s'");
      // Applications that publish in a transaction of their own hold it until they commit.
      await run('SELECT FROM accounts WHERE id = $1 FOR UPDATE', [this.id]);
      const rows = await run<{ xid: string }>(
        `UPDATE accounts
         SET closed_at = coalesce(closed_at, now()), closed_xid = pg_current_xact_id(), moved_to = $2, version = version + 1,
             held_from = least(held_from, (SELECT watermark FROM nodes ORDER BY watermark LIMIT 1))
         WHERE id = $1 AND number = $3 AND move_claim = $4 AND (closed_at IS NULL OR moved_to IS NOT NULL)
         RETURNING closed_xid::text AS xid`,
        [this.id, toCell, number, claim],
      );
      if (rows.length > 0) await run('DELETE FROM lanes WHERE account_id = $1', [this.id]);
      return rows[0]?.xid;
    });
    if (xid === undefined)
      throw (await this.isInSource()) ? new NotAsItWas('another carries it on') : new AccountGone();
    // Whatever began before may have accepted, or stored, something that is seen only when it has ended.
    for (let looks = 0; !(await hasOlderEnded(this.source, 'posthorn%', xid)); looks++)
      if (looks === OLDER_SECONDS_MAX) throw new Error('something in the database of its cell takes too long');
    await this.source.run(REQUEUE, [this.id]);
  }

  /** It goes on in the source: the other way round, when the target cannot be reached. That is not asked here. */
  async giveBack(): Promise<void> {
    const { number, claim } = this.mover;
    await this.source.transaction(async (run) => {
      const rows = await run(
        `SELECT FROM accounts WHERE id = $1 AND number = $2 AND move_claim = $3 AND moved_to IS NOT NULL FOR UPDATE`,
        [this.id, number, claim],
      );
      if (rows.length === 0) return;
      await run(REQUEUE, [this.id]);
      await run(OPEN, [this.id]);
      await run(LANES_OF_QUEUE, [this.id]);
    });
  }

  /** While it is held: all that it has but for what has ended, as it is by now. `sinceMs`: from when on what only grows is copied. */
  async copyRest(sinceMs: number): Promise<void> {
    // From a time before, when the target could not be reached half way.
    await this.inTarget(async (run) => {
      await run('DELETE FROM queue WHERE account_id = $1', [this.id]);
      for (const [table, where] of SETTINGS.toReversed()) await run(`DELETE FROM ${table} WHERE ${where}`, [this.id]);
      for (const table of ['feed', 'feeds', 'delivery_counts', 'delivery_counts_new'])
        await run(`DELETE FROM ${table} WHERE account_id = $1`, [this.id]);
    });
    for (const [table, where] of SETTINGS) await this.copy(table, where);
    const since = firstUuidText(sinceMs);
    await this.copy('idempotency', `account_id = $1 AND event_id >= '${since}'`);
    await this.copy('audit_log', `account_id = $1 AND id >= '${since}'`);
    // Added up: of the two tables that the counts stand in, one empties into the other at any moment.
    await this.copy('delivery_counts', 'account_id = $1', { from: 'delivery_hours' });
    await this.copyFacts();
    await this.copyFeed();
    // In the order of their lines: each gets its place in the other database.
    await this.copy('queue', 'account_id = $1', { order: 'turn, id', instead: { sending_epoch: null, turn: null } });
    await this.ensureDaysOfQueue();
    await this.copy('attempts', 'delivery_id IN (SELECT id FROM queue WHERE account_id = $1)', {
      order: 'delivery_id, number',
      rows: ATTEMPTS_AT_ONCE,
    });
    for (const [table, where] of [...SETTINGS, ['queue', 'account_id = $1'] as const]) {
      const counts = await Promise.all(
        [this.source, this.target].map((one) =>
          one.run<{ count: number }>(`SELECT count(*)::int AS count FROM ${table} WHERE ${where}`, [this.id]),
        ),
      );
      const [here, there] = counts.map(([row]) => row?.count);
      if (here !== there) throw new NotAsItWas(`${table}: ${there} of ${here} rows came`);
    }
  }

  /** Events of hours from then on that the copying before has missed: their ids come from several clocks. @returns how many */
  async copyMissedEvents(sinceMs: number): Promise<number> {
    const counts = (one: Database) =>
      one.run<{ hour: Date; count: number }>(
        'SELECT hour_of(id) AS hour, count(*)::int AS count FROM events WHERE account_id = $1 AND id >= $2 GROUP BY 1',
        [this.id, firstUuidText(Math.floor(sinceMs / HOUR_MS) * HOUR_MS)],
      );
    const [here, there] = await Promise.all([counts(this.source), counts(this.target)]);
    const known = new Map(there.map(({ hour, count }) => [hour.getTime(), count]));
    let copied = 0;
    for (const { hour, count } of here) {
      if (known.get(hour.getTime()) === count) continue;
      const until = firstUuidText(hour.getTime() + HOUR_MS);
      let after: string | undefined = firstUuidText(hour.getTime());
      while (after !== undefined && after < until) {
        const piece: Piece = await this.copyEvents(after);
        copied += piece.copied;
        after = piece.isLast ? undefined : piece.after;
      }
    }
    return copied;
  }

  /** In the target it is an account as any other from now on. */
  async open(): Promise<void> {
    const { number, claim } = this.mover;
    await this.target.transaction(async (run) => {
      const [row] = await run<{ is_open: boolean }>(
        `SELECT closed_at IS NULL AS is_open FROM accounts
         WHERE id = $1 AND number = $2 AND move_claim = $3 AND (closed_at IS NULL OR moved_to IS NOT NULL) FOR UPDATE`,
        [this.id, number, claim],
      );
      if (!row) throw new NotAsItWas('the account is not where it was brought');
      if (row.is_open) return;
      await run(OPEN, [this.id]);
      await run(LANES_OF_QUEUE, [this.id]);
    });
  }

  /** What has ended, with its attempts, the newest first; it does not change any more. */
  async copyHistory(before: string): Promise<Piece> {
    const rows = await this.source.run<{ id: string; row: string }>(
      `SELECT id, to_jsonb(d)::text AS row FROM deliveries d
       WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT ${HISTORY_AT_ONCE}`,
      [this.id, before],
    );
    const ids = rows.map(({ id }) => id);
    await this.ensureDaysOf(ids);
    for (let at = 0; at < ids.length; at += ATTEMPTS_AT_ONCE) {
      const attempts = await this.source.run<{ row: string }>(
        'SELECT to_jsonb(a)::text AS row FROM attempts a WHERE delivery_id = ANY ($1::uuid[])',
        [`{${ids.slice(at, at + ATTEMPTS_AT_ONCE).join(',')}}`],
      );
      await this.insert(
        'attempts',
        attempts.map(({ row }) => row),
        'open',
      );
    }
    // What somebody has sent again meanwhile waits, or has ended anew.
    await this.insert(
      'deliveries',
      rows.map(({ row }) => row),
      'open',
    );
    return { copied: rows.length, after: ids.at(-1), isLast: rows.length < HISTORY_AT_ONCE };
  }

  /** What is left in the source goes as that of an account that was deleted. */
  async leave(): Promise<void> {
    await this.remove(this.source);
  }

  /** It does not come after all. */
  async giveUp(): Promise<void> {
    await this.remove(this.target);
  }

  private async remove(from: Database): Promise<void> {
    const { number, claim } = this.mover;
    await from.transaction(async (run) => {
      const rows = await run(
        `UPDATE accounts SET moved_to = NULL, move_claim = NULL
         WHERE id = $1 AND number = $2 AND move_claim = $3 AND closed_at IS NOT NULL RETURNING id`,
        [this.id, number, claim],
      );
      if (rows.length === 0) return;
      for (const table of GOES_AT_ONCE) await run(`DELETE FROM ${table} WHERE account_id = $1`, [this.id]);
    });
  }

  /** The account itself may have changed since it was there first. */
  private async copyFacts(): Promise<void> {
    const [row] = await this.source.run<{ row: string }>(
      'SELECT to_jsonb(a)::text AS row FROM accounts a WHERE id = $1',
      [this.id],
    );
    await this.inTarget((run) =>
      run(
        `UPDATE accounts a
         SET name = r.name, metadata = r.metadata, updated_at = r.updated_at, version = greatest(a.version, r.version)
         FROM json_populate_record(NULL::accounts, $1::json) r WHERE a.id = r.id`,
        [row?.row ?? null],
      ),
    );
  }

  /** One that is not numbered to its beginning yet begins anew: its readers are told. */
  private async copyFeed(): Promise<void> {
    const [feed] = await this.source.run<{ history_until: string | null }>(
      'SELECT history_until::text FROM feeds WHERE account_id = $1',
      [this.id],
    );
    if (!feed || feed.history_until === null) return;
    await this.copy('feed', 'account_id = $1', { order: 'position' });
    await this.copy('feeds', 'account_id = $1');
  }

  private async copy(
    table: string,
    where: string,
    {
      from = table,
      order,
      instead = {},
      rows: atOnce = table === 'scheduled_events' || table === 'bin_requests' ? LARGE_AT_ONCE : ROWS_AT_ONCE,
    }: { from?: string; order?: string; instead?: Record<string, null>; rows?: number } = {},
  ): Promise<void> {
    await this.source.transaction(async (run) => {
      // Should it begin anew, so do the lines of ordering keys.
      if (table === 'queue')
        await this.inTarget((there) => there('DELETE FROM queue WHERE account_id = $1', [this.id]));
      await run(
        `DECLARE rows NO SCROLL CURSOR FOR SELECT (to_jsonb(t) || $2::jsonb)::text AS row FROM (
           SELECT * FROM ${from} WHERE ${where} ${order === undefined ? '' : `ORDER BY ${order}`}) t`,
        [this.id, JSON.stringify(instead)],
      );
      for (;;) {
        const rows = await run<{ row: string }>(`FETCH ${atOnce} FROM rows`);
        await this.insert(
          table,
          rows.map(({ row }) => row),
        );
        if (rows.length < atOnce) return;
      }
    });
  }

  /** Each row of text is a row of the table. */
  private async insert(table: string, rows: readonly string[], into: Place = 'arriving'): Promise<void> {
    if (rows.length === 0) return;
    await this.onPiece();
    const isNew =
      table === 'deliveries' || table === 'queue'
        ? 'NOT EXISTS (SELECT FROM queue q WHERE q.account_id = r.account_id AND q.id = r.id)'
        : 'true';
    await this.inTarget(
      (run) =>
        run(
          `INSERT INTO ${table} OVERRIDING SYSTEM VALUE
           SELECT r.* FROM json_array_elements_text($1::json) WITH ORDINALITY AS e(text, place),
             json_populate_record(NULL::${table}, e.text::json) r
           WHERE ${isNew} ORDER BY e.place ON CONFLICT DO NOTHING`,
          [JSON.stringify(rows)] satisfies Parameter[],
        ),
      into,
    );
  }

  /** Nothing is stored but where the account is as this move has it, for whoever carries it on; it stays so until that is committed. */
  private async inTarget(work: (run: Database['run']) => Promise<unknown>, place: Place = 'arriving'): Promise<void> {
    const { number, claim } = this.mover;
    const state = place === 'open' ? 'closed_at IS NULL' : 'moved_to IS NOT NULL';
    await this.target.transaction(async (run) => {
      const rows = await run(
        `SELECT set_config('posthorn.moves', 'on', true) FROM accounts
         WHERE id = $1 AND number = $2 AND move_claim = $3 AND ${state} FOR SHARE`,
        [this.id, number, claim],
      );
      if (rows.length === 0) throw new NotAsItWas('the account is not where it was brought, or another carries it on');
      await work(run);
    });
  }

  private async ensureDaysOf(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.ensureDays(ids.map(msOfUuidText));
  }

  private async ensureDaysOfQueue(): Promise<void> {
    const rows = await this.source.run<{ hour: Date }>(
      'SELECT DISTINCT hour_of(id) AS hour FROM queue WHERE account_id = $1',
      [this.id],
    );
    if (rows.length > 0) await this.ensureDays(rows.map(({ hour }) => hour.getTime()));
  }
}

type Place = 'arriving' | 'open';

/** @throws NotAsItWas when there is another account of this id, or the rest of one */
export async function isWelcome(target: Database, accountId: string, toCell: string): Promise<void> {
  const [there] = await target.run<{ moved_to: string | null }>('SELECT moved_to FROM accounts WHERE id = $1', [
    accountId,
  ]);
  if (there) throw new NotAsItWas(`what an account of this id has left in ${toCell} is being removed`);
}

/** The account was deleted before it could be moved. */
export class AccountGone extends Error {}

const OPEN = `UPDATE accounts
  SET closed_at = NULL, closed_xid = NULL, moved_to = NULL, held_from = NULL, version = version + 1 WHERE id = $1`;

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

const msOfUuidText = (id: string): number => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

/** No UUIDv7 of this millisecond, or of a later one, is smaller. */
function firstUuidText(ms: number): string {
  const hex = Math.max(ms, 0).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
