import { isDeepStrictEqual } from 'node:util';
import type { Contract, ContractLimits } from '../contract/contract.ts';
import type { Clock } from '../domain/clock.ts';
import { type AuthWish, type EndpointAuth, toAuth } from '../domain/endpoint-auth.ts';
import { type EndpointTls, knownTls, toTls } from '../domain/endpoint-tls.ts';
import { invalidAt, Problem, pointerTo } from '../domain/errors.ts';
import { checkFilter } from '../domain/filter.ts';
import { isReservedHeader } from '../domain/header-names.ts';
import { type IdSource, isId } from '../domain/ids.ts';
import { isJsonPointer } from '../domain/json-pointer.ts';
import { type Endpoint, type EndpointStatus, isProven } from '../domain/model.ts';
import type { SignatureKind } from '../domain/signature.ts';
import type { Subscription, WishedSubscription } from '../domain/subscription.ts';
import { TransformFailed } from '../domain/transformation.ts';
import type { EgressGuard } from '../egress/guard.ts';
import { isUsable } from '../egress/trust.ts';
import type { Directory, KnownAccount, KnownEndpoint } from '../fanout/directory.ts';
import type { EndpointChange, EndpointStore } from '../storage/store.ts';
import type { Transformer } from '../transform/transformer.ts';
import type { Inspector } from './inspector.ts';
import type { Ownership } from './ownership.ts';

/** Secrets that sign besides the current one; each costs a signature per request. */
const OLD_SECRETS_MAX = 4;
const HEADERS_MAX = 20;
const HEADERS_BYTES_MAX = 8 * 1024;

export interface EndpointInput {
  url: string;
  subscriptions: readonly WishedSubscription[];
  status?: EndpointStatus;
  description?: string;
  headers?: Record<string, string>;
  signature?: SignatureKind;
  secret?: string;
  version?: string;
  rateLimit?: number | null;
  concurrency?: number | null;
  thin?: boolean;
  auth?: AuthWish | null;
  tls?: EndpointTls | null;
  transformation?: string | null;
}

export interface EndpointWish extends Omit<EndpointChange, 'subscriptions' | 'auth'> {
  subscriptions?: readonly WishedSubscription[];
  auth?: AuthWish | null;
}

/** Everything that can be done to an endpoint, whoever asks: the operator's API, a vendor's facade or the page. */
export class Endpoints {
  constructor(
    private readonly parts: {
      store: EndpointStore;
      directory: Directory;
      guard: EgressGuard;
      inspector: Inspector;
      transformer: Transformer;
      ownership: () => Ownership;
      ids: IdSource;
      clock: Clock;
      /** Whether endpoints may say whom their receivers' certificates are signed by. */
      allowOwnCa: boolean;
    },
  ) {}

  /** @throws Problem `account_not_found` */
  async accountOf(id: string): Promise<KnownAccount> {
    const account = this.parts.directory.peek(id) ?? (await this.parts.directory.get(id));
    if (!account) throw new Problem('account_not_found');
    return account;
  }

  /** @throws Problem `endpoint_not_found` */
  async find(accountId: string, id: string): Promise<Endpoint> {
    const endpoint = isId('ep', id) ? await this.parts.store.find(accountId, id) : undefined;
    if (!endpoint) throw new Problem('endpoint_not_found');
    return endpoint;
  }

  /** One of the kind that the contract signs with first; it is kept nowhere. */
  async generateSecret(accountId: string): Promise<string> {
    const { signature: scheme } = (await this.accountOf(accountId)).contract;
    return scheme.generateSecret(scheme.kinds[0] ?? 'v1');
  }

  async create(accountId: string, input: EndpointInput): Promise<{ endpoint: Endpoint; secret: string }> {
    const { contract } = await this.accountOf(accountId);
    const { store, ids, clock } = this.parts;
    await this.checkUrl(accountId, input.url, contract);
    const subscriptions = completeSubscriptions(input.subscriptions, contract, []);
    await this.checkOrderIsKnown(subscriptions, []);
    checkHeaders(input.headers ?? {}, contract);
    checkVersion(input.version, contract);
    checkRateLimit(input.rateLimit, contract);
    checkOptions(input, contract);
    const auth = input.auth ? toAuth(input.auth, '#/auth') : null;
    this.checkAuth(auth, input.headers ?? {}, contract);
    const tls = input.tls ? this.toTls(input.tls, contract) : null;
    await this.checkTransformation(accountId, input.transformation, contract);
    const { signature: scheme, limits } = contract;
    const kind = input.signature ?? scheme.kinds[0] ?? 'v1';
    if (!scheme.kinds.includes(kind)) {
      throw new Problem('not_supported', `This contract signs with ${scheme.kinds.join(' or ')}, not ${kind}.`);
    }
    const secret = input.secret ?? scheme.generateSecret(kind);
    const key = scheme.parseSecret(secret);
    if (input.signature !== undefined && input.signature !== key.kind) {
      throw new Problem('invalid_secret', `The secret is for ${key.kind}, and the endpoint is to sign with ${kind}.`);
    }
    // Its receiver needs the secret before it can answer the challenge.
    const status = contract.ownershipProof ? 'inactive' : (input.status ?? contract.newEndpoint);
    const createdAt = new Date(clock.now());
    const endpoint = await store.create(
      {
        id: ids.next('ep'),
        accountId,
        url: input.url,
        description: input.description ?? '',
        status,
        inactiveReason: status === 'active' ? null : 'new',
        subscriptions,
        headers: input.headers ?? {},
        auth,
        tls,
        transformation: input.transformation ?? null,
        signature: key.kind,
        publicKey: scheme.publicKeyOf(key) ?? null,
        version: input.version ?? contract.versions?.default ?? null,
        rateLimit: input.rateLimit ?? null,
        concurrency: input.concurrency ?? null,
        thin: input.thin ?? false,
        provenUrl: contract.ownershipProof ? '' : input.url,
        testingUntil: null,
        statusAt: null,
        previousSecretUntil: null,
        createdAt,
        updatedAt: createdAt,
        secret,
      },
      limits.endpointsPerAccount,
    );
    if (!endpoint) {
      const most = limits.endpointsPerAccount === 1 ? 'one endpoint' : `${limits.endpointsPerAccount} endpoints`;
      throw new Problem('limit_reached', `An account of this contract has at most ${most}.`);
    }
    this.parts.directory.forget(accountId);
    return { endpoint, secret };
  }

  async change(
    accountId: string,
    id: string,
    { subscriptions: wished, auth: wishedAuth, tls: wishedTls, ...change }: EndpointWish,
  ): Promise<Endpoint> {
    const { contract } = await this.accountOf(accountId);
    const before = await this.find(accountId, id);
    if (change.url !== undefined) await this.checkUrl(accountId, change.url, contract);
    if (change.headers) checkHeaders(change.headers, contract);
    checkVersion(change.version, contract);
    checkRateLimit(change.rateLimit, contract);
    checkOptions(change, contract);
    const auth = wishedAuth ? toAuth(wishedAuth, '#/auth') : wishedAuth;
    if (auth !== undefined || change.headers !== undefined)
      this.checkAuth(
        auth === undefined ? before.auth : auth,
        change.headers ?? before.headers,
        contract,
        Boolean(auth),
      );
    if (auth === undefined) checkMove(before, change.url);
    const tls = wishedTls ? this.toTls(wishedTls, contract) : wishedTls;
    await this.checkTransformation(accountId, change.transformation, contract);
    const proven = await this.proofOf(before, change.url, contract, {
      ...(auth === undefined ? {} : { auth }),
      ...(change.headers ? { headers: { id: null, values: Object.entries(change.headers) } } : {}),
      ...(tls === undefined ? {} : { tls: tls ? knownTls(tls) : undefined }),
    });
    const subscriptions = wished && completeSubscriptions(wished, contract, before.subscriptions);
    await this.checkOrderIsKnown(subscriptions ?? [], before.subscriptions);
    return this.changed(accountId, () =>
      this.parts.store.change(accountId, id, {
        // What stays is not written: another change may be under way.
        ...(change.url === before.url ? without(change, 'url') : change),
        ...proven,
        ...(subscriptions ? { subscriptions } : {}),
        ...(auth === undefined ? {} : { auth }),
        ...(tls === undefined ? {} : { tls }),
      }),
    );
  }

  /** A node that knows nothing of lines would send past them. @throws Problem `not_supported` */
  private async checkOrderIsKnown(subscriptions: readonly Subscription[], before: readonly Subscription[]) {
    const had = new Set(before.map(({ ordered_by: pointer }) => pointer));
    if (subscriptions.every(({ ordered_by: pointer }) => pointer === undefined || had.has(pointer))) return;
    if (await this.parts.store.isBesideOlderNodes())
      throw new Problem('not_supported', 'Nodes of the version before still run, and keep no order: try again later.');
  }

  async setStatus(accountId: string, id: string, status: EndpointStatus): Promise<Endpoint> {
    const { contract } = await this.accountOf(accountId);
    const before = await this.find(accountId, id);
    // By the time it becomes active it may have another URL: then it does not.
    const provenUrl = status === 'active' && contract.ownershipProof ? before.url : undefined;
    if (provenUrl !== undefined && !isProven(before)) await this.prove(accountId, id, provenUrl);
    const reason = status === 'active' ? null : 'user';
    return this.changed(accountId, () =>
      this.parts.store.setStatus(accountId, id, status, reason, this.parts.clock.now(), provenUrl),
    );
  }

  async remove(accountId: string, id: string): Promise<void> {
    await this.find(accountId, id);
    if (!(await this.parts.store.remove(accountId, id))) throw new Problem('endpoint_not_found');
    this.parts.directory.forget(accountId);
  }

  /** Testing mode begins at once and ends by itself. */
  async setTesting(accountId: string, id: string, enabled: boolean): Promise<Endpoint> {
    const { contract } = await this.accountOf(accountId);
    await this.find(accountId, id);
    const nowMs = this.parts.clock.now();
    const { durationMs, intervalMs } = contract.policy.testingMode;
    const until = enabled ? new Date(nowMs + durationMs) : null;
    return this.changed(accountId, () =>
      this.parts.store.setTesting(accountId, id, until, new Date(nowMs), intervalMs),
    );
  }

  /**
   * @param overlapMs for how long the secret before signs too; contracts with one signature per request have no overlap
   */
  async rotateSecret(
    accountId: string,
    id: string,
    chosen: string | undefined,
    overlapMs: number,
  ): Promise<{ endpoint: Endpoint; secret: string }> {
    const { contract } = await this.accountOf(accountId);
    const before = await this.find(accountId, id);
    const { signature: scheme } = contract;
    const secret = chosen ?? scheme.generateSecret(before.signature);
    const key = scheme.parseSecret(secret);
    if (key.kind !== before.signature) {
      throw new Problem(
        'invalid_secret',
        `This endpoint signs with ${before.signature}; the secret is for ${key.kind}.`,
      );
    }
    const nowMs = this.parts.clock.now();
    const overlapUntil = new Date(nowMs + (scheme.canOverlap ? overlapMs : 0));
    const publicKey = scheme.publicKeyOf(key) ?? null;
    const endpoint = await this.changed(accountId, () =>
      this.parts.store.rotateSecret(accountId, id, secret, publicKey, overlapUntil, OLD_SECRETS_MAX, nowMs),
    );
    return { endpoint, secret };
  }

  /**
   * What is active moves to a URL whose receiver wants it; what is inactive is asked when it becomes active.
   * @param changes what the endpoint will have: the receiver is asked with that, and no other one sees what it had
   */
  private async proofOf(
    { accountId, id, status, url: before }: Endpoint,
    url: string | undefined,
    { ownershipProof }: Contract,
    changes: Partial<Pick<KnownEndpoint, 'auth' | 'headers' | 'tls'>>,
  ): Promise<Pick<EndpointChange, 'provenUrl' | 'whileInactive'>> {
    if (url === undefined || url === before) return {};
    if (!ownershipProof) return { provenUrl: url };
    if (status === 'inactive') return { provenUrl: '', whileInactive: true };
    await this.prove(accountId, id, url, changes);
    return { provenUrl: url };
  }

  /**
   * Where the contract asks for it: the receiver at this URL echoes a challenge, or nothing changes.
   * @throws Problem `ownership_unproven`, `endpoint_not_found`, `too_many_requests`
   */
  private async prove(
    accountId: string,
    id: string,
    url: string,
    changes: Partial<Pick<KnownEndpoint, 'auth' | 'headers' | 'tls'>> = {},
  ): Promise<void> {
    // Rarely done, and by what stands in the database now.
    this.parts.directory.forget(accountId);
    const account = await this.accountOf(accountId);
    if (!account.contract.ownershipProof) return;
    const endpoint = account.endpoints.get(id);
    if (!endpoint) throw new Problem('endpoint_not_found');
    await this.parts.ownership().prove({ ...endpoint, ...changes, url });
  }

  /** This node sends by the change at once; the others hear of it from the database. */
  private async changed(accountId: string, change: () => Promise<Endpoint | undefined>): Promise<Endpoint> {
    const endpoint = await change();
    if (!endpoint) throw new Problem('endpoint_not_found');
    this.parts.directory.forget(accountId);
    return endpoint;
  }

  /** @throws Problem `not_supported`, `invalid_request`, `invalid_url`, `blocked_address` */
  private checkAuth(
    auth: EndpointAuth | null | undefined,
    headers: Record<string, string>,
    { limits }: Contract,
    isNew = true,
  ): void {
    if (!auth) return;
    if (isNew && !limits.authentication)
      throw new Problem('not_supported', 'Endpoints of this contract do not authenticate.');
    const own = Object.keys(headers).find((name) => name.toLowerCase() === 'authorization');
    if (own !== undefined) throw invalidAt(pointerTo('#/headers', own), 'is written by `auth`');
    if (auth.type !== 'oauth2') return;
    try {
      this.parts.guard.checkUrl(auth.token_url, limits.httpsOnly);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw new Problem(error.code, error.message, [{ pointer: '#/auth/token_url', detail: error.message }]);
    }
  }

  /** @throws Problem `not_supported`, `invalid_request` */
  private toTls(wish: EndpointTls, { limits }: Contract): EndpointTls {
    const { allowOwnCa, clock } = this.parts;
    if (!limits.authentication)
      throw new Problem('not_supported', 'Endpoints of this contract have no certificates of their own.');
    if (wish.certificate_authority !== undefined && !allowOwnCa)
      throw new Problem('not_supported', 'This server trusts no certificate authorities of endpoints.');
    const tls = toTls(wish, '#/tls', clock.now());
    if (!isUsable(tls)) throw invalidAt('#/tls/certificate', 'cannot be used for TLS: its key may be too short');
    return tls;
  }

  /** @throws Problem `not_supported`, `invalid_request` */
  private async checkTransformation(
    accountId: string,
    code: string | null | undefined,
    { limits }: Contract,
  ): Promise<void> {
    if (code === undefined || code === null) return;
    if (!limits.transformations)
      throw new Problem('not_supported', 'Endpoints of this contract have no transformations.');
    try {
      await this.parts.transformer.check(accountId, code);
    } catch (error) {
      if (!(error instanceof TransformFailed)) throw error;
      throw invalidAt('#/transformation', error.message);
    }
  }

  /** A bin of this account is the one address of this server itself that may be used, plain HTTP or not. */
  /** @throws Problem `invalid_url` or `blocked_address`, at `#/url` */
  async checkUrl(accountId: string, url: string, { limits }: Contract): Promise<void> {
    if (await this.parts.inspector.owns(accountId, url)) return;
    try {
      if (this.parts.inspector.isBin(url)) throw new Problem('blocked_address', 'This bin is not of this account.');
      this.parts.guard.checkUrl(url, limits.httpsOnly);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw new Problem(error.code, error.message, [{ pointer: '#/url', detail: error.message }]);
    }
  }
}

/**
 * @param before what the endpoint has already: it may be from a time when the contract allowed more
 * @throws Problem `limit_reached`, `unknown_topic`, `unknown_trigger`, `unknown_pair`, `not_supported`, `invalid_request`
 */
function completeSubscriptions(
  subscriptions: readonly WishedSubscription[],
  { limits, catalog }: Contract,
  before: readonly Subscription[],
): Subscription[] {
  const most = limits.subscriptionsPerEndpoint;
  if (subscriptions.length > Math.max(most, catalog.pairsOf(before).length)) {
    const text = most === 1 ? 'one subscription' : `${most} subscriptions`;
    throw new Problem('limit_reached', `An endpoint of this contract has at most ${text}.`);
  }
  const isKept = ({ topic, trigger }: WishedSubscription) =>
    before.some((one) => one.topic === topic && one.trigger === trigger);
  return subscriptions.map(({ filter, ordered_by: orderedBy, ...subscription }, i) => {
    const pointer = `#/subscriptions/${i}`;
    const complete = isKept(subscription) ? subscription : catalog.complete(subscription, pointer);
    const pair = { ...complete, ...toOrder(orderedBy, limits, before, `${pointer}/ordered_by`) };
    if (filter === undefined || filter === null) return pair;
    const had = before.some(({ ordered_by: _, ...one }) => isDeepStrictEqual(one, { ...complete, filter }));
    if (!limits.filters && !had) throw new Problem('not_supported', 'Subscriptions of this contract have no filters.');
    checkFilter(filter, `${pointer}/filter`);
    return { ...pair, filter };
  });
}

/** @throws Problem `not_supported`, `invalid_request` */
function toOrder(
  orderedBy: string | undefined,
  limits: ContractLimits,
  before: readonly Subscription[],
  place: string,
): Pick<Subscription, 'ordered_by'> {
  if (orderedBy === undefined) return {};
  if (!limits.orderedDelivery && !before.some((one) => one.ordered_by === orderedBy))
    throw new Problem('not_supported', 'Subscriptions of this contract have no order.');
  if (!isJsonPointer(orderedBy)) throw invalidAt(place, 'is a JSON pointer into the payload, as /order/id');
  return { ordered_by: orderedBy };
}

/** @throws Problem `invalid_request` */
function checkHeaders(headers: Record<string, string>, contract: Contract): void {
  const names = Object.keys(headers);
  const isReserved = (name: string) => isReservedHeader(name) || contract.headerNames.has(name);
  const reserved = names.find((name) => isReserved(name.toLowerCase()));
  if (reserved !== undefined) {
    throw invalidAt(pointerTo('#/headers', reserved), `${reserved} is written by Posthorn itself`);
  }
  if (names.length > HEADERS_MAX || JSON.stringify(headers).length > HEADERS_BYTES_MAX) {
    throw invalidAt('#/headers', 'at most 20 headers and 8 KiB');
  }
  const lower = names.map((name) => name.toLowerCase());
  const repeated = names.find((_, i) => lower.indexOf(lower[i] ?? '') < i);
  if (repeated !== undefined) {
    throw invalidAt(pointerTo('#/headers', repeated), 'is there already: names are equal whatever their case');
  }
}

/**
 * Credentials do not go along to another address: they would be sent to whoever names it.
 * @throws Problem `invalid_request`
 */
function checkMove({ auth, url: before }: Endpoint, url: string | undefined): void {
  if (!auth || url === undefined || new URL(url).origin === new URL(before).origin) return;
  const secret = { basic: 'password', bearer: 'token', oauth2: 'client_secret' }[auth.type];
  throw invalidAt(`#/auth/${secret}`, 'is needed again for another address; or send `auth` as null');
}

/** @throws Problem `unknown_version` */
function checkVersion(version: string | undefined, { versions }: Contract): void {
  if (version === undefined || versions?.values.includes(version)) return;
  const known = versions ? `The versions are ${versions.values.join(', ')}.` : 'This contract has no versions.';
  throw new Problem('unknown_version', known, [{ pointer: '#/version', detail: 'is not a version of this contract' }]);
}

/** @throws Problem `not_supported`, `limit_reached` */
function checkRateLimit(rateLimit: number | null | undefined, { limits, policy }: Contract): void {
  if (rateLimit === undefined || rateLimit === null) return;
  if (!limits.ownRateLimit)
    throw new Problem('not_supported', 'Endpoints of this contract have no rate limit of their own.');
  if (policy.ratePerS !== undefined && rateLimit > policy.ratePerS) {
    throw new Problem('limit_reached', `This contract sends at most ${policy.ratePerS} requests a second.`);
  }
}

/** @throws Problem `not_supported`, `limit_reached` */
function checkOptions(
  { concurrency, thin }: Pick<EndpointWish, 'concurrency' | 'thin'>,
  { limits, policy }: Contract,
): void {
  if (thin && !limits.thinEvents)
    throw new Problem('not_supported', 'Endpoints of this contract get every event with its payload.');
  if (concurrency === undefined || concurrency === null) return;
  if (!limits.ownConcurrency)
    throw new Problem(
      'not_supported',
      'Endpoints of this contract do not choose how many requests they get at a time.',
    );
  if (concurrency > policy.concurrency)
    throw new Problem('limit_reached', `This contract sends at most ${policy.concurrency} requests at a time.`);
}

function without<T extends object, K extends keyof T>(value: T, name: K): Omit<T, K> {
  const { [name]: _, ...others } = value;
  return others;
}
