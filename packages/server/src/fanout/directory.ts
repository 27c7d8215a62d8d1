import { LRUCache } from 'lru-cache';
import type { Contract } from '../contract/contract.ts';
import type { AccountFacts } from '../contract/fields.ts';
import type { EndpointAuth } from '../domain/endpoint-auth.ts';
import { type KnownTls, knownTls } from '../domain/endpoint-tls.ts';
import { compileFilter, type Test } from '../domain/filter.ts';
import { decodeId } from '../domain/ids.ts';
import { type EndpointStatus, isProven, type OwnHeaders } from '../domain/model.ts';
import { compileOrdering, type OrderingKeyOf } from '../domain/ordering.ts';
import type { SigningKey } from '../domain/signature.ts';
import { matchesTrigger, type Subscription } from '../domain/subscription.ts';
import type { AccountSnapshot, EndpointSnapshot } from '../storage/store.ts';

/** What accounts may take up in memory, as estimated by `sizeOf`: some 40,000 endpoints. */
const BYTES_MAX = 96 * 1024 * 1024;
/** An endpoint's closures, maps and key objects, besides its own texts. */
const ENDPOINT_BYTES = 2_000;
/** Of all accounts. Triggers are free in some contracts; a publisher that invents them may not fill the memory. */
const MATCHES_MAX = 200_000;

/** An endpoint as the hot path needs it: parsed once, not per request. */
export interface KnownEndpoint {
  readonly id: string;
  readonly uuid: Uint8Array;
  readonly accountId: string;
  readonly url: string;
  readonly status: EndpointStatus;
  readonly subscriptions: readonly Subscription[];
  readonly headers: OwnHeaders;
  readonly auth: EndpointAuth | null;
  readonly tls: KnownTls | undefined;
  /** The code of the function that reshapes its requests. */
  readonly transformation: string | null;
  readonly contract: Contract;
  readonly account: AccountFacts;
  readonly version: string | null;
  /** Requests in any second, over all nodes; undefined: no limit. */
  readonly ratePerS: number | undefined;
  /** Requests at a time, over all nodes. */
  readonly concurrency: number;
  /** It gets events without their payloads. */
  readonly thin: boolean;
  /** Its receiver has shown that it wants its requests, where the contract asks for that. */
  readonly isProven: boolean;
  readonly testingUntilMs: number;
  /** When it was switched on again that had been switched off for its failures. */
  readonly recoveringAtMs: number | undefined;
  /** Keys that sign at this moment, newest first. */
  keysAt(nowMs: number): SigningKey[];
}

export interface KnownAccount {
  readonly id: string;
  readonly version: string;
  readonly contract: Contract;
  readonly facts: AccountFacts;
  /** Whether its events are numbered for its feed. */
  readonly hasFeed: boolean;
  readonly endpoints: ReadonlyMap<string, KnownEndpoint>;
  /** What is subscribed to a trigger, one entry per endpoint and topic. */
  matches(trigger: string): readonly Match[];
}

export interface Match {
  readonly endpoint: KnownEndpoint;
  readonly topic: string | null;
  /** What it wants of the payload; undefined: it takes every one. */
  readonly wants?: Test | undefined;
  /** Where the payload has its ordering key; undefined: nothing waits for its turn. */
  readonly orderingKeyOf?: OrderingKeyOf | undefined;
}

/**
 * Accounts and endpoints in memory, read when first needed and forgotten when they change. A copy may be outdated for a
 * moment; accepting an event therefore checks its version in the database and comes back here if it is.
 */
export class Directory {
  private readonly known: LRUCache<string, KnownAccount>;
  private compiled = 0;
  /** What triggers match, by the copy's number and the trigger; of copies that are in memory only. */
  private readonly found = new LRUCache<string, readonly Match[]>({
    maxSize: MATCHES_MAX,
    sizeCalculation: (found) => found.length + 1,
  });
  /** The keys in `found` of a copy. */
  private readonly foundOf = new WeakMap<KnownAccount, Set<string>>();
  private readonly loading = new Map<string, Promise<KnownAccount | undefined>>();

  constructor(
    private readonly read: (id: string) => Promise<AccountSnapshot | undefined>,
    private readonly contracts: ReadonlyMap<string, Contract>,
    bytesMax = BYTES_MAX,
  ) {
    this.known = new LRUCache({
      maxSize: bytesMax,
      dispose: (copy) => {
        for (const key of this.foundOf.get(copy) ?? []) this.found.delete(key);
      },
    });
  }

  /** Accounts in memory, the bytes that they are estimated to take up, and what is kept of what triggers match. */
  get counts() {
    return { accounts: this.known.size, bytes: this.known.calculatedSize, matches: this.found.calculatedSize };
  }

  /** The copy in memory, if there is one. */
  peek(id: string): KnownAccount | undefined {
    return this.known.get(id);
  }

  async get(id: string): Promise<KnownAccount | undefined> {
    return this.known.get(id) ?? this.loading.get(id) ?? this.load(id);
  }

  forget(id: string): void {
    this.known.delete(id);
    this.loading.delete(id);
  }

  clear(): void {
    this.known.clear();
    this.loading.clear();
  }

  private load(id: string): Promise<KnownAccount | undefined> {
    const reading = this.read(id)
      .then((snapshot) => {
        const account = snapshot && this.compile(snapshot);
        // If it was forgotten while we read, the answer may be outdated: use it once, keep it not.
        if (account && this.loading.get(id) === reading) this.known.set(id, account, { size: sizeOf(snapshot) });
        return account;
      })
      .finally(() => {
        if (this.loading.get(id) === reading) this.loading.delete(id);
      });
    this.loading.set(id, reading);
    return reading;
  }

  private compile({ account, version, hasFeed, endpoints }: AccountSnapshot): KnownAccount {
    const contract = this.contracts.get(account.contract);
    if (!contract) throw new Error(`Account ${account.id} uses contract ${account.contract}, which is not loaded.`);
    const list = endpoints.map((endpoint) => compileEndpoint(account, endpoint, contract));
    // Of this copy alone: an account made again under the same id begins with the same version.
    const number = ++this.compiled;
    const keys = new Set<string>();
    const copy: KnownAccount = {
      id: account.id,
      version,
      contract,
      facts: account,
      hasFeed,
      endpoints: new Map(list.map((endpoint) => [endpoint.id, endpoint])),
      matches: (trigger) => {
        const key = `${number} ${trigger}`;
        const known = this.found.get(key);
        if (known) return known;
        const found = findMatches(list, trigger);
        if (this.known.peek(account.id) === copy) {
          keys.add(key);
          this.found.set(key, found);
        }
        return found;
      },
    };
    this.foundOf.set(copy, keys);
    return copy;
  }
}

function compileEndpoint(account: AccountFacts, endpoint: EndpointSnapshot, contract: Contract): KnownEndpoint {
  const secrets = endpoint.secrets.map(({ secret, expiresAt }) => ({
    key: once(() => contract.signature.parseSecret(secret)),
    expiresAtMs: expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
  }));
  return {
    id: endpoint.id,
    uuid: decodeId('ep', endpoint.id) ?? new Uint8Array(16),
    accountId: account.id,
    url: endpoint.url,
    status: endpoint.status,
    subscriptions: endpoint.subscriptions,
    headers: { id: endpoint.headersId, values: Object.entries(endpoint.headers) },
    auth: endpoint.auth ?? null,
    tls: endpoint.tls ? knownTls(endpoint.tls) : undefined,
    transformation: endpoint.transformation ?? null,
    contract,
    account,
    version: endpoint.version ?? contract.versions?.default ?? null,
    ratePerS: rateOf(endpoint.rateLimit, contract.policy.ratePerS),
    concurrency: Math.min(endpoint.concurrency ?? Number.POSITIVE_INFINITY, contract.policy.concurrency),
    thin: endpoint.thin ?? false,
    isProven: !contract.ownershipProof || isProven(endpoint),
    testingUntilMs: endpoint.testingUntil?.getTime() ?? 0,
    recoveringAtMs: endpoint.recoveringAt?.getTime(),
    keysAt: (nowMs) => secrets.filter((s) => s.expiresAtMs > nowMs).map((s) => s.key()),
  };
}

/** Keys are parsed when they sign first: most endpoints of an account in memory are not sent to. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Roughly, in bytes: its texts, and what is made of each endpoint. */
function sizeOf(snapshot: AccountSnapshot): number {
  return 2 * JSON.stringify(snapshot).length + ENDPOINT_BYTES * (1 + snapshot.endpoints.length);
}

function findMatches(endpoints: readonly KnownEndpoint[], trigger: string): Match[] {
  return endpoints.flatMap((endpoint) => {
    const matching = endpoint.subscriptions.filter((s) => matchesTrigger(s.trigger, trigger));
    const topics = new Set(matching.map(({ topic }) => topic ?? null));
    return [...topics].map((topic) => {
      const ofTopic = matching.filter((s) => (s.topic ?? null) === topic);
      const orderingKeyOf = compileOrdering(ofTopic.flatMap(({ ordered_by: pointer }) => pointer ?? []));
      return { endpoint, topic, wants: wantsOf(ofTopic), orderingKeyOf };
    });
  });
}

/** Of several subscriptions to the same, one that takes it is enough. */
function wantsOf(subscriptions: readonly Subscription[]): Test | undefined {
  const filters = subscriptions.flatMap(({ filter }) => filter ?? []);
  return filters.length < subscriptions.length ? undefined : compileFilter({ or: filters });
}

/** The lower one: an endpoint may ask for less than the contract promises, never for more. */
function rateOf(own: number | null, contract: number | undefined): number | undefined {
  if (own === null) return contract;
  return contract === undefined ? own : Math.min(own, contract);
}
