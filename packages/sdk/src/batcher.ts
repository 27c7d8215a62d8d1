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
/** How often a batch is completed of which the server has stored a part, and how long it waits before. */
const COMPLETIONS_MAX = 5;
const COMPLETE_AFTER_MS = 200;

interface Waiting {
  /** As it was when it was published: what its owner changes afterwards is not sent. */
  json: string;
  resolve: (accepted: Accepted) => void;
  reject: (error: unknown) => void;
}

/** @param events as JSON, each */
type PublishBatch = (events: string[], idempotencyKey: string) => Promise<AnswerOf<'publishEvents'>>;

/** Gathers events that are published one by one and sends them together, one request after the other. */
export class Batcher {
  private waiting: Waiting[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending: Promise<void> | undefined;
  private published = 0;
  private answered = 0;
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
      this.waiting.push({ json: JSON.stringify(event), resolve, reject });
      this.published++;
      if (this.waiting.length >= this.maxEvents) this.start();
      else this.timer ??= setTimeout(() => this.start(), this.maxWaitMs);
    });
  }

  /** Resolves when everything that was published so far is answered. */
  async flush(): Promise<void> {
    const until = this.published;
    this.start();
    while (this.sending && this.answered < until) await this.sending;
  }

  private start(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.sending && this.waiting.length > 0) this.sending = this.sendAll();
  }

  private async sendAll(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        const batch = this.takeBatch();
        await this.sendSome(batch);
        this.answered += batch.length;
      }
    } finally {
      // In the same step in which nothing was waiting: who comes next begins anew.
      this.sending = undefined;
    }
  }

  private takeBatch(): Waiting[] {
    let size = 0;
    let count = 0;
    for (const one of this.waiting) {
      size += one.json.length;
      if (count > 0 && (count >= this.maxEvents || size > BATCH_CHARACTERS_MAX)) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  /** An event that is not valid is refused by itself; the others go without it. */
  private async sendSome(batch: readonly Waiting[]): Promise<void> {
    let open = batch;
    let key = crypto.randomUUID();
    for (let completions = 0; open.length > 0; ) {
      try {
        const { data } = await this.send(
          open.map(({ json }) => json),
          key,
        );
        if (!settle(open, data, completions === COMPLETIONS_MAX)) return;
        // Under the same key the batch is completed: what is stored answers the same.
        completions++;
        await new Promise((resolve) => setTimeout(resolve, COMPLETE_AFTER_MS * completions));
      } catch (error) {
        // What is stored under one key would be stored again under another.
        const isNothingStored = completions === 0 && error instanceof PosthornError && error.status < 500;
        const refused = isNothingStored ? refusedBy(error) : new Set();
        if (refused.size === 0 && isNothingStored && OF_CONTENT.has(error.status) && open.length > 1) {
          // It is not told which one it is about: the halves tell.
          const middle = open.length >> 1;
          await this.sendSome(open.slice(0, middle));
          await this.sendSome(open.slice(middle));
          return;
        }
        const isOver = refused.size === 0;
        open.forEach(({ reject }, i) => {
          if (isOver || refused.has(i)) reject(error);
        });
        if (isOver) return;
        open = open.filter((_, i) => !refused.has(i));
        key = crypto.randomUUID();
      }
    }
  }
}

/** Statuses of a refusal that is about what the batch holds. */
const OF_CONTENT = new Set([400, 413, 422]);

/** Answers everybody, unless some could not be stored and may be in the next round. */
function settle(open: readonly Waiting[], answers: AnswerOf<'publishEvents'>['data'], isLast: boolean): boolean {
  const isPassing = answers.some(({ error }) => error !== undefined && error.code !== 'idempotency_conflict');
  if (isPassing && !isLast) return true;
  open.forEach(({ resolve, reject }, i) => {
    const { error, ...accepted } = answers[i] ?? {};
    if (isAccepted(accepted)) resolve(accepted);
    else {
      const { code, detail } = error ?? { code: 'unexpected_answer', detail: 'The server did not answer this event.' };
      reject(new PosthornError({ type: 'about:blank', title: code, status: 409, code, detail }));
    }
  });
  return false;
}

function isAccepted(answer: Partial<Accepted>): answer is Accepted {
  return answer.id !== undefined && answer.deliveries !== undefined;
}

/** Places of the events that a refusal of the whole batch is about: `#/events/3/trigger`. */
function refusedBy({ errors }: PosthornError): Set<number> {
  return new Set(errors.flatMap(({ pointer }) => /^#\/events\/(\d+)(\/|$)/.exec(pointer)?.[1] ?? []).map(Number));
}
