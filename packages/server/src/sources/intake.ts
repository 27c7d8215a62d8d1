import { createHash } from 'node:crypto';
import type { Acceptor } from '../accept/acceptor.ts';
import { toPublication } from '../accept/publication.ts';
import { type Clock, pause } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import type { IdSource } from '../domain/ids.ts';
import type { Directory } from '../fanout/directory.ts';
import { isPassing } from '../storage/database-errors.ts';
import type { NewDeadLetter, SourceStore } from '../storage/page-store.ts';
import type { Message } from './reader.ts';
import type { SourceConfig } from './source-config.ts';
import { mappingOf, toEvent } from './to-event.ts';

/** How long is waited before what the database could not take is tried again: twice as long each time. */
const AGAIN_MS = { first: 50, max: 2_000 };
/** What is kept of a message that is no event. */
const BODY_MAX = 1024 * 1024;

/** What became of a message. */
type Outcome = 'accepted' | 'again' | Problem;

/** Publishes messages as events. What cannot be one is kept as a dead letter. */
export class Intake {
  constructor(
    private readonly parts: {
      store: SourceStore;
      acceptor: Pick<Acceptor, 'accept'>;
      directory: Pick<Directory, 'peek' | 'get'>;
      ids: IdSource;
      clock: Clock;
      whenUp: () => Promise<void>;
      onError: (error: unknown) => void;
    },
  ) {}

  /**
   * When it resolves, each of them is stored: as an event, exactly one for its place in the source, or as a dead letter.
   * @returns those that are dead letters
   * @throws the signal's reason; whatever ends the server
   */
  async take(source: SourceConfig, messages: readonly Message[], signal: AbortSignal): Promise<Message[]> {
    const dead: Message[] = [];
    const letters: NewDeadLetter[] = [];
    let open = messages;
    for (let waitMs = AGAIN_MS.first; ; waitMs = Math.min(2 * waitMs, AGAIN_MS.max)) {
      const outcomes = await this.publish(source, open);
      for (const [i, message] of open.entries()) {
        const outcome = outcomes[i];
        if (!(outcome instanceof Problem)) continue;
        dead.push(message);
        letters.push(toDeadLetter(this.parts.ids.nextUuid(), message, outcome));
      }
      open = open.filter((_, i) => outcomes[i] === 'again');
      if (open.length === 0) break;
      await this.pause(waitMs, signal);
    }
    if (letters.length > 0) await this.keep(source.name, letters, signal);
    return dead;
  }

  /** In the order in which they came. */
  private async publish(source: SourceConfig, messages: readonly Message[]): Promise<Outcome[]> {
    const { directory, acceptor, clock } = this.parts;
    const mapping = mappingOf(source);
    const events = messages.map((message) => attempt(() => toEvent(message, mapping)));
    // First: whoever waited for its account would come behind others of the same source.
    const accountIds = new Set(events.flatMap((event) => (event instanceof Problem ? [] : [event.accountId])));
    const accounts = new Map(
      await Promise.all(
        [...accountIds].map(async (id) => {
          const account =
            directory.peek(id) ?? (await directory.get(id).catch((error: unknown) => this.toOutcome(error)));
          return [id, account] as const;
        }),
      ),
    );
    return await Promise.all(
      events.map(async (event, i): Promise<Outcome> => {
        if (event instanceof Problem) return event;
        const account = accounts.get(event.accountId);
        if (account === 'again' || account instanceof Problem) return account;
        if (!account) return new Problem('account_not_found', `There is no account "${event.accountId}".`);
        const { place } = messages[i] ?? {};
        const isNamed = event.input.id !== undefined;
        if (place === undefined && !isNamed) return nameless();
        // No header of a publisher holds a control character: these keys are nobody else's.
        const key = place === undefined ? undefined : `\u0001source ${source.name} ${place}`;
        try {
          await acceptor.accept(toPublication(account, event.input, event.text, '#', clock.now(), key));
          return 'accepted';
        } catch (error) {
          // Another message at a place that is known (a topic or table that was made again) is no repeat: a dead letter, not lost.
          return this.toOutcome(error);
        }
      }),
    );
  }

  private toOutcome(error: unknown): Problem | 'again' {
    if (isPassing(error)) return 'again';
    if (error instanceof Problem) return error.status >= 500 || error.status === 429 ? 'again' : error;
    // Its contract is not loaded here, for one.
    this.parts.onError(error);
    return new Problem('internal_error', error instanceof Error ? error.message : undefined);
  }

  private async keep(source: string, letters: readonly NewDeadLetter[], signal: AbortSignal): Promise<void> {
    for (let waitMs = AGAIN_MS.first; ; waitMs = Math.min(2 * waitMs, AGAIN_MS.max)) {
      try {
        await this.parts.store.keep(source, letters);
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        await this.pause(waitMs, signal);
      }
    }
  }

  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.parts.whenUp();
    await pause(this.parts.clock, ms, signal);
    signal.throwIfAborted();
  }
}

function nameless(): Problem {
  return new Problem(
    'invalid_request',
    'The message has no id: without one, a message that comes twice would be two events. Let its sender set one (message_id), or say where it is (`event.id`).',
  );
}

function attempt<T>(read: () => T): T | Problem {
  try {
    return read();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

function toDeadLetter(uuid: Uint8Array, { place, headers, body }: Message, problem: Problem): NewDeadLetter {
  return {
    uuid,
    place: storable(place ?? createHash('sha256').update(JSON.stringify(headers)).update(body).digest('hex')),
    code: problem.code,
    detail: storable(problem.message),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [storable(name), storable(value)])),
    body: body.subarray(0, BODY_MAX),
    isWhole: body.length <= BODY_MAX,
  };
}

/** PostgreSQL has no place for the character 0. */
const storable = (text: string): string => text.replaceAll('\0', '\ufffd');
