import { randomBytes } from 'node:crypto';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { isPublicHeader } from '../domain/header-names.ts';
import { type IdSource, isId } from '../domain/ids.ts';
import type { Directory, KnownAccount } from '../fanout/directory.ts';
import type { Bin, BinRequest, BinStore } from '../storage/page-store.ts';
import type { AccountLimits } from './account-limits.ts';
import type { Signed, Verification } from './verification.ts';

const BINS_MAX = 20;
const LIFETIME_MS = 7 * 86_400_000;
const REQUESTS_KEPT = 100;
const BODY_KEPT_BYTES = 64 * 1024;
/** Of all requests of a bin: they are shown in one answer. */
const BODIES_KEPT_BYTES = 1024 * 1024;
/** Webhooks at one bin of which one may have signed: each costs a signature of the whole body. */
const SENDERS_MAX = 100;
const SIGNED_BYTES_MAX = 2 * 1024 * 1024;
const TOKEN_BYTES = 18;
/** Where bins take requests. */
export const BIN_PATH = '/bin/';

/** A request as it came in. */
export type Arrived = Pick<BinRequest, 'method' | 'path' | 'headers' | 'body'>;
const isToken = (text: string) => /^[A-Za-z0-9_-]{24}$/.test(text);

export type BinAnswer = Pick<Bin, 'status' | 'delayMs' | 'body' | 'headers'>;

/** Request bins: an account points a webhook at one and sees what arrives. They expire by themselves. */
export class Inspector {
  constructor(
    private readonly parts: {
      store: BinStore;
      directory: Directory;
      verification: Verification;
      limits: AccountLimits;
      ids: IdSource;
      clock: Clock;
      /** This server's own address, as deliveries reach it; known when it listens. */
      origin: () => string;
    },
  ) {}

  urlOf({ token }: Bin): string {
    return `${this.parts.origin()}${BIN_PATH}${token}`;
  }

  async create(accountId: string, answer: BinAnswer): Promise<Bin> {
    const { store, ids, clock } = this.parts;
    const bin: Bin = {
      id: ids.next('bin'),
      accountId,
      token: randomBytes(TOKEN_BYTES).toString('base64url'),
      ...answer,
      expiresAt: new Date(clock.now() + LIFETIME_MS),
    };
    if (!(await store.create(bin, BINS_MAX))) {
      throw new Problem('limit_reached', `An account has at most ${BINS_MAX} bins.`);
    }
    return bin;
  }

  async find(accountId: string, id: string): Promise<Bin> {
    const bin = isId('bin', id) ? await this.parts.store.find(accountId, id) : undefined;
    if (!bin || this.isOver(bin)) throw new Problem('bin_not_found');
    return bin;
  }

  async list(accountId: string): Promise<Bin[]> {
    return (await this.parts.store.list(accountId)).filter((bin) => !this.isOver(bin));
  }

  async change(accountId: string, id: string, answer: BinAnswer): Promise<Bin> {
    await this.find(accountId, id);
    const bin = await this.parts.store.change(accountId, id, answer);
    if (!bin) throw new Problem('bin_not_found');
    return bin;
  }

  async remove(accountId: string, id: string): Promise<void> {
    await this.find(accountId, id);
    await this.parts.store.remove(accountId, id);
  }

  /** Keeps a request. Answers how the bin wants to answer it. @throws TooManyRequests */
  async take(token: string, request: Arrived): Promise<Bin | undefined> {
    const bin = isToken(token) ? await this.parts.store.findByToken(token) : undefined;
    if (!bin || this.isOver(bin)) return undefined;
    this.parts.limits.take(bin.accountId, 'binRequests');
    const account = await this.parts.directory.get(bin.accountId);
    const verifiedBy = this.signerOf(bin, account, request);
    const isPublic = ([name]: [string, string]) =>
      account !== undefined && isPublicHeader(name, account.contract.headerNames);
    const headers = request.headers.filter(isPublic);
    const secretHeaders = request.headers.filter((header) => !isPublic(header));
    const truncated = request.body.length > BODY_KEPT_BYTES;
    const body = request.body.subarray(0, BODY_KEPT_BYTES);
    const id = this.parts.ids.next('req');
    const kept = { ...request, id, headers, secretHeaders, body, truncated, verifiedBy };
    await this.parts.store.addRequest(bin.id, kept, { requests: REQUESTS_KEPT, bytes: BODIES_KEPT_BYTES });
    return bin;
  }

  /** The webhook that points here and whose secret signed this. */
  private signerOf(bin: Bin, account: KnownAccount | undefined, request: Signed): string | null {
    const { verification } = this.parts;
    const url = this.urlOf(bin);
    const senders = [...(account?.endpoints.values() ?? [])].filter((endpoint) => endpoint.url === url);
    const affordable = Math.max(1, Math.floor(SIGNED_BYTES_MAX / Math.max(request.body.length, 1)));
    return verification.signerOf(request, senders.slice(0, Math.min(SENDERS_MAX, affordable)));
  }

  /** All that is kept of the bin, or what came since a moment; newest first. */
  requests(bin: Bin, fromMs = 0): Promise<BinRequest[]> {
    return this.parts.store.requests(bin.id, REQUESTS_KEPT, fromMs);
  }

  /**
   * Whether a webhook of this account may go to this URL although it leads to the server itself: only to a bin of its
   * own.
   */
  async owns(accountId: string, url: string): Promise<boolean> {
    const token = this.tokenIn(url);
    if (token === undefined) return false;
    const bin = await this.parts.store.findByToken(token);
    return bin !== undefined && bin.accountId === accountId;
  }

  /** Whether the URL is one of a bin here, whoever's. */
  /** Whose bin has this token. */
  async accountOf(token: string): Promise<string | undefined> {
    return isToken(token) ? (await this.parts.store.findByToken(token))?.accountId : undefined;
  }

  isBin(url: string): boolean {
    return this.tokenIn(url) !== undefined;
  }

  private tokenIn(url: string): string | undefined {
    // Asked for every request: most URLs are told apart by where the path begins.
    const at = url.indexOf(BIN_PATH);
    if (at < 0 || url.slice(0, at) !== this.parts.origin()) return undefined;
    const token = url.slice(at + BIN_PATH.length);
    return isToken(token) ? token : undefined;
  }

  private isOver(bin: Bin): boolean {
    return bin.expiresAt.getTime() <= this.parts.clock.now();
  }
}
