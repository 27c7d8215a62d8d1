import type { Acceptor } from '../accept/acceptor.ts';
import type { PayloadText } from '../accept/read-events.ts';
import type { AccountFacts, EventFacts } from '../contract/fields.ts';
import { invalidPayload } from '../contract/payloads.ts';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { encodeId } from '../domain/ids.ts';
import type { ActiveDelivery, Attempt, SettledAttempt } from '../domain/model.ts';
import { matchesTrigger, type Subscription } from '../domain/subscription.ts';
import type { Directory, KnownAccount, KnownEndpoint } from '../fanout/directory.ts';
import type { DeliveryStore } from '../storage/store.ts';
import type { AccountLimits } from './account-limits.ts';

/** What a test of an endpoint without a trigger of its own is called. */
const FREE_TEST_TRIGGER = 'posthorn.test';
const FREE_TEST_PAYLOAD = { message: 'A test delivery.' };
/** How long, and how often, the outcome of a test is looked for that another node sends. */
const OUTCOME_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 100;
/** What a payload is checked as a part of: it is not stored yet. */
const NO_EVENT: EventFacts = {
  id: 'evt_new',
  externalId: null,
  trigger: '',
  byTopic: false,
  payload: Buffer.alloc(0),
  createdAtMs: 0,
};

export interface SampleRequest {
  topic?: string;
  trigger?: string;
  /** Instead of the contract's sample. */
  payload?: PayloadText;
}

interface Sample {
  topic: string | null;
  trigger: string;
  payload: Buffer;
}

/** Sends samples: for "Send test", and again and again in testing mode. They are marked as tests and count for nothing. */
export class Samples {
  /** Samples of testing mode that are not finished, by endpoint: a slow receiver gets the next round when it has kept up. */
  private readonly unfinished = new Map<string, number>();

  constructor(
    private readonly parts: {
      acceptor: Acceptor;
      directory: Directory;
      limits: AccountLimits;
      deliveries: DeliveryStore;
      clock: Clock;
    },
  ) {}

  /**
   * Sends one sample at once, to an inactive endpoint too, and answers what became of it.
   * @throws Problem `account_not_found`, `endpoint_not_found`, `unknown_trigger`, `unknown_topic`, `unknown_pair`,
   *   `shutting_down`, `too_many_requests`
   */
  async sendTest(accountId: string, endpointId: string, input: SampleRequest): Promise<SettledAttempt> {
    const account = await this.accountOf(accountId);
    const endpoint = endpointOf(account, endpointId);
    this.parts.limits.take(accountId, 'tests');
    const settled = await this.send(endpoint, sampleFor(endpoint, input, account.facts));
    if (!settled) throw new Problem('shutting_down');
    return settled;
  }

  /** Sends a sample of one event to every endpoint that is subscribed to it. @throws Problem as `sendTest` does */
  async sendExample(
    accountId: string,
    { topic, trigger }: { topic?: string; trigger: string },
  ): Promise<SettledAttempt[]> {
    const account = await this.accountOf(accountId);
    if (!account.contract.catalog.hasTrigger(trigger)) throw new Problem('unknown_trigger');
    const matches = account.matches(trigger).filter((match) => topic === undefined || match.topic === topic);
    this.parts.limits.take(accountId, 'tests', matches.length);
    const sent = await Promise.all(
      matches.map(({ endpoint, topic: own }) =>
        this.send(endpoint, sampleFor(endpoint, { trigger, ...(own === null ? {} : { topic: own }) }, account.facts)),
      ),
    );
    return sent.filter((settled) => settled !== undefined);
  }

  /** Testing mode: a sample of everything that the endpoint is subscribed to. */
  async sendRound(accountId: string, endpointId: string): Promise<void> {
    const account = await this.parts.directory.get(accountId);
    const endpoint = account?.endpoints.get(endpointId);
    // It may have been deleted a moment ago.
    if (!endpoint || (this.unfinished.get(endpointId) ?? 0) > 0) return;
    const requests = endpoint.subscriptions.flatMap((subscription) => expand(endpoint, subscription));
    await Promise.all(requests.map((one) => this.queueInTurn(endpoint, sampleFor(endpoint, one, endpoint.account))));
  }

  private async accountOf(accountId: string): Promise<KnownAccount> {
    const account = await this.parts.directory.get(accountId);
    if (!account) throw new Problem('account_not_found');
    return account;
  }

  private send(endpoint: KnownEndpoint, { topic, trigger, payload }: Sample): Promise<SettledAttempt | undefined> {
    return new Promise((resolve, reject) => {
      const accepted = this.parts.acceptor.acceptTest(endpoint, trigger, topic, payload, {
        forced: true,
        onSettled: resolve,
      });
      accepted
        .then(async ({ delivery, isSentHere }) => {
          if (!isSentHere) resolve(await this.outcomeOf(delivery));
        })
        .catch(reject);
    });
  }

  /** Another node sends it: what became of it is looked up. Undefined when that takes too long. */
  private async outcomeOf(delivery: ActiveDelivery): Promise<SettledAttempt | undefined> {
    const { deliveries, clock } = this.parts;
    const id = encodeId('dlv', delivery.uuid);
    const untilMs = clock.monotonicMs() + OUTCOME_WITHIN_MS;
    while (clock.monotonicMs() < untilMs) {
      const row = await deliveries.find(delivery.accountId, id);
      if (row?.finishedAt) {
        const [attempt] = await deliveries.attempts(id, { limit: 1, withBodies: 1 });
        return attempt && settledOf(delivery, attempt);
      }
      await new Promise<void>((resolve) => void clock.after(LOOK_EVERY_MS, resolve));
    }
    return undefined;
  }

  /** Nobody waits for the outcome: it is sent behind what waits already. */
  private async queueInTurn(endpoint: KnownEndpoint, { topic, trigger, payload }: Sample): Promise<void> {
    this.count(endpoint.id, 1);
    const options = { forced: true, isPatient: true, onSettled: () => this.count(endpoint.id, -1) };
    try {
      const { isSentHere } = await this.parts.acceptor.acceptTest(endpoint, trigger, topic, payload, options);
      if (!isSentHere) this.count(endpoint.id, -1);
    } catch (error) {
      this.count(endpoint.id, -1);
      throw error;
    }
  }

  private count(endpointId: string, change: number): void {
    const count = (this.unfinished.get(endpointId) ?? 0) + change;
    if (count > 0) this.unfinished.set(endpointId, count);
    else this.unfinished.delete(endpointId);
  }
}

/** As it would have been settled here. */
function settledOf(delivery: ActiveDelivery, attempt: Attempt): SettledAttempt {
  const { error, errorDetail, responseStatus: status } = attempt;
  return {
    delivery,
    startedAtMs: attempt.startedAt.getTime(),
    url: attempt.url,
    requestHeaders: attempt.requestHeaders,
    sent: attempt.sent ?? undefined,
    ownHeaders: { id: null, values: attempt.ownHeaders },
    outcome: {
      ...(error === null ? {} : { error }),
      ...(errorDetail === null ? {} : { errorDetail }),
      ...(status === null
        ? {}
        : {
            response: {
              status,
              headers: attempt.responseHeaders,
              body: attempt.responseBody ?? Buffer.alloc(0),
              truncated: attempt.responseTruncated,
            },
          }),
      timings: attempt.timings,
    },
    decision: error === null ? { kind: 'succeeded' } : { kind: 'discarded', reason: 'test', endpointGone: false },
  };
}

function endpointOf({ endpoints }: KnownAccount, endpointId: string): KnownEndpoint {
  const endpoint = endpoints.get(endpointId);
  if (!endpoint) throw new Problem('endpoint_not_found');
  return endpoint;
}

/**
 * What is sent of an event: the contract's sample, or a payload of somebody's own. What is not said, subscriptions say.
 * @throws Problem `unknown_trigger`, `unknown_topic`, `unknown_pair`, `invalid_payload`
 */
export function sampleFor(
  { contract, subscriptions }: Pick<KnownEndpoint, 'contract' | 'subscriptions'>,
  input: SampleRequest,
  account: AccountFacts,
): Sample {
  const { catalog, payloads } = contract;
  const first = subscriptions.find(({ trigger }) => catalog.hasTrigger(trigger));
  const matching = catalog.triggers.find(({ value }) => subscriptions.some((s) => matchesTrigger(s.trigger, value)));
  const trigger = input.trigger ?? contract.testTrigger ?? first?.trigger ?? matching?.value ?? FREE_TEST_TRIGGER;
  if (!catalog.hasTrigger(trigger)) throw new Problem('unknown_trigger');
  const own = subscriptions.find((s) => s.topic !== undefined && matchesTrigger(s.trigger, trigger))?.topic;
  const topic = catalog.hasTopics ? (input.topic ?? own ?? catalog.soleTopicOf(trigger)) : null;
  if (catalog.hasTopics) {
    if (topic === null || !catalog.hasTopic(topic)) throw new Problem('unknown_topic');
    const kind = catalog.kindOf({ topic, trigger });
    if (kind === 'empty' || kind === 'refused') {
      throw new Problem(
        'unknown_pair',
        `Trigger "${trigger}" has no payload of topic "${topic}": nothing would be sent.`,
      );
    }
  }
  const { payload } = input;
  if (payload === undefined) {
    const sample = payloads.testOf({ topic, trigger }) ?? Buffer.from(JSON.stringify(FREE_TEST_PAYLOAD));
    return { topic, trigger, payload: sample };
  }
  const event = { ...NO_EVENT, trigger, payload: payload.bytes };
  const violations = [
    ...contract.wireViolations(payload.bytes, payload.isCanonical),
    ...contract.payloads.testViolations({ event, topic, account }, JSON.parse(payload.bytes.toString('utf8'))),
  ];
  if (violations.length > 0) throw invalidPayload(violations, '#/payload');
  return { topic, trigger, payload: payload.bytes };
}

/** Of what a product has declared, so many are sent in a round of testing mode. */
const FREE_ROUND_MAX = 20;

/** The single pairs behind a subscription that yield something. */
function expand({ contract: { catalog } }: KnownEndpoint, { topic, trigger }: Subscription): SampleRequest[] {
  const declared = catalog.isFree
    ? catalog.triggers.filter(({ deprecated }) => !deprecated).slice(0, FREE_ROUND_MAX)
    : catalog.triggers;
  const triggers = catalog.hasTrigger(trigger)
    ? [trigger]
    : declared.map(({ value }) => value).filter((value) => matchesTrigger(trigger, value));
  const found = triggers.length === 0 ? [FREE_TEST_TRIGGER] : triggers;
  return found
    .filter((value) => topic === undefined || catalog.kindOf({ topic, trigger: value }) === 'documented')
    .map((value) => ({ trigger: value, ...(topic === undefined ? {} : { topic }) }));
}
