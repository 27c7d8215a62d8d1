/** The one way to the server: adds the session, and turns problem details into errors that people can read. */
import { answered, connectionNow } from './connection.ts';
import { currentToken } from './session-token.ts';
import type { Page } from './types.ts';

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

function headers(hasBody: boolean): Record<string, string> {
  const token = currentToken();
  return {
    'x-posthorn-page': '1',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(hasBody ? { 'content-type': 'application/json' } : {}),
  };
}

/** One part of a path, whatever it holds: an id out of the page's address cannot lead anywhere else. */
export const part = (text: string) => encodeURIComponent(text).replace(/^\.+$/, 'none');

/** JSON that is sent as somebody wrote it: 5.0 stays 5.0. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Whose page this is; it needs nothing but the session. */
export const SESSION = '/v1/page';
const SESSION_ENDED: Problem = {
  status: 401,
  code: 'session_ended',
  title: 'The session has ended',
  detail: 'Open the page again from where you came.',
};

const UNREACHABLE: Problem = {
  status: 0,
  code: 'unreachable',
  title: 'The server cannot be reached',
  detail: 'Check your connection; this page tries again by itself.',
};

/** @throws ApiError */
export async function call<T>(
  method: string,
  path: string,
  body?: unknown | RawJson,
  options: RequestInit = {},
): Promise<T> {
  // Whose session has ended is told so without a question; a look at the session itself is one.
  if (connectionNow() === 'ended' && path.startsWith('/v1/') && path !== SESSION) throw new ApiError(SESSION_ENDED);
  let response: Response;
  try {
    response = await fetch(path, {
      ...options,
      method,
      headers: headers(body !== undefined),
      ...(body === undefined ? {} : { body: body instanceof RawJson ? body.text : JSON.stringify(body) }),
    });
  } catch (error) {
    // Whoever ended it says nothing about the server.
    if (options.signal?.aborted) throw error;
    answered(0);
    throw new ApiError(UNREACHABLE);
  }
  // A change that the server cannot make says so itself; what is read all the time tells how the server is doing.
  if (response.status < 500 || method === 'GET') answered(response.status);
  if (!response.ok) throw await problemOf(response);
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** Problem details of our server; or of whatever stands before it, which may answer anything. */
async function problemOf(response: Response): Promise<ApiError> {
  const { status } = response;
  const told = (await response.json().catch(() => ({}))) as Partial<Problem>;
  const { code = 'unknown', title = 'Something went wrong', detail = `The server answered ${status}.` } = told;
  return new ApiError({ status, code, title, detail, ...(told.errors ? { errors: told.errors } : {}) });
}

export const get = <T>(path: string) => call<T>('GET', path);
/** Every page of a list that stays short enough to be read whole. */
export async function getAll<T>(path: string): Promise<{ data: T[] }> {
  const data: T[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: Page<T> = await get<Page<T>>(`${path}?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    data.push(...page.data);
    cursor = page.next_cursor;
  }
  return { data };
}

export const post = <T>(path: string, body: unknown = {}) => call<T>('POST', path, body);

/** Reads a file, and lets the browser keep it under the name that the server gives. @throws ApiError */
export async function download(path: string): Promise<void> {
  const response = await fetch(path, { headers: headers(false) }).catch(() => undefined);
  if (!response) throw new ApiError(UNREACHABLE);
  if (!response.ok) throw await problemOf(response);
  const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? 'download';
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Follows server-sent events until the signal ends it. EventSource sends no headers, so this reads the stream itself. */
export async function follow(
  path: string,
  heard: (event: string, data: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(path, { headers: headers(false), signal });
  if (response.status === 401) answered(401);
  if (!response.ok) throw await problemOf(response);
  if (!response.body) throw new Error('an answer without a body');
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
