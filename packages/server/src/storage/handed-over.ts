import type { ActiveDelivery } from '../domain/model.ts';

/** What is read again when the node that handed the deliveries over has died. */
export interface HandedOver {
  id: Uint8Array;
  endpointId: Uint8Array;
  topic: string | null;
}

const UUID_BYTES = 16;
/** Instead of the length of a topic. */
const NO_TOPIC = 0xffff;
const HEAD_BYTES = 2 * UUID_BYTES + 2;

/**
 * Deliveries that a node sends from memory, as the column `events.handed_over` keeps them. Each: 16 bytes of its id, 16 of its
 * endpoint's, two with the length of its topic (0xffff: none), the topic in UTF-8.
 */
export function encodeHandedOver(deliveries: readonly ActiveDelivery[]): Buffer | null {
  if (deliveries.length === 0) return null;
  const topics = deliveries.map(({ topic }) => (topic === null ? null : Buffer.from(topic)));
  const bytes = Buffer.allocUnsafe(topics.reduce((sum, topic) => sum + HEAD_BYTES + (topic?.length ?? 0), 0));
  let at = 0;
  deliveries.forEach((delivery, i) => {
    const topic = topics[i] ?? null;
    bytes.set(delivery.uuid, at);
    bytes.set(delivery.endpointUuid, at + UUID_BYTES);
    bytes.writeUInt16BE(topic?.length ?? NO_TOPIC, at + 2 * UUID_BYTES);
    if (topic) bytes.set(topic, at + HEAD_BYTES);
    at += HEAD_BYTES + (topic?.length ?? 0);
  });
  return bytes;
}

export function decodeHandedOver(bytes: Buffer): HandedOver[] {
  const found: HandedOver[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt16BE(at + 2 * UUID_BYTES);
    const topicEnd = at + HEAD_BYTES + (length === NO_TOPIC ? 0 : length);
    found.push({
      id: bytes.subarray(at, at + UUID_BYTES),
      endpointId: bytes.subarray(at + UUID_BYTES, at + 2 * UUID_BYTES),
      topic: length === NO_TOPIC ? null : bytes.toString('utf8', at + HEAD_BYTES, topicEnd),
    });
    at = topicEnd;
  }
  return found;
}
