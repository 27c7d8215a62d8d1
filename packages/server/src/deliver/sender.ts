import { LRUCache } from 'lru-cache';
import { thinned } from '../contract/fields.ts';
import type { Clock, Random } from '../domain/clock.ts';
import { type Decision, decide } from '../domain/decide.ts';
import { basicCredentials, type EndpointAuth } from '../domain/endpoint-auth.ts';
import { Problem } from '../domain/errors.ts';
import { encodeId } from '../domain/ids.ts';
import type { ActiveDelivery, OwnHeaders, SettledAttempt, StoredEvent } from '../domain/model.ts';
import type { AttemptOutcome } from '../domain/outcome.ts';
import { type Transformed, TransformFailed } from '../domain/transformation.ts';
import type { Egress } from '../egress/egress.ts';
import type { EgressGuard } from '../egress/guard.ts';
import type { Directory, KnownAccount, KnownEndpoint } from '../fanout/directory.ts';
import { isPassing } from '../storage/database-errors.ts';
import { type Reshaped, type Transformer, withTransformed } from '../transform/transformer.ts';
import { NoToken, type OAuthTokens } from './oauth-tokens.ts';

/** URLs of endpoints, parsed and checked. */
const URLS_MAX = 10_000;
const BEGUN_AGAIN_MAX = 3;
const NO_HEADERS: OwnHeaders = { id: null, values: [] };
const AUTHORIZATION = 'authorization';
const BEARER = 'Bearer ';

/** What a request authenticates with, and how long that took; or why there is nothing. */
interface Authorization {
  authorization: [string, string][];
  waitedMs: number;
  failure?: AttemptOutcome;
}
const NO_AUTH: Authorization = { authorization: [], waitedMs: 0 };

/** What an endpoint's function made of the request, if it has one; or why there is nothing. */
interface Shaped {
  transformed?: Transformed;
  failure?: AttemptOutcome;
}
const AS_IT_IS: Shaped = {};
/** Stands in the history for the value of a header that a function set. */
const NOT_KEPT = '…';

export interface SenderParts {
  directory: Directory;
  egress: Egress;
  guard: EgressGuard;
  /** Knows which URLs lead to this server's own bins. */
  inspector: { isBin(url: string): boolean };
  tokens: OAuthTokens;
  transformer: Transformer;
  clock: Clock;
  random: Random;
  onError: (error: unknown) => void;
}

/** When something in here fails that has nothing to do with the receiver, the delivery waits this long. */
const INTERNAL_ERROR_DELAY_MS = 60_000;

/** Makes one attempt: writes the request as the contract says, signs it, sends it, and decides what follows. */
export class Sender {
  /** One event goes to many endpoints with the same bytes. */
  private readonly bodies = new WeakMap<StoredEvent, { topic: string | null; body: Buffer }>();
  private readonly urls = new LRUCache<string, URL>({ maxSize: URLS_MAX, sizeCalculation: () => 1 });

  constructor(private readonly parts: SenderParts) {}

  /** @returns undefined when nothing was sent because the endpoint is inactive */
  async attempt(delivery: ActiveDelivery, forced: boolean): Promise<SettledAttempt | undefined> {
    try {
      return await this.tryAttempt(delivery, forced);
    } catch (error) {
      // The delivery has not been tried: it waits for the database.
      if (isPassing(error)) throw error;
      this.parts.onError(error);
      return notSent(
        delivery,
        this.parts.clock.now(),
        'An internal error prevented this attempt; see the server log.',
        {
          kind: 'retry',
          delayMs: INTERNAL_ERROR_DELAY_MS,
        },
      );
    }
  }

  /** @param again how often it has begun anew, because the endpoint changed while something was waited for */
  private async tryAttempt(delivery: ActiveDelivery, forced: boolean, again = 0): Promise<SettledAttempt | undefined> {
    const { directory, clock } = this.parts;
    const account = directory.peek(delivery.accountId) ?? (await directory.get(delivery.accountId));
    const endpoint = account?.endpoints.get(delivery.endpointId);
    const startedAtMs = clock.now();
    // Without an account there is nothing to be known of it: it was deleted, or has moved to another database.
    if (!account) return undefined;
    if (!endpoint) {
      return notSent(delivery, startedAtMs, 'The endpoint was deleted before this attempt.', {
        kind: 'discarded',
        reason: 'endpoint_deleted',
        endpointGone: false,
      });
    }
    if (endpoint.status === 'inactive' && !forced) return undefined;
    if (!endpoint.isProven) {
      return notSent(delivery, startedAtMs, 'The receiver has not shown yet that it wants these requests.', {
        kind: 'discarded',
        reason: 'ownership_unproven',
        endpointGone: false,
      });
    }
    const { headers: ownHeaders, url } = endpoint;
    const { authorization, waitedMs, failure } = endpoint.auth
      ? await this.authorize(endpoint, endpoint.auth)
      : NO_AUTH;
    const written = this.bodyOf(endpoint, delivery);
    const { transformed, failure: noRequest } =
      endpoint.transformation === null
        ? AS_IT_IS
        : await this.transform(endpoint, endpoint.transformation, delivery, written);
    const hasWaited = endpoint.auth?.type === 'oauth2' || endpoint.transformation !== null;
    if (hasWaited && (await this.hasChanged(account))) {
      if (again < BEGUN_AGAIN_MAX) return this.tryAttempt(delivery, forced, again + 1);
      return this.putOff(delivery, startedAtMs, 'The endpoint was changed again and again.');
    }
    const body = transformed?.body ?? written;
    // Signed when it is sent: a token, or a function, may have taken its time.
    const signed = this.headersFor(endpoint, delivery, body, clock.now());
    const requestHeaders = transformed ? withTransformed(signed, transformed) : signed;
    const more = ownHeaders.values.length + authorization.length;
    const headers = more === 0 ? requestHeaders : [...requestHeaders, ...ownHeaders.values, ...authorization];
    const sent = noRequest ?? failure ?? (await this.send(endpoint, headers, body, transformed?.method));
    // The proxy, for one: nothing went out, and no receiver is to blame.
    if (sent.error === 'interrupted') return this.putOff(delivery, startedAtMs, sent.errorDetail ?? '');
    // What it waited for its token is the endpoint's own time.
    const outcome =
      waitedMs === 0 ? sent : { ...sent, timings: { ...sent.timings, total: sent.timings.total + waitedMs } };
    if (endpoint.auth?.type === 'oauth2' && outcome.response?.status === 401)
      await this.refuse(endpoint, authorization);
    const decision = this.decide(endpoint, delivery, outcome, startedAtMs);
    const settled = { delivery, startedAtMs, url, requestHeaders, ownHeaders, outcome, decision };
    if (!transformed) return endpoint.thin ? { ...settled, sent: { method: 'POST', body } } : settled;
    const kept = withTransformed(signed, withoutValues(transformed));
    return { ...settled, requestHeaders: kept, sent: { method: transformed.method, body } };
  }

  /** Nothing was sent, and no receiver is to blame. */
  private putOff(delivery: ActiveDelivery, startedAtMs: number, detail: string): SettledAttempt {
    const decision: Decision = delivery.test
      ? { kind: 'discarded', reason: 'test', endpointGone: false }
      : { kind: 'retry', delayMs: INTERNAL_ERROR_DELAY_MS };
    return notSent(delivery, startedAtMs, detail, decision);
  }

  /** Whether somebody has changed the account meanwhile: what is sent is by its newest copy. */
  private async hasChanged({ id, version }: KnownAccount): Promise<boolean> {
    const { directory } = this.parts;
    const newest = directory.peek(id) ?? (await directory.get(id));
    return newest?.version !== version;
  }

  private async transform(
    endpoint: KnownEndpoint,
    code: string,
    { event, topic }: ActiveDelivery,
    body: Buffer,
  ): Promise<Shaped> {
    const { account } = endpoint;
    try {
      return {
        transformed: await this.parts.transformer.transform(
          reshapedOf(endpoint, code),
          { event, topic, account },
          body,
        ),
      };
    } catch (error) {
      if (!(error instanceof TransformFailed)) throw error;
      const code = error.isOurs ? 'interrupted' : 'transform_failed';
      return { failure: { error: code, errorDetail: error.message, timings: { total: 0 } } };
    }
  }

  /** One request outside of all deliveries, written, signed and authenticated as theirs are, and never reshaped. */
  async sendOnce(endpoint: KnownEndpoint, event: StoredEvent): Promise<AttemptOutcome> {
    const { authorization, failure } = endpoint.auth ? await this.authorize(endpoint, endpoint.auth) : NO_AUTH;
    if (failure) return failure;
    const body = endpoint.contract.encodeBody({ event, topic: null, account: endpoint.account });
    const facts = { event, topic: null, attempts: 0, uuid: event.uuid };
    const headers = this.headersFor(endpoint, facts, body, this.parts.clock.now());
    return this.send(endpoint, [...headers, ...endpoint.headers.values, ...authorization], body, 'POST');
  }

  private bodyOf({ contract, account, thin }: KnownEndpoint, { event, topic }: ActiveDelivery): Buffer {
    if (thin) return contract.encodeBody({ event: thinned(event), topic, account });
    const known = this.bodies.get(event);
    if (known && known.topic === topic) return known.body;
    const body = contract.encodeBody({ event, topic, account });
    this.bodies.set(event, { topic, body });
    return body;
  }

  private headersFor(
    endpoint: KnownEndpoint,
    delivery: Pick<ActiveDelivery, 'event' | 'topic' | 'attempts' | 'uuid'>,
    body: Buffer,
    nowMs: number,
  ): [string, string][] {
    const { contract, account, version } = endpoint;
    const own = contract.writeHeaders({
      event: delivery.event,
      topic: delivery.topic,
      account,
      version,
      retryCount: delivery.attempts,
      deliveryId: () => encodeId('dlv', delivery.uuid),
      body,
      keys: endpoint.keysAt(nowMs),
      nowMs,
    });
    return [...contract.defaultHeaders, ...own];
  }

  private async authorize(endpoint: KnownEndpoint, auth: EndpointAuth): Promise<Authorization> {
    if (auth.type !== 'oauth2') return { ...NO_AUTH, authorization: [[AUTHORIZATION, authorizationOf(auth)]] };
    const { tokens, clock } = this.parts;
    const startedMs = clock.monotonicMs();
    const waited = () => clock.monotonicMs() - startedMs;
    try {
      const token = await tokens.get(endpoint, auth);
      return { authorization: [[AUTHORIZATION, `${BEARER}${token}`]], waitedMs: waited() };
    } catch (error) {
      if (!(error instanceof NoToken)) throw error;
      const failure: AttemptOutcome = {
        error: error.isOurs ? 'interrupted' : 'auth_failed',
        errorDetail: error.message,
        timings: { total: 0 },
      };
      return { authorization: [], waitedMs: waited(), failure };
    }
  }

  /** The next try has a new one. */
  private async refuse(endpoint: KnownEndpoint, [header]: Authorization['authorization']): Promise<void> {
    if (header) await this.parts.tokens.refused(endpoint.id, header[1].slice(BEARER.length));
  }

  private send(
    endpoint: KnownEndpoint,
    headers: [string, string][],
    body: Buffer,
    method: string | undefined,
  ): Promise<AttemptOutcome> {
    let url: URL;
    try {
      url = this.urlOf(endpoint);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const code = error.code === 'blocked_address' ? 'blocked_address' : 'invalid_url';
      return Promise.resolve({ error: code, errorDetail: error.message, timings: { total: 0 } });
    }
    return this.parts.egress.send(endpoint.accountId, {
      url,
      headers,
      body,
      timeouts: endpoint.contract.policy.timeouts,
      isOwnBin: this.parts.inspector.isBin(endpoint.url),
      tls: endpoint.tls,
      ...(method === undefined ? {} : { method }),
    });
  }

  /** Checked when the endpoint was created, and again here: the row may be older than today's rules. */
  private urlOf({ url, contract }: KnownEndpoint): URL {
    let parsed = this.urls.get(url);
    if (!parsed) {
      parsed = this.parts.inspector.isBin(url)
        ? new URL(url)
        : this.parts.guard.checkUrl(url, contract.limits.httpsOnly);
      this.urls.set(url, parsed);
    }
    return parsed;
  }

  private decide(
    { contract }: KnownEndpoint,
    delivery: ActiveDelivery,
    outcome: AttemptOutcome,
    startedAtMs: number,
  ): Decision {
    const { clock, random } = this.parts;
    const roundAtMs = delivery.attemptsThisRound === 0 ? startedAtMs : delivery.roundAtMs;
    const decision = decide(contract.policy, outcome, delivery.attemptsThisRound + 1, clock.now(), random, roundAtMs);
    // A test is tried once.
    if (delivery.test && decision.kind !== 'succeeded')
      return { kind: 'discarded', reason: 'test', endpointGone: false };
    return decision;
  }
}

/** How an endpoint's requests are reshaped by this code. */
export function reshapedOf({ accountId, contract, headers, auth }: KnownEndpoint, code: string): Reshaped {
  const headerNames = headers.values.map(([name]) => name);
  return { accountId, contract, headerNames, hasAuth: auth !== null, code };
}

/** As the history keeps it: a value may be a credential, whatever its name. */
function withoutValues(transformed: Transformed): Transformed {
  const headers = transformed.headers.map(([name]): [string, string] => [name, NOT_KEPT]);
  return { ...transformed, headers };
}

function authorizationOf(auth: Exclude<EndpointAuth, { type: 'oauth2' }>): string {
  return auth.type === 'basic' ? basicCredentials(auth.username, auth.password) : `${BEARER}${auth.token}`;
}

function notSent(
  delivery: ActiveDelivery,
  startedAtMs: number,
  errorDetail: string,
  decision: Decision,
): SettledAttempt {
  const outcome: AttemptOutcome = { error: 'interrupted', errorDetail, timings: { total: 0 } };
  return { delivery, startedAtMs, url: '', requestHeaders: [], ownHeaders: NO_HEADERS, outcome, decision };
}
