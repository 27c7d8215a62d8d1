import { Batcher, type BatcherOptions } from './batcher.ts';
import { everyPage } from './lists.ts';
import type { Call, Transport } from './transport.ts';
import type { Accepted, AnswerOf, BodyOf, EventInput, QueryOf } from './types.ts';

export interface PublishOptions {
  /** A repeat under the same key is no second event, for 24 hours: a random one, or the event's `id`, without it. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

/** Below the time after which a call is given up. */
const FEED_WAIT_S = 20;

/** One account: everything that is done for one customer of the product. */
export class AccountClient {
  private readonly path: string;

  constructor(
    private readonly transport: Transport,
    readonly id: string,
  ) {
    this.path = `/v1/accounts/${part(id)}`;
  }

  /**
   * Publishes an event. When it resolves, the event and its deliveries are committed. It is tried again when no answer comes,
   * under one idempotency key: there is one event in the end.
   * @throws PosthornError, PosthornUnreachable
   */
  publish(event: EventInput, { idempotencyKey = newKey(), signal }: PublishOptions = {}): Promise<Accepted> {
    return this.call('POST', '/events', { body: event, headers: keyed(idempotencyKey), isRepeatable: true, signal });
  }

  /** Like `publish`, of an event as JSON text: numbers and the order of members reach receivers as they are written there. */
  publishText(event: string, { idempotencyKey = newKey(), signal }: PublishOptions = {}): Promise<Accepted> {
    return this.call('POST', '/events', { body: event, headers: keyed(idempotencyKey), isRepeatable: true, signal });
  }

  /** The requests that an event makes, by its contract, without sending them: signed for an endpoint, or with a secret. */
  renderEvent(
    id: string,
    options: NonNullable<BodyOf<'renderEvent'>> = {},
    signal?: AbortSignal,
  ): Promise<AnswerOf<'renderEvent'>> {
    return this.call('POST', `/events/${part(id)}/requests`, { body: options, isRepeatable: true, signal });
  }

  /** Which of the newest events would pass a filter. Nothing is stored. */
  tryFilter(question: BodyOf<'tryFilter'>): Promise<AnswerOf<'tryFilter'>> {
    return this.call('POST', '/try-filter', { body: question, isRepeatable: true });
  }

  /** A new secret for an endpoint, or for `renderEvent`. Nothing is stored. */
  generateSecret(): Promise<AnswerOf<'generateSecret'>> {
    return this.call('POST', '/generate-secret', { body: {}, isRepeatable: true });
  }

  /** Publishes up to 1,000 events with one request: all are valid, or none is accepted. */
  publishBatch(
    events: readonly EventInput[],
    { idempotencyKey = newKey(), signal }: PublishOptions = {},
  ): Promise<AnswerOf<'publishEvents'>> {
    const headers = keyed(idempotencyKey);
    return this.call('POST', '/events/batch', { body: { events }, headers, isRepeatable: true, signal });
  }

  /** Gathers events that are published one by one, and sends them together. */
  batcher(options: BatcherOptions = {}): Batcher {
    return new Batcher((events, idempotencyKey) => {
      const body = `{"events":[${events.join(',')}]}`;
      return this.call('POST', '/events/batch', { body, headers: keyed(idempotencyKey), isRepeatable: true });
    }, options);
  }

  readonly events = {
    list: (query: QueryOf<'listEvents'> = {}): Promise<AnswerOf<'listEvents'>> => this.get('/events', query),
    all: (query: QueryOf<'listEvents'> = {}) => everyPage(this.events.list, query),
    get: (id: string): Promise<AnswerOf<'getEvent'>> => this.get(`/events/${part(id)}`),
  };

  /** The events in an order that never changes, for those who ask instead of being called. */
  readonly feed = {
    read: (query: QueryOf<'getFeed'> = {}, signal?: AbortSignal): Promise<AnswerOf<'getFeed'>> =>
      this.call('GET', '/feed', { query, signal, waitMs: (query.wait ?? 0) * 1000 }),
    /**
     * Page after page, and then whatever comes, for ever. Keep `next_cursor` of a page when you have dealt with it, and begin
     * there after a restart: nothing is missed.
     */
    follow: (query: QueryOf<'getFeed'> = {}, signal?: AbortSignal) => this.followFeed(query, signal),
  };

  /** Events that are published later (`scheduled_for`), until then. */
  readonly scheduledEvents = {
    list: (query: QueryOf<'listScheduledEvents'> = {}): Promise<AnswerOf<'listScheduledEvents'>> =>
      this.get('/scheduled-events', query),
    all: (query: QueryOf<'listScheduledEvents'> = {}) => everyPage(this.scheduledEvents.list, query),
    get: (id: string): Promise<AnswerOf<'getScheduledEvent'>> => this.get(`/scheduled-events/${part(id)}`),
    cancel: (id: string): Promise<void> => this.call('DELETE', `/scheduled-events/${part(id)}`),
  };

  readonly endpoints = {
    create: (endpoint: BodyOf<'createEndpoint'>): Promise<AnswerOf<'createEndpoint'>> =>
      this.call('POST', '/endpoints', { body: endpoint }),
    list: (query: QueryOf<'listEndpoints'> = {}): Promise<AnswerOf<'listEndpoints'>> => this.get('/endpoints', query),
    all: (query: QueryOf<'listEndpoints'> = {}) => everyPage(this.endpoints.list, query),
    get: (id: string): Promise<AnswerOf<'getEndpoint'>> => this.get(`/endpoints/${part(id)}`),
    change: (id: string, changes: BodyOf<'changeEndpoint'>): Promise<AnswerOf<'changeEndpoint'>> =>
      this.call('PATCH', `/endpoints/${part(id)}`, { body: changes }),
    delete: (id: string): Promise<void> => this.call('DELETE', `/endpoints/${part(id)}`),
    activate: (id: string): Promise<AnswerOf<'activateEndpoint'>> =>
      this.call('POST', `/endpoints/${part(id)}/activate`, { isRepeatable: true }),
    deactivate: (id: string): Promise<AnswerOf<'deactivateEndpoint'>> =>
      this.call('POST', `/endpoints/${part(id)}/deactivate`, { isRepeatable: true }),
    rotateSecret: (id: string, options: BodyOf<'rotateSecret'> = {}): Promise<AnswerOf<'rotateSecret'>> =>
      this.call('POST', `/endpoints/${part(id)}/rotate-secret`, { body: options }),
    secret: (id: string): Promise<AnswerOf<'getSecret'>> => this.get(`/endpoints/${part(id)}/secret`),
    /** Ordering keys whose first delivery has failed: those behind it wait. */
    parkedKeys: (id: string, query: QueryOf<'listParkedKeys'> = {}): Promise<AnswerOf<'listParkedKeys'>> =>
      this.get(`/endpoints/${part(id)}/parked-keys`, query),
    /** Those behind the first delivery of a parked key go on without it. */
    releaseKey: (id: string, key: BodyOf<'releaseParkedKey'>): Promise<AnswerOf<'releaseParkedKey'>> =>
      this.call('POST', `/endpoints/${part(id)}/parked-keys/release`, { body: key }),
    /** Sends one sample, and answers its outcome. */
    test: (id: string, options: BodyOf<'testEndpoint'> = {}): Promise<AnswerOf<'testEndpoint'>> =>
      this.call('POST', `/endpoints/${part(id)}/test`, { body: options }),
  };

  readonly deliveries = {
    list: (query: QueryOf<'listDeliveries'> = {}): Promise<AnswerOf<'listDeliveries'>> =>
      this.get('/deliveries', query),
    all: (query: QueryOf<'listDeliveries'> = {}) => everyPage(this.deliveries.list, query),
    /** With its attempts. */
    get: (id: string): Promise<AnswerOf<'getDelivery'>> => this.get(`/deliveries/${part(id)}`),
    /** Sends it again, each time: after a lost answer it is not repeated. */
    retry: (id: string): Promise<AnswerOf<'retryDelivery'>> => this.call('POST', `/deliveries/${part(id)}/retry`),
  };

  readonly replays = {
    /** Starts one; with `dry_run` it only says what it would send. */
    create: (replay: BodyOf<'replay'>): Promise<AnswerOf<'replay'>> => this.call('POST', '/replay', { body: replay }),
    list: (): Promise<AnswerOf<'listReplays'>> => this.get('/replays'),
    get: (id: string): Promise<AnswerOf<'getReplay'>> => this.get(`/replays/${part(id)}`),
    cancel: (id: string): Promise<AnswerOf<'cancelReplay'>> =>
      this.call('POST', `/replays/${part(id)}/cancel`, { isRepeatable: true }),
  };

  readonly keys = {
    create: (key: BodyOf<'createKey'>): Promise<AnswerOf<'createKey'>> => this.call('POST', '/keys', { body: key }),
    list: (query: QueryOf<'listKeys'> = {}): Promise<AnswerOf<'listKeys'>> => this.get('/keys', query),
    all: (query: QueryOf<'listKeys'> = {}) => everyPage(this.keys.list, query),
    get: (id: string): Promise<AnswerOf<'getKey'>> => this.get(`/keys/${part(id)}`),
    change: (id: string, changes: BodyOf<'changeKey'>): Promise<AnswerOf<'changeKey'>> =>
      this.call('PATCH', `/keys/${part(id)}`, { body: changes }),
    rotate: (id: string, options: BodyOf<'rotateKey'> = {}): Promise<AnswerOf<'rotateKey'>> =>
      this.call('POST', `/keys/${part(id)}/rotate`, { body: options }),
    delete: (id: string): Promise<void> => this.call('DELETE', `/keys/${part(id)}`),
  };

  readonly pageSessions = {
    /** A link to the account's Developers page, for the customer who is signed in with you. */
    create: (options: NonNullable<BodyOf<'createPageSession'>> = {}): Promise<AnswerOf<'createPageSession'>> =>
      this.call('POST', '/page-sessions', { body: options }),
    /** Ends all of them, or those of one person. */
    end: (query: QueryOf<'endPageSessions'> = {}): Promise<void> => this.call('DELETE', '/page-sessions', { query }),
  };

  private async *followFeed(
    query: QueryOf<'getFeed'>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<AnswerOf<'getFeed'>, never, undefined> {
    for (let cursor = query.cursor; ; ) {
      const page = await this.feed.read({ wait: FEED_WAIT_S, ...query, ...(cursor ? { cursor } : {}) }, signal);
      cursor = page.next_cursor;
      // What is not kept any more is news, too.
      if (page.data.length > 0 || page.missed > 0) yield page;
    }
  }

  private get<T>(path: string, query?: object): Promise<T> {
    return this.call('GET', path, { query });
  }

  private call<T>(method: Call['method'], path: string, options: Omit<Call, 'method' | 'path'> = {}): Promise<T> {
    return this.transport.call({ method, path: this.path + path, ...options });
  }
}

/** One part of a path, whatever it holds. */
export const part = (text: string): string => encodeURIComponent(text).replace(/^\.+$/, 'none');

const newKey = () => crypto.randomUUID();
const keyed = (idempotencyKey: string) => ({ 'idempotency-key': idempotencyKey });
