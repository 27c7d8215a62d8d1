import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../domain/clock.ts';
import { basicCredentials, type OAuth2 } from '../domain/endpoint-auth.ts';
import { Problem } from '../domain/errors.ts';
import type { AttemptOutcome } from '../domain/outcome.ts';
import type { DeliveryPolicy } from '../domain/policy.ts';
import type { Egress } from '../egress/egress.ts';
import type { EgressGuard } from '../egress/guard.ts';
import type { KnownEndpoint } from '../fanout/directory.ts';
import type { StoredToken, TokenStore } from '../storage/store.ts';

const KNOWN_MAX = 10_000;
const TIMEOUTS: DeliveryPolicy['timeouts'] = { connectMs: 5_000, headersMs: 10_000, bodyMs: 10_000, totalMs: 10_000 };
/** For so long one node asks, and the others wait for what it gets. */
const ASKING_MS = 15_000;
const LOOK_EVERY_MS = 250;
/** What failed is not asked for again at once: every delivery that waits would. */
const FAILED_FOR_MS = 5_000;
/** A token is renewed before it ends: this long before, or a fifth of its life where that is less. */
const MARGIN_MS = 60_000;
/** Where the answer does not say (RFC 6749, 5.1). */
const LIFE_DEFAULT_S = 300;
const LIFE_MIN_S = 5;
const LIFE_MAX_S = 86_400;
/** One that is refused is not replaced more often than this: a receiver may refuse every one. */
const KEPT_AT_LEAST_MS = 30_000;
const TOKEN_LENGTH_MAX = 16_384;

type Endpoint = Pick<KnownEndpoint, 'id' | 'accountId' | 'contract'>;

interface Known extends StoredToken {
  config: Buffer;
  sinceMs: number;
}

/** No token: the attempt fails with this in its words. */
export class NoToken extends Error {
  /** @param isOurs nothing went out: the token endpoint is not to blame */
  constructor(
    message: string,
    readonly isOurs = false,
  ) {
    super(message);
  }
}

/**
 * Tokens of OAuth 2 for endpoints. One is asked for at a time, over all nodes: they share it in the database. It is kept in
 * memory, and renewed before it ends.
 */
export class OAuthTokens {
  private readonly known = new LRUCache<string, Known>({ maxSize: KNOWN_MAX, sizeCalculation: () => 1 });
  private readonly failed = new LRUCache<string, { untilMs: number; detail: string }>({
    maxSize: KNOWN_MAX,
    sizeCalculation: () => 1,
  });
  private readonly underWay = new Map<string, Promise<string>>();

  constructor(private readonly parts: { store: TokenStore; egress: Egress; guard: EgressGuard; clock: Clock }) {}

  /** @throws NoToken */
  async get(endpoint: Endpoint, auth: OAuth2): Promise<string> {
    const config = digestOf(auth);
    const nowMs = this.parts.clock.now();
    const known = this.known.get(endpoint.id);
    if (known?.config.equals(config) && nowMs < known.expiresAtMs) {
      if (nowMs >= known.renewAtMs) this.obtainOnce(endpoint, auth, config).catch(() => {});
      return known.token;
    }
    return this.obtainOnce(endpoint, auth, config);
  }

  /** The receiver has refused this token. */
  async refused(endpointId: string, token: string): Promise<void> {
    const known = this.known.get(endpointId);
    // Another one is there already, or this one is too young to be replaced.
    if (known?.token !== token || this.parts.clock.now() < known.sinceMs + KEPT_AT_LEAST_MS) return;
    this.known.delete(endpointId);
    await this.parts.store.forget(endpointId, digestOfToken(token));
  }

  private obtainOnce(endpoint: Endpoint, auth: OAuth2, config: Buffer): Promise<string> {
    const key = keyOf(endpoint, config);
    const waiting = this.underWay.get(key);
    if (waiting) return waiting;
    const obtaining = this.obtain(endpoint, auth, config).finally(() => this.underWay.delete(key));
    this.underWay.set(key, obtaining);
    return obtaining;
  }

  private async obtain(endpoint: Endpoint, auth: OAuth2, config: Buffer): Promise<string> {
    const { store, clock } = this.parts;
    const failed = this.failed.get(keyOf(endpoint, config));
    if (failed && clock.now() < failed.untilMs) throw new NoToken(failed.detail);
    const untilMs = clock.monotonicMs() + ASKING_MS;
    for (;;) {
      const nowMs = clock.now();
      const stored = await store.find(endpoint.id, config);
      if (stored && stored.renewAtMs > nowMs) return this.remember(endpoint.id, config, stored);
      const isAsking = await store.claim(endpoint.id, config, nowMs, nowMs + ASKING_MS);
      // Somebody may have had a new one, and let go, between the two.
      const newest = isAsking ? await store.find(endpoint.id, config) : undefined;
      if (newest && newest.renewAtMs > nowMs) {
        await store.release(endpoint.id, config);
        return this.remember(endpoint.id, config, newest);
      }
      const isValid = stored !== undefined && stored.expiresAtMs > nowMs;
      if (isAsking && !isValid) return this.ask(endpoint, auth, config);
      if (isValid) {
        // Whoever asks renews it; until then it goes on.
        if (isAsking) this.ask(endpoint, auth, config).catch(() => {});
        return this.remember(endpoint.id, config, stored);
      }
      if (clock.monotonicMs() > untilMs) throw new NoToken('Another node asks for a token and gets no answer.');
      await new Promise<void>((resolve) => void clock.after(LOOK_EVERY_MS, resolve));
    }
  }

  private async ask(endpoint: Endpoint, auth: OAuth2, config: Buffer): Promise<string> {
    const { store, clock } = this.parts;
    const key = keyOf(endpoint, config);
    try {
      const nowMs = clock.now();
      const { token, lifeS } = tokenIn(await this.request(endpoint, auth));
      const lifeMs = lifeS * 1_000;
      const renewAtMs = nowMs + lifeMs - Math.min(MARGIN_MS, lifeMs / 5);
      const stored = { token, renewAtMs, expiresAtMs: nowMs + lifeMs };
      await store.keep(endpoint.id, config, stored, digestOfToken(token));
      this.failed.delete(key);
      return this.remember(endpoint.id, config, stored);
    } catch (error) {
      await store.release(endpoint.id, config);
      if (error instanceof NoToken && !error.isOurs)
        this.failed.set(key, { untilMs: clock.now() + FAILED_FOR_MS, detail: error.message });
      throw error;
    }
  }

  private request({ accountId, contract }: Endpoint, auth: OAuth2): Promise<AttemptOutcome> {
    const { egress, guard } = this.parts;
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      ...(auth.scope === undefined ? {} : { scope: auth.scope }),
      ...(auth.audience === undefined ? {} : { audience: auth.audience }),
      ...(auth.credentials_in === 'body' ? { client_id: auth.client_id, client_secret: auth.client_secret } : {}),
    });
    const headers: [string, string][] = [
      ['content-type', 'application/x-www-form-urlencoded'],
      ['accept', 'application/json'],
    ];
    // Encoded as a form first (RFC 6749, 2.3.1).
    if (auth.credentials_in !== 'body')
      headers.push([
        'authorization',
        basicCredentials(encodeURIComponent(auth.client_id), encodeURIComponent(auth.client_secret)),
      ]);
    let url: URL;
    try {
      url = guard.checkUrl(auth.token_url, contract.limits.httpsOnly);
    } catch (error) {
      throw error instanceof Problem ? new NoToken(`${auth.token_url} may not be used: ${error.message}`) : error;
    }
    return egress.send(accountId, { url, headers, body: Buffer.from(form.toString()), timeouts: TIMEOUTS });
  }

  private remember(endpointId: string, config: Buffer, stored: StoredToken): string {
    this.known.set(endpointId, { ...stored, config, sinceMs: this.parts.clock.now() });
    return stored.token;
  }
}

/** @throws NoToken */
function tokenIn({ response, error, errorDetail }: AttemptOutcome): { token: string; lifeS: number } {
  if (error === 'interrupted') throw new NoToken(errorDetail ?? '', true);
  if (!response) throw new NoToken(`The token endpoint cannot be reached (${error}). ${errorDetail ?? ''}`.trim());
  const answer = jsonOf(response.body) as { access_token?: unknown; expires_in?: unknown; error?: unknown } | undefined;
  if (response.status !== 200) {
    const said =
      typeof answer?.error === 'string' ? ` and says ${answer.error.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)}` : '';
    throw new NoToken(`The token endpoint answers ${response.status}${said}.`);
  }
  const token = answer?.access_token;
  if (typeof token !== 'string' || token.length > TOKEN_LENGTH_MAX || !/^[\x21-\x7e]+$/.test(token))
    throw new NoToken('The token endpoint answers without an access_token.');
  const lifeS = Number(answer?.expires_in ?? LIFE_DEFAULT_S);
  if (!(lifeS > 0)) return { token, lifeS: LIFE_DEFAULT_S };
  return { token, lifeS: Math.min(Math.max(lifeS, LIFE_MIN_S), LIFE_MAX_S) };
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function digestOf(auth: OAuth2): Buffer {
  return createHash('sha256').update(JSON.stringify(auth)).digest();
}

const digestOfToken = (token: string): Buffer => createHash('sha256').update(token).digest();

const keyOf = ({ id }: Endpoint, config: Buffer): string => `${id} ${config.toString('base64')}`;
