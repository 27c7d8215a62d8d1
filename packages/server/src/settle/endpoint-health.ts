import type { Clock } from '../domain/clock.ts';
import type { SettledAttempt } from '../domain/model.ts';
import type { AutoDisable } from '../domain/policy.ts';
import type { Directory, KnownEndpoint } from '../fanout/directory.ts';
import type { EndpointStore, HealthSeen, HealthStore } from '../storage/store.ts';
import type { Announcer, Notice } from './notice.ts';

type DisabledReason = Extract<Notice, { trigger: 'endpoint.disabled' }>['reason'];

interface Observed {
  endpoint: KnownEndpoint;
  seen: HealthSeen;
  run: number;
}

/**
 * What outcomes mean for their endpoints: failures in a row are counted, over all nodes, and switch an endpoint off;
 * 410 does so at once. Tests and testing mode count for nothing.
 */
export class EndpointHealth {
  constructor(
    private readonly parts: {
      endpoints: EndpointStore;
      health: HealthStore;
      directory: Directory;
      clock: Clock;
      announcer: Announcer;
      onError: (error: unknown) => void;
    },
  ) {}

  async apply(attempts: readonly SettledAttempt[]): Promise<void> {
    const observed = new Map<string, Observed>();
    for (const attempt of attempts) {
      if (!this.isOrdinary(attempt)) await this.observe(attempt, observed).catch(this.parts.onError);
    }
    if (observed.size > 0) await this.count(observed).catch(this.parts.onError);
    if (attempts.some(({ decision }) => decision.kind === 'discarded')) this.parts.announcer.publishSoon();
  }

  /** Nothing follows from most outcomes: they are passed over without waiting for anything. */
  private isOrdinary({ delivery, decision }: SettledAttempt): boolean {
    if (delivery.test) return true;
    const endpoint = this.parts.directory.peek(delivery.accountId)?.endpoints.get(delivery.endpointId);
    return decision.kind !== 'discarded' && endpoint !== undefined && !endpoint.contract.policy.autoDisable;
  }

  private async observe(attempt: SettledAttempt, observed: Map<string, Observed>): Promise<void> {
    const { delivery, decision, outcome } = attempt;
    const endpoint = await this.endpointOf(delivery.accountId, delivery.endpointId);
    if (!endpoint) return;
    const isTesting = endpoint.testingUntilMs > this.parts.clock.now();
    if (decision.kind === 'discarded' && !isTesting) {
      await this.discarded(endpoint, decision.reason, decision.endpointGone);
    }
    const rule = endpoint.contract.policy.autoDisable;
    if (!rule || isTesting) return;
    const isFailure = outcome.error !== undefined;
    // What went wrong here is not the endpoint's fault.
    if (outcome.error === 'interrupted') return;
    if (isFailure && rule.counts === 'deliveries' && decision.kind !== 'discarded') return;
    note(observed, endpoint, rule, isFailure, this.parts.announcer.about(endpoint));
  }

  private async discarded(endpoint: KnownEndpoint, reason: string, isGone: boolean): Promise<void> {
    const { endpoints, directory, announcer } = this.parts;
    if (isGone) await this.switchOff(endpoint, 'gone');
    const { onExhausted } = endpoint.contract.policy;
    if (reason !== 'retries_exhausted' || onExhausted === 'keep') return;
    if (onExhausted === 'deactivate-endpoint') return this.switchOff(endpoint, 'retries_exhausted');
    const notice = announcer.textOf(endpoint, { trigger: 'endpoint.disabled', reason: 'retries_exhausted' });
    if (!(await endpoints.remove(endpoint.accountId, endpoint.id, notice))) return;
    directory.forget(endpoint.accountId);
    announcer.publishSoon();
  }

  private async count(observed: ReadonlyMap<string, Observed>): Promise<void> {
    const { health, announcer } = this.parts;
    for (const { endpointId, peak, statusAt } of await health.count([...observed.values()].map((o) => o.seen))) {
      const { endpoint, seen } = observed.get(endpointId) ?? {};
      if (endpoint && seen && peak >= seen.limit)
        await this.switchOff(endpoint, 'consecutive_failures', { failures: peak, statusAt });
    }
    announcer.publishSoon();
  }

  /** Does and tells nothing when it was off already. */
  private async switchOff(
    endpoint: KnownEndpoint,
    reason: DisabledReason,
    counted?: { failures: number; statusAt: string | null },
  ): Promise<void> {
    const { health, clock, directory, announcer } = this.parts;
    const { accountId, id } = endpoint;
    const stored = reason === 'gone' ? 'gone' : 'consecutive_failures';
    const notice = announcer.textOf(endpoint, {
      trigger: 'endpoint.disabled',
      reason,
      ...(counted ? { failures: counted.failures } : {}),
    });
    const change = { accountId, endpointId: id, reason: stored, nowMs: clock.now(), notice } as const;
    if (!(await health.switchOff(counted ? { ...change, statusAt: counted.statusAt } : change))) return;
    directory.forget(accountId);
    announcer.publishSoon();
  }

  private async endpointOf(accountId: string, endpointId: string): Promise<KnownEndpoint | undefined> {
    const { directory } = this.parts;
    const account = directory.peek(accountId) ?? (await directory.get(accountId));
    return account?.endpoints.get(endpointId);
  }
}

function note(
  observed: Map<string, Observed>,
  endpoint: KnownEndpoint,
  { failures: limit }: AutoDisable,
  isFailure: boolean,
  about: string | null,
): void {
  let entry = observed.get(endpoint.id);
  if (!entry) {
    const seen = { endpointId: endpoint.id, leading: 0, hadSuccess: false, trailing: 0, longest: 0, limit, about };
    entry = { endpoint, seen, run: 0 };
    observed.set(endpoint.id, entry);
  }
  const { seen } = entry;
  if (!isFailure) {
    seen.hadSuccess = true;
    seen.trailing = 0;
    entry.run = 0;
    return;
  }
  if (seen.hadSuccess) {
    seen.trailing++;
    seen.longest = Math.max(seen.longest, ++entry.run);
  } else seen.leading++;
}
