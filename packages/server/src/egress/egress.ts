import type { AttemptOutcome } from '../domain/outcome.ts';
import { parseNetwork } from './address.ts';
import { Connection } from './connection.ts';
import { EgressGuard } from './guard.ts';
import type { ForwardProxy } from './proxy.ts';
import type { OutgoingRequest } from './request.ts';
import type { Resolve } from './resolve.ts';
import { Trust } from './trust.ts';

/** Idle connections kept for one account and origin, and in all. */
const IDLE_PER_ORIGIN_MAX = 512;
const IDLE_MAX = 2_000;

/** For this server's own address, wherever it is. */
const EVERYWHERE = new EgressGuard(['0.0.0.0/0', '::/0'].map(parseNetwork));

/**
 * The only way out. Keeps idle connections per account and origin: two accounts never share one, so neither sees the
 * other's traffic, whatever a receiver's proxy does with a connection.
 */
export class Egress {
  private readonly idle = new Map<string, Connection[]>();
  private idleCount = 0;
  private readonly open = new Set<Connection>();

  constructor(
    private readonly guard: EgressGuard,
    private readonly resolve: Resolve,
    private readonly trust = new Trust(),
    private readonly proxy?: ForwardProxy | undefined,
  ) {}

  async send(accountId: string, request: OutgoingRequest): Promise<AttemptOutcome> {
    // A connection to a bin was opened without the guard: it carries nothing else. One with certificates is for those who have them.
    const key = `${accountId} ${request.url.origin}${request.isOwnBin ? ' bin' : ''}${request.tls ? ` ${request.tls.id}` : ''}`;
    const connection = this.take(key) ?? this.connect(request);
    this.open.add(connection);
    try {
      return await connection.send(request);
    } finally {
      this.open.delete(connection);
      this.giveBack(key, connection);
    }
  }

  /** Cuts every connection; requests under way end as `reset`. */
  close(): void {
    for (const list of this.idle.values()) for (const connection of list) connection.close();
    for (const connection of this.open) connection.close();
    this.idle.clear();
    this.idleCount = 0;
  }

  private connect({ url, timeouts, isOwnBin, tls }: OutgoingRequest): Connection {
    const { resolve, trust } = this;
    const secureContext = trust.contextFor(tls);
    const guard = isOwnBin ? EVERYWHERE : this.guard;
    const proxy = isOwnBin ? undefined : this.proxy;
    return new Connection(url, { guard, resolve, timeoutMs: timeouts.connectMs, secureContext, proxy });
  }

  private take(key: string): Connection | undefined {
    const list = this.idle.get(key);
    let connection = list?.pop();
    while (connection) {
      this.idleCount--;
      if (connection.usable) break;
      connection = list?.pop();
    }
    if (list && list.length === 0) this.idle.delete(key);
    return connection;
  }

  private giveBack(key: string, connection: Connection): void {
    if (!connection.usable || (this.idle.get(key)?.length ?? 0) >= IDLE_PER_ORIGIN_MAX) {
      connection.close();
      return;
    }
    // Perhaps those of this very key.
    if (this.idleCount >= IDLE_MAX) this.closeOldest();
    const list = this.idle.get(key) ?? [];
    list.push(connection);
    // Moves the key to the end of the map, so that its first key is the one unused for longest.
    this.idle.delete(key);
    this.idle.set(key, list);
    this.idleCount++;
  }

  private closeOldest(): void {
    const [key] = this.idle.keys();
    if (key === undefined) return;
    for (const connection of this.idle.get(key) ?? []) {
      connection.close();
      this.idleCount--;
    }
    this.idle.delete(key);
  }
}
