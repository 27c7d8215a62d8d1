import { PosthornError, PosthornUnreachable, type Problem } from './error.ts';

export interface TransportOptions {
  /** Of the server: http://127.0.0.1:8400 without it. */
  url?: string;
  /** The operator key, or the token of a page session. */
  key: string | undefined;
  /** After the first try: 5 without it. */
  retries?: number;
  /** For one try, in milliseconds: 30,000 without it. */
  timeoutMs?: number;
  fetch?: typeof fetch;
}

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: object | undefined;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** Whether a second one changes nothing: by its method if this is left out. A POST with an idempotency key is. */
  isRepeatable?: boolean;
  signal?: AbortSignal | undefined;
  /** How long the server lets the call wait before it answers, in milliseconds. */
  waitMs?: number;
}

const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 5_000;
const RETRY_AFTER_MAX_MS = 60_000;
/** The server says that it has done nothing, and that later it may. */
const NOT_DONE = new Set([429]);
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/** Makes calls, and makes them again where that is safe. */
export class Transport {
  private readonly url: string;
  private readonly key: string;
  private readonly retries: number;
  private readonly timeoutMs: number;
  private readonly fetch: typeof fetch;

  constructor({ url = 'http://127.0.0.1:8400', key, retries = 5, timeoutMs = 30_000, fetch: own }: TransportOptions) {
    if (!key) throw new TypeError('Give the operator key, as `new Posthorn({ key })`.');
    if (!/^https?:\/\/./.test(url)) throw new TypeError(`url: ${url} does not begin with http:// or https://`);
    this.url = url.replace(/\/+$/, '');
    this.key = key;
    this.retries = retries;
    this.timeoutMs = timeoutMs;
    this.fetch = own ?? ((...args) => globalThis.fetch(...args));
  }

  /**
   * @returns the answer's JSON; undefined where it has no body
   * @throws PosthornError, PosthornUnreachable
   */
  async call<T>(call: Call): Promise<T> {
    const isRepeatable = call.isRepeatable ?? call.method !== 'POST';
    // What a try without an answer has removed is not there any more.
    let mayBeDone = false;
    for (let retry = 0; ; retry++) {
      const answer = await this.tryOnce(call, isRepeatable && retry < this.retries);
      if (answer === undefined) {
        mayBeDone = true;
        await pause(backoffMs(retry), call.signal);
      } else if (answer.ok) return parsed<T>(answer);
      else if (answer.status === 404 && call.method === 'DELETE' && mayBeDone) return undefined as T;
      else if (retry < this.retries && (isRepeatable ? PASSING : NOT_DONE).has(answer.status)) {
        mayBeDone ||= answer.status >= 500;
        await pause(retryAfterMs(answer.headers) ?? backoffMs(retry), call.signal);
      } else throw new PosthornError(problemOf(answer));
    }
  }

  /** @returns undefined when no answer came to its end, and another try may be made */
  private async tryOnce({ method, path, query, body, headers, signal, waitMs = 0 }: Call, mayRepeat: boolean) {
    const timeoutMs = this.timeoutMs + waitMs;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await this.fetch(`${this.url}${path}${searchOf(query)}`, {
        method,
        headers: {
          authorization: `Bearer ${this.key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      return { ok: answer.ok, status: answer.status, headers: answer.headers, text: await answer.text() };
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (mayRepeat) return undefined;
      const reason = timeout.aborted ? `took longer than ${timeoutMs} ms` : reasonOf(error as Error);
      throw new PosthornUnreachable(`${method} ${this.url}${path}: ${reason}`, { cause: error });
    }
  }
}

/** With what the system says, as ECONNREFUSED: `fetch failed` alone helps nobody. */
function reasonOf({ message, cause }: Error): string {
  const { code, message: detail } = (cause ?? {}) as { code?: string; message?: string };
  const more = [code, detail].filter((text) => text !== undefined && text !== '');
  return more.length === 0 ? message : `${message} (${more.join(': ')})`;
}

function parsed<T>(answer: { status: number; text: string }): T {
  if (answer.status === 204) return undefined as T;
  try {
    return JSON.parse(answer.text) as T;
  } catch {
    throw new PosthornError(problemOf(answer));
  }
}

function searchOf(query: object | undefined): string {
  const entries = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return '';
  return `?${new URLSearchParams(entries.map(([name, value]) => [name, String(value)]))}`;
}

function problemOf({ status, text }: { status: number; text: string }): Problem {
  try {
    const problem = JSON.parse(text) as Problem;
    if (typeof problem.code === 'string') return problem;
  } catch {
    // Not the server's own answer: something stands in between.
  }
  const detail = `The answer has status ${status} and is none of Posthorn: ${text.slice(0, 200)}`;
  return { type: 'about:blank', title: 'Unexpected answer', status, code: 'unexpected_answer', detail };
}

function backoffMs(retry: number): number {
  return (0.5 + Math.random() / 2) * Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** retry);
}

function retryAfterMs(headers: Headers): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(RETRY_AFTER_MAX_MS, seconds * 1000) : undefined;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
