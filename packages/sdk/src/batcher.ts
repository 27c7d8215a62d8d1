import { PosthornError } from './error.ts';
import type { Accepted, AnswerOf, EventInput } from './types.ts';

export interface BatcherOptions {
  /** Events of one request: 500 without it; the server takes 1,000. */
  maxEvents?: number;
  /** How long an event waits for others, in milliseconds: 5 without it. */
  maxWaitMs?: number;
  /** What may wait to be sent: 50,000 events without it. More is refused. */
  maxPending?: number;
}

/** As JSON; the server takes 16 MiB. */
const BATCH_CHARACTERS_MAX = 4 * 1024 * 1024;
const EVENTS_MAX = 1_000;
/** How often a batch is completed of which the server has stored a part. */
const ROUNDS_MAX = 5;

interface Waiting {
  event: EventInput;
  size: number;
  resolve: (accepted: Accepted) => void;
  reject: (error: unknown) => void;
}

type PublishBatch = (events: EventInput[], idempotencyKey: string) => Promise<AnswerOf<'publishEvents'>>;

/** Gathers events that are published one by one and sends them together, one request after the other. */
export class Batcher {
  private waiting: Waiting[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending: Promise<void> | undefined;
  private readonly maxEvents: number;
  private readonly maxWaitMs: number;
  private readonly maxPending: number;

  constructor(
    private readonly send: PublishBatch,
    { maxEvents = 500, maxWaitMs = 5, maxPending = 50_000 }: BatcherOptions = {},
  ) {
    this.maxEvents = Math.min(maxEvents, EVENTS_MAX);
    this.maxWaitMs = maxWaitMs;
    this.maxPending = maxPending;
  }

  /**
   * Resolves when the event is committed.
   * @throws PosthornError of this event, PosthornUnreachable, RangeError when too many wait
   */
  publish(event: EventInput): Promise<Accepted> {
    if (this.waiting.length >= this.maxPending) {
      return Promise.reject(new RangeError(`${this.maxPending} events wait to be published: publish more slowly.`));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ event, size: JSON.stringify(event).length, resolve, reject });
      if (this.waiting.length >= this.maxEvents) this.start();
      else this.timer ??= setTimeout(() => this.start(), this.maxWaitMs);
    });
  }

  /** Resolves when everything that was published so far is answered. */
  async flush(): Promise<void> {
    this.start();
    while (this.sending) await this.sending;
  }

  private start(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
    });
  }

  private async sendAll(): Promise<void> {
    while (this.waiting.length > 0) await this.sendSome(this.takeBatch());
  }

  private takeBatch(): Waiting[] {
    let size = 0;
    let count = 0;
    for (const one of this.waiting) {
      size += one.size;
      if (count > 0 && (count >= this.maxEvents || size > BATCH_CHARACTERS_MAX)) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  /** An event that is not valid is refused by itself; the others go without it. */
  private async sendSome(batch: readonly Waiting[]): Promise<void> {
    let open = batch;
    let key = crypto.randomUUID();
    for (let round = 0; open.length > 0; round++) {
      try {
        const { data } = await this.send(
          open.map(({ event }) => event),
          key,
        );
        const failed = settle(open, data, round === ROUNDS_MAX);
        // Under the same key the batch is completed: what is stored answers the same.
        if (!failed) return;
      } catch (error) {
        const refused = error instanceof PosthornError ? refusedBy(error) : undefined;
        if (!refused || refused.size === 0) {
          for (const { reject } of open) reject(error);
          return;
        }
        open.forEach(({ reject }, i) => {
          if (refused.has(i)) reject(error);
        });
        open = open.filter((_, i) => !refused.has(i));
        key = crypto.randomUUID();
      }
    }
  }
}

/** Answers everybody, unless some could not be stored and may be in the next round. */
function settle(open: readonly Waiting[], answers: AnswerOf<'publishEvents'>['data'], isLast: boolean): boolean {
  const isPassing = answers.some(({ error }) => error !== undefined && error.code !== 'idempotency_conflict');
  if (isPassing && !isLast) return true;
  open.forEach(({ resolve, reject }, i) => {
    const { id, deliveries, warnings, error } = answers[i] ?? {};
    if (id !== undefined && deliveries !== undefined) resolve({ id, deliveries, ...(warnings ? { warnings } : {}) });
    else {
      const { code, detail } = error ?? { code: 'unexpected_answer', detail: 'The server did not answer this event.' };
      reject(new PosthornError({ type: 'about:blank', title: code, status: 409, code, detail }));
    }
  });
  return false;
}

/** Places of the events that a refusal of the whole batch is about: `#/events/3/trigger`. */
function refusedBy({ errors }: PosthornError): Set<number> {
  return new Set(errors.flatMap(({ pointer }) => /^#\/events\/(\d+)(\/|$)/.exec(pointer)?.[1] ?? []).map(Number));
}
