import { encodeId } from '../domain/ids.ts';
import type { InactiveReason } from '../domain/model.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { Database } from './database.ts';
import type { AccountNoticeStore, NoticeMessage, Standing } from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuidText } from './rows.ts';
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
  key_id: string | null;
  ciphertext: Buffer | null;
  sent_at: Date | null;
  last_error: string | null;
}

export function accountNoticeStore(database: Database, vault: Vault): AccountNoticeStore {
  const open = (accountId: string, { key_id: keyId, ciphertext, number }: SettingsRow) =>
    keyId === null || ciphertext === null ? null : vault.open({ keyId, ciphertext }, noticeIdentity(accountId, number));

  return {
    async find(accountId) {
      const [row] = await database.run<SettingsRow>(
        `SELECT number, email, pending_email, url, key_id, ciphertext, sent_at, last_error
         FROM account_notices WHERE account_id = $1`,
        [accountId],
      );
      return (
        row && {
          email: row.email,
          pendingEmail: row.pending_email,
          url: row.url,
          secret: open(accountId, row),
          sentAt: row.sent_at,
          lastError: row.last_error,
        }
      );
    },

    async setUrl(accountId, url, secret) {
      const sealed = secret === null ? undefined : vault.seal(secret, noticeIdentity(accountId, 1));
      await database.run(
        `INSERT INTO account_notices (account_id, url, key_id, ciphertext) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account_id) DO UPDATE SET url = $2, key_id = $3, ciphertext = $4, last_error = NULL`,
        [accountId, url, sealed?.keyId ?? null, sealed?.ciphertext ?? null],
      );
    },

    async forgetEmail(accountId) {
      await database.run(
        `UPDATE account_notices SET email = NULL, pending_email = NULL, code_digest = NULL, code_until = NULL
         WHERE account_id = $1`,
        [accountId],
      );
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
      const rows = await database.run<{ account_id: string; told_at: Date | null }>(
        `UPDATE account_notices SET looked_at = $1 WHERE account_id IN (
           SELECT account_id FROM account_notices
           WHERE looked_at <= $2 AND (email IS NOT NULL OR url IS NOT NULL)
           ORDER BY looked_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING account_id, told_at`,
        [new Date(nowMs), new Date(nowMs - everyMs), limit],
      );
      return rows.map((row) => ({ accountId: row.account_id, toldAtMs: row.told_at?.getTime() ?? null }));
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

    tell(accountId, standings, messages, nowMs) {
      return database.transaction(async (run) => {
        for (const { endpointId, standing, sinceMs, told } of standings) {
          await run(
            `INSERT INTO notice_standings (endpoint_id, standing, since, told)
             SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT FROM endpoints WHERE id = $1)
             ON CONFLICT (endpoint_id) DO UPDATE SET standing = $2, since = $3, told = $4`,
            [toUuidText('ep', endpointId), standing, new Date(sinceMs), told],
          );
        }
        for (const { id, channel, message } of messages) {
          await run(
            `INSERT INTO notice_messages (id, account_id, channel, message, next_at) VALUES ($1, $2, $3, $4, $5)`,
            [toUuidText('ntc', id), accountId, channel, JSON.stringify(message), new Date(nowMs)],
          );
        }
        if (messages.length > 0) {
          await run('UPDATE account_notices SET told_at = $2 WHERE account_id = $1', [accountId, new Date(nowMs)]);
        }
      });
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
