import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Contract } from '../contract/contract.ts';
import type { BodyFacts } from '../contract/fields.ts';
import type { Clock } from '../domain/clock.ts';
import { FairQueue } from '../domain/fair-queue.ts';
import { type Transformed, TransformFailed, toTransformed } from '../domain/transformation.ts';
import type { Ran, Run } from './sandbox.ts';
import { NoThread, SandboxThread } from './sandbox-thread.ts';

/** An account whose function took longer than this has its turns among others of its kind, for a while. */
const SLOW_MS = 30;
const SLOW_FOR_MS = 600_000;
const SLOW_ACCOUNTS_MAX = 10_000;
/** What has waited for so long is put off: the right to send may have gone elsewhere. */
const WAIT_MAX_MS = 5_000;

/** A byte of a body is at most so many characters in JSON; and what headers may take up beside it. */
const ESCAPED_MAX = 6;
const HEADERS_CHARACTERS_MAX = 200_000;
const CONTENT_TYPE = 'content-type';

/** What of an endpoint says how its requests are reshaped. */
export interface Reshaped {
  readonly accountId: string;
  readonly contract: Pick<Contract, 'defaultHeaders' | 'headerNames' | 'limits'>;
  /** Its own. */
  readonly headerNames: readonly string[];
  /** Whether it writes an Authorization header. */
  readonly hasAuth: boolean;
  readonly code: string;
}

/** The headers that a contract writes, with what a transformation has made of them. */
export function withTransformed(
  headers: readonly [string, string][],
  { contentType, headers: more }: Transformed,
): [string, string][] {
  const written = headers.map(([name, value]): [string, string] => [
    name,
    name.toLowerCase() === CONTENT_TYPE ? (contentType ?? value) : value,
  ]);
  return [...written, ...more];
}

function reservedBy({ contract, headerNames, hasAuth }: Reshaped): (name: string) => boolean {
  const own = new Set(headerNames.map((name) => name.toLowerCase()));
  return (name) => contract.headerNames.has(name) || own.has(name) || (hasAuth && name === 'authorization');
}

interface Waiting {
  sinceMs: number;
  run: Run;
  accountId: string;
  done: (ran: Ran) => void;
  failed: (error: unknown) => void;
}

/** Runs transformations in threads of their own: accounts by turns, and slow ones apart from all others. */
export class Transformer {
  private readonly quick: Turns;
  private readonly slow: Turns;
  private readonly slowAccounts = new LRUCache<string, number>({
    maxSize: SLOW_ACCOUNTS_MAX,
    sizeCalculation: () => 1,
  });

  constructor(private readonly clock: Clock) {
    const onTook = (accountId: string, ms: number) => {
      if (ms > SLOW_MS) this.slowAccounts.set(accountId, clock.monotonicMs() + SLOW_FOR_MS);
    };
    this.slow = new Turns(new SandboxThread(clock), clock, onTook);
    // What an account has waiting goes along when it turns out to be slow.
    const goesTo = (accountId: string) => (this.isSlow(accountId) ? this.slow : undefined);
    this.quick = new Turns(new SandboxThread(clock), clock, onTook, goesTo);
  }

  /**
   * @param body as the contract writes it: JSON
   * @throws TransformFailed
   */
  async transform(endpoint: Reshaped, { event, topic, account }: BodyFacts, body: Buffer): Promise<Transformed> {
    const { accountId, contract, code } = endpoint;
    const contentType = contract.defaultHeaders.find(([name]) => name === CONTENT_TYPE)?.[1];
    const id = event.externalId ?? event.id;
    const about = {
      id,
      trigger: event.trigger,
      topic,
      created_at: new Date(event.createdAtMs).toISOString(),
      account: { id: account.id, name: account.name },
    };
    const ran = await this.run(accountId, {
      code,
      request: `{"method":"POST","headers":${JSON.stringify(contentType === undefined ? {} : { [CONTENT_TYPE]: contentType })},"body":${body.toString('utf8')}}`,
      event: JSON.stringify(about),
      nowMs: event.createdAtMs,
      seed: createHash('sha256').update(id).digest().readInt32LE(),
      resultMax: ESCAPED_MAX * contract.limits.payloadBytes + HEADERS_CHARACTERS_MAX,
    });
    const original = { contentType, reserved: reservedBy(endpoint), bodyMax: contract.limits.payloadBytes };
    return toTransformed(parsed(ran), original);
  }

  /**
   * Reads the code without calling its function.
   * @throws TransformFailed
   */
  async check(accountId: string, code: string): Promise<void> {
    await this.run(accountId, { code, request: null, event: '{}', nowMs: 0, seed: 0, resultMax: 0 });
  }

  private isSlow(accountId: string): boolean {
    return (this.slowAccounts.get(accountId) ?? 0) > this.clock.monotonicMs();
  }

  private async run(accountId: string, run: Run): Promise<string> {
    const ran = await (this.isSlow(accountId) ? this.slow : this.quick).run(accountId, run).catch((error: unknown) => {
      throw error instanceof NoThread ? new TransformFailed(error.message, true) : error;
    });
    if ('error' in ran) throw new TransformFailed(ran.error);
    return ran.result;
  }

  async stop(): Promise<void> {
    await Promise.all([this.quick.stop(), this.slow.stop()]);
  }
}

/** What a function can make of itself is not always JSON. @throws TransformFailed */
function parsed(result: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(result);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new TransformFailed('makes no request: what it returns cannot be written as JSON');
}

/** One thread, and what waits for it. */
class Turns {
  private readonly waiting = new FairQueue<Waiting>();
  private isRunning = false;

  constructor(
    private readonly thread: SandboxThread,
    private readonly clock: Clock,
    private readonly onTook: (accountId: string, ms: number) => void,
    private readonly goesTo: (accountId: string) => Turns | undefined = () => undefined,
  ) {}

  run(accountId: string, run: Run): Promise<Ran> {
    return new Promise((done, failed) => {
      this.push({ sinceMs: this.clock.monotonicMs(), run, accountId, done, failed });
    });
  }

  private push(waiting: Waiting): void {
    this.waiting.push(waiting.accountId, waiting);
    if (!this.isRunning) void this.goOn();
  }

  stop(): Promise<void> {
    return this.thread.stop();
  }

  private async goOn(): Promise<void> {
    this.isRunning = true;
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      const other = this.goesTo(next.accountId);
      if (other) {
        other.push(next);
        continue;
      }
      if (this.clock.monotonicMs() - next.sinceMs > WAIT_MAX_MS) {
        next.failed(new NoThread('Transformations of other accounts take all the time there is.'));
        continue;
      }
      try {
        const ran = await this.thread.run(next.run);
        this.onTook(next.accountId, ran.tookMs);
        next.done(ran);
      } catch (error) {
        next.failed(error);
      }
    }
    this.isRunning = false;
  }
}
