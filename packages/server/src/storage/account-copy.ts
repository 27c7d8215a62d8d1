import { firstUuidOf, timeOfId, uuidText } from '../domain/ids.ts';
import type { Database } from './database.ts';
import { type MovingAccount, NotAsItWas, type Place } from './moving-account.ts';
import { bytesOfUuid } from './rows.ts';
import type { Parameter } from './statement.ts';

const ROWS_AT_ONCE = 500;
const BYTES_AT_ONCE = 8 * 1024 * 1024;
/** Of rows that may be large. */
const LARGE_AT_ONCE = 10;
const ATTEMPTS_AT_ONCE = 50;
const HISTORY_AT_ONCE = 500;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

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

export interface Piece {
  copied: number;
  after: string | undefined;
  /** Nothing is behind it. */
  isLast: boolean;
}

/** Copies what an account has from one database to another, a piece at a time; each step may be repeated. */
export class AccountCopy {
  private readonly days = new Set<number>();

  constructor(
    private readonly id: string,
    private readonly source: Database,
    private readonly target: MovingAccount,
    private readonly ensureDays: (ms: readonly number[]) => Promise<void>,
    /** Called before each piece that is stored: may end it. */
    private readonly onPiece: () => Promise<void>,
  ) {}

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
    const days = await this.source.run<{ id: string }>(
      'SELECT DISTINCT ON (hour_of(id)) id FROM queue WHERE account_id = $1',
      [this.id],
    );
    await this.ensureDaysOf(days.map(({ id }) => id));
    await this.copy('attempts', 'delivery_id IN (SELECT id FROM queue WHERE account_id = $1)', {
      order: 'delivery_id, number',
      rows: ATTEMPTS_AT_ONCE,
    });
    for (const [table, where] of [...SETTINGS, ['queue', 'account_id = $1'] as const]) {
      const counts = await Promise.all(
        [this.source, this.target.database].map((one) =>
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
    const [here, there] = await Promise.all([counts(this.source), counts(this.target.database)]);
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

  private inTarget(work: (run: Database['run']) => Promise<unknown>, place: Place = 'arriving'): Promise<void> {
    return this.target.store(work, place);
  }

  /** Days are asked for once: that takes a lock. */
  private async ensureDaysOf(ids: readonly string[]): Promise<void> {
    const days = new Set(ids.map((id) => Math.floor(timeOfId(bytesOfUuid(id)) / DAY_MS)));
    const isNew = [...days].filter((day) => !this.days.has(day));
    if (isNew.length === 0) return;
    await this.ensureDays(isNew.map((day) => day * DAY_MS));
    for (const day of isNew) this.days.add(day);
  }
}

/** No UUIDv7 of this millisecond, or of a later one, is smaller. */
const firstUuidText = (ms: number): string => uuidText(firstUuidOf(ms));
