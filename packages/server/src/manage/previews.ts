import { payloadFor } from '../contract/body.ts';
import type { Contract } from '../contract/contract.ts';
import { type BodyFacts, type EventFacts, thinned } from '../contract/fields.ts';
import { reshapedOf } from '../deliver/sender.ts';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { encodeId, type IdSource } from '../domain/ids.ts';
import type { SigningKey } from '../domain/signature.ts';
import { type Method, type Transformed, TransformFailed } from '../domain/transformation.ts';
import type { Directory, KnownAccount, KnownEndpoint } from '../fanout/directory.ts';
import type { EventStore } from '../storage/store.ts';
import { type Transformer, withTransformed } from '../transform/transformer.ts';
import { sampleFor } from './samples.ts';
import type { Signed } from './verification.ts';

export interface PreviewWish {
  topic?: string;
  /** Of the contract's sample. */
  trigger?: string;
  /** Instead of a sample: an event that was published. */
  event?: string;
}

/** What a request looks like before it is sent: written by what writes the real ones, signed with a key that nobody has. */
export class Previews {
  private readonly keys = new WeakMap<Contract, readonly SigningKey[]>();

  constructor(
    private readonly parts: {
      directory: Directory;
      events: EventStore;
      transformer: Transformer;
      ids: IdSource;
      clock: Clock;
    },
  ) {}

  /**
   * @throws Problem `account_not_found`, `event_not_found`, `unknown_trigger`, `unknown_topic`, `unknown_pair`
   */
  async show(accountId: string, input: PreviewWish): Promise<Signed & { payload: Buffer }> {
    const { directory, ids, clock } = this.parts;
    const known = await directory.get(accountId);
    if (!known) throw new Problem('account_not_found');
    const { contract, facts: account } = known;
    const { event, topic } = await this.eventOf(known, input);
    const body = contract.encodeBody({ event, topic, account });
    const own = contract.writeHeaders({
      event,
      topic,
      account,
      version: contract.versions?.default ?? null,
      retryCount: 0,
      deliveryId: () => encodeId('dlv', ids.nextUuid()),
      body,
      keys: this.keysOf(contract),
      nowMs: clock.now(),
    });
    return { headers: [...contract.defaultHeaders, ...own], body, payload: payloadFor(event, topic) };
  }

  /** @throws Problem `event_not_found`, `unknown_trigger`, `unknown_topic`, `unknown_pair` */
  async eventOf(account: KnownAccount, of: PreviewWish): Promise<{ event: EventFacts; topic: string | null }> {
    if (of.event === undefined) return this.sample(account, of);
    const event = await this.published(account.id, of.event);
    const { catalog } = account.contract;
    return { event, topic: of.topic ?? (catalog.hasTopics ? catalog.soleTopicOf(event.trigger) : null) };
  }

  /**
   * The requests that an event makes: one for each topic that it has a payload of.
   * @param endpointId those that this endpoint is sent, as it is sent them; without it, `secret` signs
   * @throws Problem `account_not_found`, `event_not_found`, `endpoint_not_found`, `invalid_secret`, `transform_failed`
   */
  async requestsOf(
    accountId: string,
    eventId: string,
    { endpointId, secret }: { endpointId?: string; secret?: string },
  ): Promise<(Signed & { topic: string | null; method: Method })[]> {
    const { directory, ids, clock } = this.parts;
    const known = await directory.get(accountId);
    if (!known) throw new Problem('account_not_found');
    const { contract, facts: account } = known;
    const endpoint = endpointId === undefined ? undefined : known.endpoints.get(endpointId);
    if (endpointId !== undefined && !endpoint) throw new Problem('endpoint_not_found');
    const event = await this.published(accountId, eventId);
    const keys =
      endpoint?.keysAt(clock.now()) ??
      (secret === undefined ? this.keysOf(contract) : [contract.signature.parseSecret(secret)]);
    const all = topicsOf(contract, event);
    const topics = endpoint ? all.filter((topic) => isSubscribed(known, endpoint.id, event.trigger, topic)) : all;
    const render = async (topic: string | null) => {
      const written = contract.encodeBody({ event: endpoint?.thin ? thinned(event) : event, topic, account });
      const transformed = endpoint && (await this.transformed(endpoint, { event, topic, account }, written));
      const body = transformed?.body ?? written;
      const own = contract.writeHeaders({
        event,
        topic,
        account,
        version: endpoint?.version ?? contract.versions?.default ?? null,
        retryCount: 0,
        deliveryId: () => encodeId('dlv', ids.nextUuid()),
        body,
        keys,
        nowMs: clock.now(),
      });
      const ofContract = [...contract.defaultHeaders, ...own];
      const headers = transformed ? withTransformed(ofContract, transformed) : ofContract;
      const method = transformed?.method ?? 'POST';
      return { topic, method, headers: [...headers, ...(endpoint?.headers.values ?? [])], body };
    };
    return Promise.all(topics.map(render));
  }

  private async transformed(endpoint: KnownEndpoint, facts: BodyFacts, body: Buffer): Promise<Transformed | undefined> {
    if (endpoint.transformation === null) return undefined;
    try {
      return await this.parts.transformer.transform(reshapedOf(endpoint, endpoint.transformation), facts, body);
    } catch (error) {
      throw error instanceof TransformFailed ? new Problem('transform_failed', error.message) : error;
    }
  }

  private sample({ contract, facts }: KnownAccount, { topic, trigger }: PreviewWish) {
    const input = { ...(topic === undefined ? {} : { topic }), ...(trigger === undefined ? {} : { trigger }) };
    const sample = sampleFor({ contract, subscriptions: [] }, input, facts);
    const { ids, clock } = this.parts;
    const event: EventFacts = {
      id: ids.next('evt'),
      externalId: null,
      trigger: sample.trigger,
      byTopic: false,
      payload: sample.payload,
      createdAtMs: clock.now(),
    };
    return { event, topic: sample.topic };
  }

  private async published(accountId: string, id: string): Promise<EventFacts> {
    const event = await this.parts.events.find(accountId, id);
    if (!event) throw new Problem('event_not_found');
    return event;
  }

  private keysOf(contract: Contract): readonly SigningKey[] {
    const { signature } = contract;
    const [kind] = signature.kinds;
    const keys =
      this.keys.get(contract) ?? (kind === undefined ? [] : [signature.parseSecret(signature.generateSecret(kind))]);
    this.keys.set(contract, keys);
    return keys;
  }
}

/** The topics that an event has a payload of; null in contracts without topics. */
function topicsOf({ catalog }: Contract, { trigger, byTopic, payload }: EventFacts): (string | null)[] {
  if (!catalog.hasTopics) return [null];
  if (byTopic) return Object.keys(JSON.parse(payload.toString('utf8')) as object);
  return [catalog.soleTopicOf(trigger)];
}

function isSubscribed(account: KnownAccount, endpointId: string, trigger: string, topic: string | null): boolean {
  return account.matches(trigger).some((match) => match.endpoint.id === endpointId && match.topic === topic);
}
