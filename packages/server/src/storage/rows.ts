/** Between the database's values and the domain's: ids are UUIDs there and prefixed text here. */
import { decodeId, encodeId, type IdKind } from '../domain/ids.ts';

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
