/** The one way to the server: adds the session, and turns problem details into errors that people can read. */
import { browserStorage } from './browser-storage.ts';

export interface Problem {
  status: number;
  code: string;
  title: string;
  detail: string;
  errors?: { pointer: string; detail: string }[];
}

export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }

  /** What is wrong with one field of the request. */
  at(field: string): string | undefined {
    return this.problem.errors?.find((e) => e.pointer === `#/${field}` || e.pointer.startsWith(`#/${field}/`))?.detail;
  }
}

const STORED = 'posthorn-token';

/**
 * The token of an embedded or linked page comes behind `#`, which no server sees. It is kept for reloads of this tab
 * alone. The operator's console has a cookie instead, which no script sees.
 */
function readToken(): string | undefined {
  const kept = browserStorage('session');
  const found = /(?:^#|&)token=(pst_[A-Za-z0-9_-]+)/.exec(location.hash)?.[1];
  if (found !== undefined) {
    kept?.setItem(STORED, found);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return location.pathname.startsWith('/page') ? (found ?? kept?.getItem(STORED) ?? undefined) : undefined;
}

const token = readToken();

function headers(hasBody: boolean): Record<string, string> {
  return {
    'x-posthorn-page': '1',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(hasBody ? { 'content-type': 'application/json' } : {}),
  };
}

/** One part of a path, whatever it holds: an id out of the page's address cannot lead anywhere else. */
export const part = (text: string) => encodeURIComponent(text).replace(/^\.+$/, 'none');

/** @throws ApiError */
export async function call<T>(method: string, path: string, body?: unknown, options: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      ...options,
      method,
      headers: headers(body !== undefined),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError({
      status: 0,
      code: 'unreachable',
      title: 'The server cannot be reached',
      detail: 'Check your connection; this page tries again by itself.',
    });
  }
  const text = await response.text();
  if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
  throw new ApiError(
    (response.headers.get('content-type') ?? '').includes('json')
      ? (JSON.parse(text) as Problem)
      : {
          status: response.status,
          code: 'unknown',
          title: 'Something went wrong',
          detail: `The server answered ${response.status}.`,
        },
  );
}

export const get = <T>(path: string) => call<T>('GET', path);
export const post = <T>(path: string, body: unknown = {}) => call<T>('POST', path, body);

/** Follows server-sent events until the signal ends it. EventSource sends no headers, so this reads the stream itself. */
export async function follow(
  path: string,
  heard: (event: string, data: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(path, { headers: headers(false), signal });
  if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const messages = text.split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const event = /^event: (.*)$/m.exec(message)?.[1];
      const data = /^data: (.*)$/m.exec(message)?.[1];
      if (event !== undefined && data !== undefined) heard(event, data);
    }
  }
}
