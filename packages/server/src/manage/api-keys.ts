import type { Contract } from '../contract/contract.ts';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { type IdSource, isId } from '../domain/ids.ts';
import { parseNetwork } from '../egress/address.ts';
import type { Directory } from '../fanout/directory.ts';
import { digestOfKey, generateKey, shownPrefix } from '../keys/key-text.ts';
import type { KeyVerifier } from '../keys/verifier.ts';
import type { ApiKey, KeyStore, Page } from '../storage/store.ts';

const KEYS_MAX = 1_000;
/** In contracts that list no scopes. */
const FREE_SCOPE = /^(?!posthorn:)[a-z0-9_.:-]{1,64}$/;
/** What a key needs to read its account's feed, in every contract. Names that begin like this are ours. */
export const FEED_SCOPE = 'posthorn:feed';

export interface KeyInput {
  label: string;
  scopes: string[];
  expiresAt?: Date | null;
  networks?: string[];
}

export interface KeyChange extends Partial<KeyInput> {
  enabled?: boolean;
}

/** An account's API keys. The text of a key is answered once, when it is made, and never stored. */
export class ApiKeys {
  constructor(
    private readonly parts: {
      store: KeyStore;
      directory: Directory;
      verifier: KeyVerifier;
      ids: IdSource;
      clock: Clock;
    },
  ) {}

  async create(
    accountId: string,
    { label, scopes, expiresAt = null, networks = [] }: KeyInput,
  ): Promise<{ key: ApiKey; text: string }> {
    const contract = await this.contractOf(accountId);
    const { store, ids, clock } = this.parts;
    checkScopes(scopes, contract);
    checkNetworks(networks);
    this.checkExpiry(expiresAt);
    const text = generateKey(contract.keyPrefix);
    const key: ApiKey = {
      id: ids.next('key'),
      accountId,
      label,
      scopes: [...new Set(scopes)],
      prefix: shownPrefix(text),
      createdAt: new Date(clock.now()),
      expiresAt,
      lastUsedAt: null,
      previousUntil: null,
      enabled: true,
      networks,
      lastRefusedAt: null,
      lastRefusal: null,
      days: [],
    };
    if (!(await store.create(key, digestOfKey(text), KEYS_MAX))) {
      throw new Problem('limit_reached', `An account has at most ${KEYS_MAX} keys.`);
    }
    return { key, text };
  }

  async find(accountId: string, id: string): Promise<ApiKey> {
    const key = isId('key', id) ? await this.parts.store.find(accountId, id) : undefined;
    if (!key) throw new Problem('key_not_found');
    return key;
  }

  async list(accountId: string, page: Page): Promise<ApiKey[]> {
    await this.contractOf(accountId);
    return this.parts.store.list(accountId, page);
  }

  async change(accountId: string, id: string, change: KeyChange): Promise<ApiKey> {
    const contract = await this.contractOf(accountId);
    await this.find(accountId, id);
    if (change.scopes) checkScopes(change.scopes, contract);
    if (change.networks) checkNetworks(change.networks);
    if (change.expiresAt !== undefined) this.checkExpiry(change.expiresAt);
    return this.changed(await this.parts.store.change(accountId, id, change));
  }

  async remove(accountId: string, id: string): Promise<void> {
    await this.find(accountId, id);
    if (!(await this.parts.store.remove(accountId, id))) throw new Problem('key_not_found');
    this.parts.verifier.forgetAll();
  }

  /** @param overlapMs for how long the text before is valid too */
  async rotate(accountId: string, id: string, overlapMs: number): Promise<{ key: ApiKey; text: string }> {
    const contract = await this.contractOf(accountId);
    await this.find(accountId, id);
    const text = generateKey(contract.keyPrefix);
    const overlapUntil = new Date(this.parts.clock.now() + overlapMs);
    const rotated = await this.parts.store.rotate(accountId, id, digestOfKey(text), shownPrefix(text), overlapUntil);
    return { key: this.changed(rotated), text };
  }

  private changed(key: ApiKey | undefined): ApiKey {
    if (!key) throw new Problem('key_not_found');
    this.parts.verifier.forgetAll();
    return key;
  }

  private async contractOf(accountId: string): Promise<Contract> {
    const account = this.parts.directory.peek(accountId) ?? (await this.parts.directory.get(accountId));
    if (!account) throw new Problem('account_not_found');
    return account.contract;
  }

  private checkExpiry(expiresAt: Date | null): void {
    if (expiresAt === null || expiresAt.getTime() > this.parts.clock.now()) return;
    throw new Problem('invalid_request', '#/expires_at: is in the past', [
      { pointer: '#/expires_at', detail: 'is in the past' },
    ]);
  }
}

/** @throws Problem `invalid_request` */
function checkNetworks(networks: readonly string[]): void {
  networks.forEach((network, i) => {
    try {
      parseNetwork(network);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      throw new Problem('invalid_request', `#/networks/${i}: ${detail}`, [{ pointer: `#/networks/${i}`, detail }]);
    }
  });
}

/** @throws Problem `unknown_scope` */
function checkScopes(scopes: readonly string[], contract: Contract): void {
  const known = new Set(contract.scopes.map((scope) => scope.value));
  scopes.forEach((scope, i) => {
    if (scope === FEED_SCOPE) return;
    if (known.size === 0 ? FREE_SCOPE.test(scope) : known.has(scope)) return;
    const detail =
      known.size === 0
        ? `use a to z, 0 to 9 and _.:-, or ${FEED_SCOPE}`
        : `is one of ${[...known, FEED_SCOPE].join(', ')}`;
    throw new Problem('unknown_scope', `There is no scope "${scope}": it ${detail}.`, [
      { pointer: `#/scopes/${i}`, detail },
    ]);
  });
}
