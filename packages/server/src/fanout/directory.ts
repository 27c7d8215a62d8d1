import type { Contract } from '../contract/contract.ts';
import type { AccountFacts } from '../contract/fields.ts';
import { decodeId } from '../domain/ids.ts';
import type { EndpointStatus, OwnHeaders } from '../domain/model.ts';
import type { SigningKey } from '../domain/signature.ts';
import { matchesTrigger, type Subscription } from '../domain/subscription.ts';
import type { AccountSnapshot, EndpointSnapshot } from '../storage/store.ts';

const ACCOUNTS_MAX = 10_000;
/** Triggers are free in some contracts; a publisher that invents them may not fill the memory. */
const MATCHES_MAX = 1_000;

/** An endpoint as the hot path needs it: parsed once, not per request. */
export interface KnownEndpoint {
  readonly id: string;
  readonly uuid: Uint8Array;
  readonly accountId: string;
  readonly url: string;
  readonly status: EndpointStatus;
  readonly subscriptions: readonly Subscription[];
  readonly headers: OwnHeaders;
  readonly contract: Contract;
  readonly account: AccountFacts;
  readonly version: string | null;
  /** Requests in any second, over all nodes; undefined: no limit. */
  readonly ratePerS: number | undefined;
  readonly testingUntilMs: number;
  /** Keys that sign at this moment, newest first. */
  keysAt(nowMs: number): SigningKey[];
}

export interface KnownAccount {
  readonly id: string;
  readonly version: string;
  readonly contract: Contract;
  readonly facts: AccountFacts;
  readonly endpoints: ReadonlyMap<string, KnownEndpoint>;
  /** What is subscribed to a trigger, one entry per endpoint and topic. */
  matches(trigger: string): readonly Match[];
}

export interface Match {
  readonly endpoint: KnownEndpoint;
  readonly topic: string | null;
}

/**
 * Accounts and endpoints in memory, read when first needed and forgotten when they change. A copy may be outdated for a
 * moment; accepting an event therefore checks its version in the database and comes back here if it is.
 */
export class Directory {
  private readonly known = new Map<string, KnownAccount>();
  private readonly loading = new Map<string, Promise<KnownAccount | undefined>>();

  constructor(
    private readonly read: (id: string) => Promise<AccountSnapshot | undefined>,
    private readonly contracts: ReadonlyMap<string, Contract>,
  ) {}

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
      .then((snapshot) => snapshot && this.compile(snapshot))
      .then((account) => {
        // If it was forgotten while we read, the answer may be outdated: use it once, keep it not.
        if (account && this.loading.get(id) === reading) this.keep(account);
        return account;
      })
      .finally(() => {
        if (this.loading.get(id) === reading) this.loading.delete(id);
      });
    this.loading.set(id, reading);
    return reading;
  }

  private keep(account: KnownAccount): void {
    const [oldest] = this.known.keys();
    if (this.known.size >= ACCOUNTS_MAX && oldest !== undefined) this.known.delete(oldest);
    this.known.set(account.id, account);
  }

  private compile({ account, version, endpoints }: AccountSnapshot): KnownAccount {
    const contract = this.contracts.get(account.contract);
    if (!contract) throw new Error(`Account ${account.id} uses contract ${account.contract}, which is not loaded.`);
    const known = endpoints.map((endpoint) => compileEndpoint(account, endpoint, contract));
    const byTrigger = new Map<string, readonly Match[]>();
    return {
      id: account.id,
      version,
      contract,
      facts: account,
      endpoints: new Map(known.map((endpoint) => [endpoint.id, endpoint])),
      matches(trigger) {
        let found = byTrigger.get(trigger);
        if (!found) {
          if (byTrigger.size >= MATCHES_MAX) byTrigger.clear();
          found = findMatches(known, trigger);
          byTrigger.set(trigger, found);
        }
        return found;
      },
    };
  }
}

function compileEndpoint(account: AccountFacts, endpoint: EndpointSnapshot, contract: Contract): KnownEndpoint {
  const secrets = endpoint.secrets.map(({ secret, expiresAt }) => ({
    key: contract.signature.parseSecret(secret),
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
    contract,
    account,
    version: endpoint.version ?? contract.versions?.default ?? null,
    ratePerS: rateOf(endpoint.rateLimit, contract.policy.ratePerS),
    testingUntilMs: endpoint.testingUntil?.getTime() ?? 0,
    keysAt: (nowMs) => secrets.filter((s) => s.expiresAtMs > nowMs).map((s) => s.key),
  };
}

function findMatches(endpoints: readonly KnownEndpoint[], trigger: string): Match[] {
  return endpoints.flatMap((endpoint) => {
    const topics = endpoint.subscriptions.filter((s) => matchesTrigger(s.trigger, trigger)).map((s) => s.topic ?? null);
    return [...new Set(topics)].map((topic) => ({ endpoint, topic }));
  });
}

/** The lower one: an endpoint may ask for less than the contract promises, never for more. */
function rateOf(own: number | null, contract: number | undefined): number | undefined {
  if (own === null) return contract;
  return contract === undefined ? own : Math.min(own, contract);
}
