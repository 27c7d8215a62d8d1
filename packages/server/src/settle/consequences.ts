import type { Clock } from '../domain/clock.ts';
import type { SettledAttempt } from '../domain/model.ts';
import type { AutoDisable } from '../domain/policy.ts';
import type { Directory, KnownEndpoint } from '../fanout/directory.ts';
import type { EndpointStore, HealthSeen, HealthStore } from '../storage/store.ts';

/** What the operator is told of. */
export type Notice =
  | { trigger: 'endpoint.disabled'; reason: 'consecutive_failures' | 'gone' | 'retries_exhausted'; failures?: number }
  | { trigger: 'endpoint.failing'; failures: number; limit: number }
  | { trigger: 'endpoint.recovered' }
  | {
      trigger: 'delivery.discarded';
      deliveryUuid: Uint8Array;
      eventId: string;
      deliveryTrigger: string;
      reason: string;
    };

type Disabled = Extract<Notice, { trigger: 'endpoint.disabled' }>;

interface Observed {
  endpoint: KnownEndpoint;
  rule: AutoDisable;
  seen: HealthSeen;
  run: number;
}

/**
 * What outcomes mean for their endpoints: failures in a row are counted, over all nodes, and switch an endpoint off;
 * 410 does so at once. Tests and testing mode count for nothing.
 */
export class Consequences {
  constructor(
    private readonly parts: {
      endpoints: EndpointStore;
      health: HealthStore;
      directory: Directory;
      clock: Clock;
      notify: (accountId: string, endpointId: string, url: string, notice: Notice) => void;
      onError: (error: unknown) => void;
    },
  ) {}

  async draw(attempts: readonly SettledAttempt[]): Promise<void> {
    const observed = new Map<string, Observed>();
    for (const attempt of attempts) {
      if (!this.isOrdinary(attempt)) await this.observe(attempt, observed).catch(this.parts.onError);
    }
    if (observed.size > 0) await this.count(observed).catch(this.parts.onError);
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
    if (decision.kind === 'discarded') {
      await this.discarded(endpoint, attempt, decision.reason, decision.endpointGone && !isTesting, isTesting);
    }
    const rule = endpoint.contract.policy.autoDisable;
    if (!rule || isTesting) return;
    if (outcome.error === undefined) note(observed, endpoint, rule, false);
    // What went wrong here is not the endpoint's fault.
    else if (outcome.error !== 'interrupted' && (rule.counts === 'attempts' || decision.kind === 'discarded')) {
      note(observed, endpoint, rule, true);
    }
  }

  private async discarded(
    endpoint: KnownEndpoint,
    { delivery }: SettledAttempt,
    reason: string,
    isGone: boolean,
    isTesting: boolean,
  ): Promise<void> {
    this.notify(endpoint, {
      trigger: 'delivery.discarded',
      deliveryUuid: delivery.uuid,
      eventId: delivery.event.externalId ?? delivery.event.id,
      deliveryTrigger: delivery.event.trigger,
      reason,
    });
    if (isGone) await this.switchOff(endpoint, 'gone');
    const { onExhausted } = endpoint.contract.policy;
    if (reason !== 'retries_exhausted' || onExhausted === 'keep' || isTesting) return;
    if (onExhausted === 'deactivate-endpoint') await this.switchOff(endpoint, 'retries_exhausted');
    else if (await this.parts.endpoints.remove(endpoint.accountId, endpoint.id)) {
      this.parts.directory.forget(endpoint.accountId);
      this.notify(endpoint, { trigger: 'endpoint.disabled', reason: 'retries_exhausted' });
    }
  }

  private async count(observed: ReadonlyMap<string, Observed>): Promise<void> {
    const { health } = this.parts;
    for (const { endpointId, before, after, peak } of await health.count([...observed.values()].map((o) => o.seen))) {
      const { endpoint, rule } = observed.get(endpointId) ?? {};
      if (!endpoint || !rule) continue;
      const half = Math.ceil(rule.failures / 2);
      if (peak >= rule.failures) {
        await this.switchOff(endpoint, 'consecutive_failures', peak);
      } else if (before < half && after >= half) {
        this.notify(endpoint, { trigger: 'endpoint.failing', failures: after, limit: rule.failures });
      } else if (before >= half && after < half) this.notify(endpoint, { trigger: 'endpoint.recovered' });
    }
  }

  /** Does and tells nothing when it was off already. */
  private async switchOff(endpoint: KnownEndpoint, reason: Disabled['reason'], failures?: number): Promise<void> {
    const { health, clock, directory } = this.parts;
    const stored = reason === 'gone' ? 'gone' : 'consecutive_failures';
    if (!(await health.switchOff(endpoint.accountId, endpoint.id, stored, clock.now()))) return;
    directory.forget(endpoint.accountId);
    this.notify(endpoint, { trigger: 'endpoint.disabled', reason, ...(failures === undefined ? {} : { failures }) });
  }

  private async endpointOf(accountId: string, endpointId: string): Promise<KnownEndpoint | undefined> {
    const { directory } = this.parts;
    const account = directory.peek(accountId) ?? (await directory.get(accountId));
    return account?.endpoints.get(endpointId);
  }

  private notify(endpoint: KnownEndpoint, notice: Notice): void {
    this.parts.notify(endpoint.accountId, endpoint.id, endpoint.url, notice);
  }
}

function note(observed: Map<string, Observed>, endpoint: KnownEndpoint, rule: AutoDisable, isFailure: boolean): void {
  let entry = observed.get(endpoint.id);
  if (!entry) {
    const seen = { endpointId: endpoint.id, leading: 0, hadSuccess: false, trailing: 0, longest: 0 };
    entry = { endpoint, rule, seen, run: 0 };
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
