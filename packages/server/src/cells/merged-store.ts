import { accountPlace } from '../storage/accounts.ts';
import type { VolumeBucket } from '../storage/page-store.ts';
import type { Store } from '../storage/store.ts';

/**
 * The first cell's store, as the operator sees it: what is of all accounts is of the accounts in all cells that can be reached.
 * Places in lists are the same everywhere, so one cursor serves all cells.
 */
export function mergedStore({
  first,
  others,
  ask,
  of,
  createAccount,
}: {
  first: Store;
  /** Those of further cells that can be reached. */
  others: () => readonly Store[];
  /** The answer of a further cell, or none of it. */
  ask: <T>(answer: Promise<T>) => Promise<T[]>;
  /** Where an account lives. */
  of: (accountId: string) => Promise<Store>;
  createAccount: Store['accounts']['create'];
}): Store {
  const fromOthers = async <T>(read: (store: Store) => Promise<T>): Promise<T[]> =>
    (await Promise.all(others().map((store) => ask(read(store))))).flat();
  const all = async <T>(read: (store: Store) => Promise<T>): Promise<T[]> => {
    const [own, further] = await Promise.all([read(first), fromOthers(read)]);
    return [own, ...further];
  };
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  return {
    ...first,
    accounts: {
      ...first.accounts,
      create: createAccount,
      async list(page, search) {
        const lists = await all(({ accounts }) => accounts.list(page, search));
        return newestFirst(lists.flat(), (account) => [account.createdAt.getTime(), accountPlace(account)]).slice(
          0,
          page.limit,
        );
      },
    },
    audit: {
      ...first.audit,
      // What is said of an account stands with it.
      add: async (entry) => (entry.accountId === null ? first : await of(entry.accountId)).audit.add(entry),
      async list(accountId, page, sinceMs) {
        if (accountId !== null) return first.audit.list(accountId, page, sinceMs);
        const lists = await all(({ audit }) => audit.list(null, page, sinceMs));
        // Their ids begin with the time.
        return newestFirst(lists.flat(), ({ id }) => [0, id]).slice(0, page.limit);
      },
    },
    overview: {
      ...first.overview,
      async queue(nowMs) {
        const each = await all(({ overview }) => overview.queue(nowMs));
        const oldest = each.flatMap(({ oldestMs }) => oldestMs ?? []);
        return {
          due: sum(each.map(({ due }) => due)),
          retry: sum(each.map(({ retry }) => retry)),
          held: sum(each.map(({ held }) => held)),
          inLine: sum(each.map(({ inLine }) => inLine)),
          oldestMs: oldest.length === 0 ? undefined : Math.min(...oldest),
        };
      },
      async read() {
        const each = await all(({ overview }) => overview.read());
        return {
          accounts: sum(each.map(({ accounts }) => accounts)),
          waiting: sum(each.map(({ waiting }) => waiting)),
          // Each node is in all of them.
          nodes: Math.max(...each.map(({ nodes }) => nodes)),
        };
      },
    },
    nodes: {
      ...first.nodes,
      async list() {
        // Each process is a node of every cell: what it does in all of them stands with its row of the first.
        const [own, further] = await Promise.all([first.nodes.list(), fromOthers(({ nodes }) => nodes.list())]);
        return own.map((row) => {
          const same = further.flat().filter(({ host, pid }) => host === row.host && pid === row.pid);
          return {
            ...row,
            finishedPerS: sum([row, ...same].map(({ finishedPerS }) => finishedPerS)),
            inFlight: sum([row, ...same].map(({ inFlight }) => inFlight)),
            inMemory: sum([row, ...same].map(({ inMemory }) => inMemory)),
          };
        });
      },
    },
    charts: {
      ...first.charts,
      accounts: async (ids, fromMs) => (await all(({ charts }) => charts.accounts(ids, fromMs))).flat(),
      async volume(accountId, endpointId, ...span) {
        if (accountId !== null) return first.charts.volume(accountId, endpointId, ...span);
        return addedUp((await all(({ charts }) => charts.volume(null, endpointId, ...span))).flat());
      },
      async oldestWaiting(accountId, endpointId) {
        if (accountId !== null) return first.charts.oldestWaiting(accountId, endpointId);
        const each = await all(({ charts }) => charts.oldestWaiting(null, endpointId));
        const moments = each.flatMap((at) => at?.getTime() ?? []);
        return moments.length === 0 ? null : new Date(Math.min(...moments));
      },
      async failing(limit, sinceMs) {
        const each = await all(({ charts }) => charts.failing(limit, sinceMs));
        return each
          .flat()
          .sort((a, b) => b.failures - a.failures)
          .slice(0, limit);
      },
    },
  };
}

function newestFirst<T>(entries: readonly T[], placeOf: (entry: T) => [number, string]): T[] {
  return entries.toSorted((a, b) => {
    const [[aMs, aId], [bMs, bId]] = [placeOf(a), placeOf(b)];
    return bMs - aMs || (aId < bId ? 1 : -1);
  });
}

function addedUp(buckets: readonly VolumeBucket[]): VolumeBucket[] {
  const byTime = new Map<number, VolumeBucket>();
  for (const bucket of buckets) {
    const before = byTime.get(bucket.atMs);
    byTime.set(
      bucket.atMs,
      before
        ? {
            atMs: bucket.atMs,
            succeeded: before.succeeded + bucket.succeeded,
            discarded: before.discarded + bucket.discarded,
            skipped: before.skipped + bucket.skipped,
            retrying: before.retrying + bucket.retrying,
            held: before.held + bucket.held,
          }
        : bucket,
    );
  }
  return [...byTime.values()].sort((a, b) => a.atMs - b.atMs);
}
