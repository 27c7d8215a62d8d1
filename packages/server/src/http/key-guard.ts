import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../domain/clock.ts';
import type { Problem } from '../domain/errors.ts';
import { TooManyRequests } from '../domain/too-many-requests.ts';
import { RateLimiter } from '../manage/rate-limiter.ts';
import type { SettingStore } from '../storage/store.ts';

/** Wrong keys of one address, before it has to wait. */
const OF_ADDRESS = { burst: 10, perMinute: 10 };
/** Of all addresses: beyond it a wrong key is answered 429. Nobody who has the right one notices. */
const OF_ALL = { burst: 100, perMinute: 100 };
const LINES = { burst: 20, perMinute: 10 };
const ADDRESSES_MAX = 10_000;
/** Of the trusted addresses, those that outlive a restart: every node reads them when it starts. */
const REMEMBERED_MAX = 1_000;
const REMEMBERED_AS = 'trusted_networks';
const REMEMBER_AFTER_MS = 1_000;

/**
 * Slows down whoever guesses the operator key. An address that has sent too many wrong ones waits, and is not told whether
 * the next is right, unless the right one came from it before: many senders can share an address, and a guesser among
 * them may not stop the others.
 */
export class KeyGuard {
  private readonly ofAddress: RateLimiter;
  private readonly ofAll: RateLimiter;
  private readonly lines: RateLimiter;
  private readonly trusted = new LRUCache<string, true>({ maxSize: ADDRESSES_MAX, sizeCalculation: () => 1 });
  /** Whom a connection spoke for last: a publisher's next request costs no more than this. A proxy's speaks for many. */
  private readonly trustedSockets = new WeakMap<object, string>();
  private blockedUntilMs = 0;
  private unsaid = 0;
  private isRemembering = false;

  constructor(
    private readonly clock: Pick<Clock, 'monotonicMs' | 'after'>,
    private readonly settings: SettingStore,
    private readonly onError: (error: unknown) => void,
  ) {
    const nowMs = () => clock.monotonicMs();
    this.ofAddress = new RateLimiter(OF_ADDRESS, nowMs);
    this.ofAll = new RateLimiter(OF_ALL, nowMs);
    this.lines = new RateLimiter(LINES, nowMs);
  }

  /** Reads which addresses the right key came from before this node was started. */
  async load(): Promise<void> {
    for (const network of await this.remembered()) this.trusted.set(network, true);
  }

  /** Why this request's key is not looked at now; undefined: it is. */
  refusal(request: FastifyRequest): TooManyRequests | undefined {
    // Nearly always: nobody is blocked at all.
    if (this.blockedUntilMs === 0 || this.clock.monotonicMs() >= this.blockedUntilMs) return undefined;
    const address = networkOf(request.ip);
    const waitMs = this.ofAddress.waitMs(address);
    return waitMs === 0 || this.trusted.has(address) ? undefined : tooMany(waitMs);
  }

  succeeded({ raw: { socket }, ip }: FastifyRequest): void {
    if (this.trustedSockets.get(socket) === ip) return;
    this.trustedSockets.set(socket, ip);
    const network = networkOf(ip);
    const isNew = !this.trusted.has(network);
    this.trusted.set(network, true);
    if (isNew && !this.isRemembering) {
      this.isRemembering = true;
      this.clock.after(REMEMBER_AFTER_MS, () => void this.remember().catch(this.onError));
    }
  }

  /** Notes a wrong key. Answers what to tell. */
  failed(request: FastifyRequest, problem: Problem): Problem {
    const address = networkOf(request.ip);
    this.logRefusal(request);
    const waitMs = Math.max(this.ofAddress.take(address), this.ofAll.take(''));
    this.blockedUntilMs = Math.max(this.blockedUntilMs, this.clock.monotonicMs() + this.ofAddress.waitMs(address));
    return waitMs > 0 ? tooMany(waitMs) : problem;
  }

  private async remembered(): Promise<string[]> {
    return ((await this.settings.get(REMEMBERED_AS)) ?? '').split(' ').filter((network) => network !== '');
  }

  /** Those that other nodes know stay: two that write at the same moment may lose one, which costs it nothing today. */
  private async remember(): Promise<void> {
    this.isRemembering = false;
    const networks = new Set([...this.trusted.keys(), ...(await this.remembered())]);
    await this.settings.put(REMEMBERED_AS, [...networks].slice(0, REMEMBERED_MAX).join(' '));
  }

  private logRefusal(request: FastifyRequest): void {
    if (this.lines.take('') > 0) {
      this.unsaid++;
      return;
    }
    request.log.warn({ ip: request.ip, unsaid: this.unsaid }, 'a wrong operator key');
    this.unsaid = 0;
  }
}

function tooMany(waitMs: number): TooManyRequests {
  return new TooManyRequests(Math.ceil(waitMs / 1000), 'Too many wrong keys; wait `Retry-After` seconds.');
}

/** The address; of IPv6 the /64, which one sender has whole. */
function networkOf(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  return address instanceof ipaddr.IPv6 ? address.parts.slice(0, 4).join(':') : address.toString();
}
