import { encodeId } from '../domain/ids.ts';
import type { InactiveReason } from '../domain/model.ts';
import type { QuietHours } from '../domain/quiet-hours.ts';
import type { Subscription } from '../domain/subscription.ts';
import { texts, timestamps, uuids } from './arrays.ts';
import type { Database } from './database.ts';
import type { AccountNoticeStore, NoticeFormat, NoticeMessage, Standing } from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuid, toUuidText } from './rows.ts';
import type { Vault } from './vault.ts';

/** The associated data of what signs an account's notices. */
export function noticeIdentity(accountId: string, number: number): string {
  return `account_notices ${accountId} ${number}`;
}

interface SettingsRow {
  number: number;
  email: string | null;
  pending_email: string | null;
  url: string | null;
  format: NoticeFormat;
  quiet_from: number | null;
  quiet_to: number | null;
  quiet_zone: string | null;
  key_id: string | null;
  ciphertext: Buffer | null;
  sent_at: Date | null;
  last_error: string | null;
}

type QuietRow = Pick<SettingsRow, 'quiet_from' | 'quiet_to' | 'quiet_zone'>;

function toQuiet({ quiet_from: fromMinute, quiet_to: toMinute, quiet_zone: timeZone }: QuietRow): QuietHours | null {
  if (fromMinute === null || toMinute === null || timeZone === null) return null;
  return { fromMinute, toMinute, timeZone };
}

export function accountNoticeStore(database: Database, vault: Vault): AccountNoticeStore {
  const open = (accountId: string, { key_id: keyId, ciphertext, number }: SettingsRow) =>
    keyId === null || ciphertext === null ? null : vault.open({ keyId, ciphertext }, noticeIdentity(accountId, number));

  return {
    async find(accountId) {
      const [row] = await database.run<SettingsRow>(
        `SELECT number, email, pending_email, url, format, quiet_from, quiet_to, quiet_zone, key_id, ciphertext, sent_at, last_error
         FROM account_notices WHERE account_id = $1`,
        [accountId],
      );
      return (
        row && {
          email: row.email,
          pendingEmail: row.pending_email,
          url: row.url,
          secret: open(accountId, row),
          format: row.format,
          quiet: toQuiet(row),
          sentAt: row.sent_at,
          lastError: row.last_error,
        }
      );
    },

    async setUrl(accountId, url, secret, format) {
      const sealed = secret === null ? undefined : vault.seal(secret, noticeIdentity(accountId, 1));
      await database.run(
        `INSERT INTO account_notices (account_id, url, key_id, ciphertext, format) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account_id) DO UPDATE SET url = $2, key_id = $3, ciphertext = $4, format = $5, last_error = NULL`,
        [accountId, url, sealed?.keyId ?? null, sealed?.ciphertext ?? null, format],
      );
    },

    async configure(accountId, { email, url, quiet }, now) {
      await database.run(
        `INSERT INTO account_notices AS a (account_id, email, url, format, quiet_from, quiet_to, quiet_zone, told_at)
         SELECT id, $2, $3, 'slack', $4, $5, $6, $7 FROM accounts WHERE id = $1
         ON CONFLICT (account_id) DO UPDATE SET email = $2, url = $3, format = 'slack', key_id = NULL, ciphertext = NULL,
           quiet_from = $4, quiet_to = $5, quiet_zone = $6,
           told_at = CASE WHEN a.email IS NULL AND a.url IS NULL THEN $7 ELSE coalesce(a.told_at, $7) END`,
        [accountId, email, url, quiet?.fromMinute ?? null, quiet?.toMinute ?? null, quiet?.timeZone ?? null, now],
      );
    },

    async setQuiet(accountId, quiet) {
      await database.run(
        `INSERT INTO account_notices (account_id, quiet_from, quiet_to, quiet_zone) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account_id) DO UPDATE SET quiet_from = $2, quiet_to = $3, quiet_zone = $4`,
        [accountId, quiet?.fromMinute ?? null, quiet?.toMinute ?? null, quiet?.timeZone ?? null],
      );
    },

    async forgetEmail(accountId) {
      await database.run(
        `UPDATE account_notices SET email = NULL, pending_email = NULL, code_digest = NULL, code_until = NULL
         WHERE account_id = $1`,
        [accountId],
      );
    },

    async forgetPending(accountId) {
      await database.run(
        'UPDATE account_notices SET pending_email = NULL, code_digest = NULL, code_until = NULL WHERE account_id = $1',
        [accountId],
      );
    },

    async countCode(accountId, day, max) {
      const rows = await database.run(
        `INSERT INTO account_notices AS a (account_id, codes_day, codes_sent) VALUES ($1, $2::date, 1)
         ON CONFLICT (account_id) DO UPDATE
         SET codes_day = $2::date, codes_sent = CASE WHEN a.codes_day = $2::date THEN a.codes_sent + 1 ELSE 1 END
         WHERE a.codes_day IS DISTINCT FROM $2::date OR a.codes_sent < $3
         RETURNING account_id`,
        [accountId, day, max],
      );
      return rows.length > 0;
    },

    async askForCode(accountId, email, digest, until) {
      await database.run(
        `INSERT INTO account_notices (account_id, pending_email, code_digest, code_until) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account_id) DO UPDATE
         SET pending_email = $2, code_digest = $3, code_until = $4, code_tries = 0, last_error = NULL`,
        [accountId, email, digest, until],
      );
    },

    async tryCode(accountId, digest, now, triesMax) {
      const [row] = await database.run<{ is_right: boolean }>(
        `UPDATE account_notices
         SET code_tries = code_tries + 1,
             email = CASE WHEN code_digest = $2 THEN pending_email ELSE email END,
             pending_email = CASE WHEN code_digest = $2 THEN NULL ELSE pending_email END,
             code_digest = CASE WHEN code_digest = $2 THEN NULL ELSE code_digest END
         WHERE account_id = $1 AND code_digest IS NOT NULL AND code_until > $3 AND code_tries < $4
         RETURNING code_digest IS NULL AS is_right`,
        [accountId, digest, now, triesMax],
      );
      return row?.is_right;
    },

    async due(nowMs, everyMs, limit) {
      const rows = await database.run<QuietRow & { account_id: string; told_at: Date | null; before: Date | number }>(
        `WITH due AS MATERIALIZED (
           SELECT account_id, looked_at AS before FROM account_notices
           WHERE looked_at <= $2 AND (email IS NOT NULL OR url IS NOT NULL)
           ORDER BY looked_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         UPDATE account_notices a SET looked_at = $1 FROM due WHERE a.account_id = due.account_id
         RETURNING a.account_id, a.told_at, a.quiet_from, a.quiet_to, a.quiet_zone, due.before`,
        [new Date(nowMs), new Date(nowMs - everyMs), limit],
      );
      return rows.map(({ account_id: accountId, told_at: toldAt, before, ...row }) => ({
        accountId,
        toldAtMs: toldAt?.getTime() ?? null,
        quiet: toQuiet(row),
        lookedAtMs: nowMs,
        // `-infinity`: never.
        lookedBeforeMs: before instanceof Date ? before.getTime() : null,
      }));
    },

    async standings(accountId) {
      const rows = await database.read<{
        id: string;
        url: string;
        subscriptions: Subscription[];
        status: 'active' | 'inactive';
        inactive_reason: InactiveReason | null;
        failures: number;
        standing: Standing | null;
        since: Date | null;
        told: Standing | null;
      }>(
        accountId,
        `SELECT e.id, e.url, e.subscriptions, e.status, e.inactive_reason, coalesce(h.failures, 0) AS failures,
                s.standing, s.since, s.told
         FROM endpoints e
         LEFT JOIN endpoint_health h ON h.endpoint_id = e.id
         LEFT JOIN notice_standings s ON s.endpoint_id = e.id
         WHERE e.account_id = $1`,
        [accountId],
      );
      return rows.map(({ id, inactive_reason, since, ...row }) => ({
        ...row,
        endpointId: fromUuidText('ep', id),
        reason: inactive_reason,
        sinceMs: since?.getTime() ?? null,
      }));
    },

    tell({ accountId, lookedAtMs }, standings, messages) {
      return database.transaction(async (run) => {
        const own = await run(
          `UPDATE account_notices SET told_at = CASE WHEN $3 THEN $2 ELSE told_at END
           WHERE account_id = $1 AND looked_at = $2 RETURNING account_id`,
          [accountId, new Date(lookedAtMs), messages.length > 0],
        );
        if (own.length === 0) return false;
        await run(
          `INSERT INTO notice_standings (endpoint_id, standing, since, told)
           SELECT n.* FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[]) AS n (id, standing, since, told)
           WHERE EXISTS (SELECT FROM endpoints e WHERE e.id = n.id)
           ON CONFLICT (endpoint_id) DO UPDATE
           SET standing = excluded.standing, since = excluded.since, told = excluded.told`,
          [
            uuids(standings.map(({ endpointId }) => toUuid('ep', endpointId))),
            texts(standings.map(({ standing }) => standing)),
            timestamps(standings.map(({ sinceMs }) => sinceMs)),
            texts(standings.map(({ told }) => told)),
          ],
        );
        for (const { id, channel, message } of messages) {
          await run(
            `INSERT INTO notice_messages (id, account_id, channel, message, next_at) VALUES ($1, $2, $3, $4, $5)`,
            [toUuidText('ntc', id), accountId, channel, JSON.stringify(message), new Date(lookedAtMs)],
          );
        }
        return true;
      });
    },

    async postpone(id, untilMs) {
      await database.run('UPDATE notice_messages SET next_at = $2, tries = tries - 1 WHERE id = $1', [
        toUuidText('ntc', id),
        new Date(untilMs),
      ]);
    },

    async take(nowMs, againAtMs, limit) {
      const rows = await database.run<{
        id: string;
        account_id: string;
        channel: NoticeMessage['channel'];
        message: NoticeMessage['message'];
        tries: number;
      }>(
        `UPDATE notice_messages SET tries = tries + 1, next_at = $2 WHERE id IN (
           SELECT id FROM notice_messages WHERE next_at <= $1 ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING id, account_id, channel, message, tries`,
        [new Date(nowMs), new Date(againAtMs), limit],
      );
      return rows.map(({ id, account_id: accountId, ...row }) => ({
        ...row,
        id: encodeId('ntc', bytesOfUuid(id)),
        accountId,
      }));
    },

    async sent(id, accountId, nowMs) {
      await database.run('DELETE FROM notice_messages WHERE id = $1', [toUuidText('ntc', id)]);
      await database.run('UPDATE account_notices SET sent_at = $2, last_error = NULL WHERE account_id = $1', [
        accountId,
        new Date(nowMs),
      ]);
    },

    async failed(id, accountId, error, nextAtMs) {
      if (nextAtMs === undefined) {
        await database.run('DELETE FROM notice_messages WHERE id = $1', [toUuidText('ntc', id)]);
      } else {
        await database.run('UPDATE notice_messages SET next_at = $2 WHERE id = $1', [
          toUuidText('ntc', id),
          new Date(nextAtMs),
        ]);
      }
      await database.run('UPDATE account_notices SET last_error = $2 WHERE account_id = $1', [accountId, error]);
    },
  };
}
