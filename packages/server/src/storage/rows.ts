/** Between the database's values and the domain's: ids are UUIDs there and prefixed text here. */
import { decodeId, encodeId, type IdKind, timeOfId } from '../domain/ids.ts';
import type { StoredEvent } from '../domain/model.ts';

export function toUuid(kind: IdKind, id: string): Buffer {
  const bytes = decodeId(kind, id);
  if (!bytes) throw new TypeError(`not an id of kind ${kind}: ${id}`);
  return bytes;
}

/** A UUID in the form that `pg` sends for a single parameter. */
export function toUuidText(kind: IdKind, id: string): string {
  return toUuid(kind, id).toString('hex');
}

export function bytesOfUuid(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

export function fromUuidText(kind: IdKind, uuid: string): string {
  return encodeId(kind, bytesOfUuid(uuid));
}

export interface EventRow {
  account_id: string;
  id: string;
  external_id: string | null;
  trigger: string;
  by_topic: boolean;
  test: boolean;
  payload: Buffer;
}

export function toStoredEvent(row: EventRow): StoredEvent {
  const uuid = bytesOfUuid(row.id);
  return {
    id: encodeId('evt', uuid),
    uuid,
    externalId: row.external_id,
    accountId: row.account_id,
    trigger: row.trigger,
    byTopic: row.by_topic,
    test: row.test,
    payload: row.payload,
    createdAtMs: timeOfId(uuid),
  };
}
