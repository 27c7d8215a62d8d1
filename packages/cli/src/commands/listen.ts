import { emitKeypressEvents } from 'node:readline';
import { type AccountClient, PosthornError, PosthornUnreachable } from '@posthorn/sdk';
import type { Command } from 'commander';
import { several } from '../arguments.js';
import { CommandFailed, EXIT } from '../exit-codes.js';
import { coloured, legible } from '../output.js';
import { Session, withAccount } from '../session.js';

const AWAY_MS = 1_000;
const ANSWER_WITHIN_MS = 30_000;
/** The server's problems that pass by themselves. */
const PASSING_FROM = 500;
const TOO_MANY = 429;

interface Forwarded {
  label: string;
  method: string;
  headers: Record<string, string>;
  body: Uint8Array<ArrayBuffer>;
}

export function listenCommand(program: Command): void {
  withAccount(
    program
      .command('listen')
      .description("Forward an account's events to an address on this machine, as its webhooks would be sent"),
  )
    .requiredOption('-f, --forward-to <url>', 'as http://localhost:3000/hook')
    .option(
      '--endpoint <id>',
      "as this endpoint gets them: its subscriptions, headers, version, and its own secret's signature",
    )
    .option('--secret <secret>', 'sign with this one; without it, and without an endpoint, with one that is printed')
    .option('--trigger <trigger>', 'these alone, as order.* or order.created; several times for several', several)
    .option('--cursor <cursor>', 'go on where another run has ended')
    .action(async ({ forwardTo, endpoint, secret, trigger, cursor, ...options }) => {
      const session = new Session(options);
      const address = localAddress(forwardTo);
      const listener = new Listener(session, { address, endpoint, secret, triggers: trigger ?? [] });
      await listener.run(cursor ?? 'newest');
    });
}

/** @throws CommandFailed */
function localAddress(text: string): URL {
  try {
    return new URL(/^https?:/.test(text) ? text : `http://${text}`);
  } catch {
    throw new CommandFailed(`--forward-to: ${text} is no URL`, EXIT.usage);
  }
}

interface ListenOptions {
  address: URL;
  endpoint: string | undefined;
  secret: string | undefined;
  triggers: readonly string[];
}

/**
 * Reads the account's feed from a cursor on, so nothing is missed: not while the server restarts, and not while others listen to
 * the same account.
 */
class Listener {
  private readonly account: AccountClient;
  private readonly ended = new AbortController();
  private last: Forwarded | undefined;
  private cursor = '';

  constructor(
    private readonly session: Session,
    private readonly options: ListenOptions,
  ) {
    this.account = session.account;
  }

  async run(from: string): Promise<void> {
    const { address, endpoint } = this.options;
    const signing = endpoint === undefined ? { secret: await this.secret() } : { endpoint };
    process.once('SIGINT', () => this.ended.abort());
    process.once('SIGTERM', () => this.ended.abort());
    // What cannot work is said now, and not with the first event.
    if (endpoint !== undefined) await this.account.endpoints.get(endpoint);
    const first = await this.account.feed.read({ cursor: from, limit: 1 });
    this.cursor = from === 'newest' ? first.next_cursor : from;
    const stopKeys = this.listenToKeys();
    if ('secret' in signing && this.options.secret === undefined) this.note(`Signed with ${signing.secret}`);
    this.note(`Listening to ${this.session.accountId}; forwarding to ${address.href}`);
    try {
      while (!this.ended.signal.aborted) await this.forwardNext(signing);
    } finally {
      stopKeys();
      this.note(`To go on from here: --cursor ${this.cursor}`);
    }
  }

  private async secret(): Promise<string> {
    return this.options.secret ?? (await this.account.generateSecret()).secret;
  }

  private async forwardNext(signing: { secret: string } | { endpoint: string }): Promise<void> {
    const page = await this.patiently(() =>
      this.account.feed.read({ cursor: this.cursor, wait: 20 }, this.ended.signal),
    );
    if (!page) return;
    if (page.missed > 0) this.note(`${page.missed} events are not kept any more.`);
    for (const event of page.data) {
      if (!this.isWanted(event.trigger)) continue;
      const rendered = await this.patiently(() =>
        this.account.renderEvent(event.id, signing, this.ended.signal).catch((error: unknown) => {
          if (!(error instanceof PosthornError && error.code === 'transform_failed')) throw error;
          this.note(`${event.id}: ${error.message}`);
          return { data: [] };
        }),
      );
      // The page is begun again by who goes on from its cursor: rather twice than not at all.
      if (!rendered) return;
      for (const { topic, method, headers, body, body_encoding } of rendered.data) {
        const label = `${event.trigger}${topic === null || topic === event.trigger ? '' : ` (${topic})`}  ${event.id}`;
        await this.forward({ label, method, headers, body: new Uint8Array(Buffer.from(body, body_encoding)) });
        if (this.ended.signal.aborted) return;
      }
    }
    this.cursor = page.next_cursor;
  }

  /** Until it succeeds, or is refused for good: a server may restart meanwhile. @returns undefined when this ends */
  private async patiently<T>(call: () => Promise<T>): Promise<T | undefined> {
    for (let isFirst = true; !this.ended.signal.aborted; isFirst = false) {
      try {
        return await call();
      } catch (error) {
        if (this.ended.signal.aborted) return undefined;
        const isPassing =
          error instanceof PosthornUnreachable ||
          (error instanceof PosthornError && (error.status >= PASSING_FROM || error.status === TOO_MANY));
        if (!isPassing) throw error;
        if (isFirst) this.note(`The server does not answer (${error.message}); waiting …`);
        await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
      }
    }
    return undefined;
  }

  private async forward(request: Forwarded): Promise<void> {
    this.last = request;
    const startedMs = performance.now();
    const answer = await this.send(request);
    const ms = `${Math.round(performance.now() - startedMs)} ms`;
    const isWell = typeof answer === 'number' && answer >= 200 && answer < 300;
    const { print, isJson } = this.session;
    if (isJson) print(JSON.stringify({ event: request.label, answer, ms: Math.round(performance.now() - startedMs) }));
    else
      print(`${legible(request.label)}  ${coloured(String(answer), isWell ? 'green' : 'red')}  ${coloured(ms, 'dim')}`);
  }

  /** @returns the status, or why there is none */
  private async send({ method, headers, body }: Forwarded): Promise<number | string> {
    try {
      const answer = await fetch(this.options.address, {
        method,
        headers,
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      await answer.body?.cancel();
      return answer.status;
    } catch (error) {
      const { cause, message } = error as Error;
      return (cause as NodeJS.ErrnoException | undefined)?.code ?? message;
    }
  }

  private isWanted(trigger: string): boolean {
    const { triggers } = this.options;
    return triggers.length === 0 || triggers.some((one) => fits(one, trigger));
  }

  private listenToKeys(): () => void {
    const { stdin } = process;
    if (!stdin.isTTY) return () => {};
    emitKeypressEvents(stdin);
    stdin.setRawMode(true);
    const pressed = (_: string | undefined, key: { name?: string; ctrl?: boolean }) => {
      if (key.name === 'q' || (key.ctrl && key.name === 'c')) this.ended.abort();
      if (key.name === 'r') {
        if (this.last) void this.forward({ ...this.last, label: `${this.last.label} again` });
        else this.note('Nothing has come yet.');
      }
    };
    stdin.on('keypress', pressed);
    this.note('Press r to send the last one again, q to end.');
    return () => {
      stdin.off('keypress', pressed);
      stdin.setRawMode(false);
      stdin.pause();
    };
  }

  /** Beside what was forwarded. */
  private note(line: string): void {
    process.stderr.write(`${coloured(legible(line), 'dim', process.stderr.isTTY)}\n`);
  }
}

/** As subscriptions do: `*`, `order.*`, or the trigger itself. */
function fits(pattern: string, trigger: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('.*') ? trigger.startsWith(pattern.slice(0, -1)) : trigger === pattern;
}
