import { Problem } from '../domain/errors.ts';
import type { QueueStore } from '../storage/store.ts';
import type { Accepted } from './acceptor.ts';
import type { Publication } from './publication.ts';

/**
 * Finds what publications repeat: events that were stored under a key of theirs. Of each it answers what the first was answered,
 * or a Problem `idempotency_conflict` when another event stands for a key; undefined: it is no repeat.
 */
export async function findRepeats(
  queue: QueueStore,
  publications: readonly Publication[],
): Promise<(Accepted | Problem | undefined)[]> {
  const keys = publications.flatMap((one) => one.keys.map((key) => ({ accountId: one.accountId, key })));
  if (keys.length === 0) return publications.map(() => undefined);
  const found = await queue.findKeys(keys);
  const entries = new Map(found.map((entry) => [keyOf(entry.accountId, entry.key), entry]));
  return publications.map(({ accountId, keys, digest, externalId }) => {
    const taken = keys.flatMap((key) => entries.get(keyOf(accountId, key)) ?? []);
    const [first] = taken;
    if (!first) return undefined;
    if (!taken.every((entry) => digest?.equals(entry.digest))) return new Problem('idempotency_conflict');
    return { id: first.externalId ?? externalId ?? first.eventId, deliveries: first.deliveries };
  });
}

/** Of an idempotency key: it is the account's. */
export function keyOf(accountId: string, key: string): string {
  return `${accountId} ${key}`;
}
