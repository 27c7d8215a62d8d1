import type { RawReplyDefaultExpression, RawRequestDefaultExpression } from 'fastify';
import type { Problem } from '../domain/errors.ts';
import type { App } from '../http/app.ts';
import { presentProblem, toProblem } from '../http/problem.ts';
import { BIN_PATH } from '../manage/inspector.ts';
import { TOKEN_PREFIX } from '../manage/sessions.ts';
import { FIRST } from './account-places.ts';
import { type Cells, type OpenCell, unavailable } from './cells.ts';

type Request = RawRequestDefaultExpression;
type Response = RawReplyDefaultExpression;
type Handler = (request: Request, response: Response) => void;

const ACCOUNT = /^\/v1\/accounts\/([^/?#]+)/;
/** How far a move is can be asked while the account is nowhere. */
const MOVE = /^\/v1\/accounts\/[^/?#]+\/move\/?(\?|$)/;
/** Where vendors' own clients come with a key of the account. */
const FACADES = /^\/(api|admin)\//;
const KEY_HEADERS = ['x-authorization', 'x-loop-token', 'authorization'];
const SESSION = new RegExp(`^Bearer +(${TOKEN_PREFIX}\\S+)$`, 'i');

/**
 * Leads each request to the cell of its account: that is known from its path, or from the session, the key or the bin that
 * it comes with. Everything else is the first cell's, which knows where accounts live.
 */
export class Front {
  constructor(private readonly cells: Cells) {}

  /** Takes the requests of the first cell's server. */
  attach({ server }: App): void {
    const handlers = server.listeners('request') as Handler[];
    server.removeAllListeners('request');
    const first: Handler = (request, response) => {
      for (const handle of handlers) handle.call(server, request, response);
    };
    server.on('request', (request, response) => this.lead(request, response, first));
  }

  private lead(request: Request, response: Response, first: Handler): void {
    const account = accountIn(request.url ?? '');
    const known = account === undefined ? undefined : this.cells.places.peek(account);
    if (known === FIRST) {
      first(request, response);
      return;
    }
    const open = known === undefined ? undefined : this.cells.get(known);
    if (open) {
      open.app.routing(request, response);
      return;
    }
    this.find(request, account)
      .then((found) => (found ? found.app.routing(request, response) : first(request, response)))
      .catch((error: unknown) => refuse(response, toProblem(error)));
  }

  /** @returns undefined for the first cell */
  private async find(request: Request, account: string | undefined): Promise<OpenCell | undefined> {
    const { cells } = this;
    const { url = '', headers } = request;
    if (account !== undefined) return this.cellOf(account);
    const [, token] = SESSION.exec(headers.authorization ?? '') ?? [];
    if (token !== undefined) return this.cellOf(await cells.accountOfSession(token));
    const path = url.split('?')[0] ?? url;
    if (path.startsWith(BIN_PATH)) {
      const bin = path.slice(BIN_PATH.length);
      return cells.findOpen(({ services }) => services.inspector.has(bin));
    }
    if (!FACADES.test(path)) return undefined;
    const key = KEY_HEADERS.flatMap((name) => headers[name] ?? []).map((text) => text.replace(/^Bearer +/i, ''));
    return key.length === 0
      ? undefined
      : cells.findOpen(async ({ services }) => {
          for (const text of key) if (await services.keyVerifier.knows(text)) return true;
          return false;
        });
  }

  private async cellOf(account: string | null): Promise<OpenCell | undefined> {
    const name = account === null ? FIRST : await this.cells.places.find(account);
    if (name === FIRST) return undefined;
    const open = this.cells.get(name);
    if (!open) throw unavailable(name);
    return open;
  }
}

function accountIn(url: string): string | undefined {
  const [, segment] = ACCOUNT.exec(url) ?? [];
  if (segment === undefined || MOVE.test(url)) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch {
    // The router refuses it.
    return undefined;
  }
}

function refuse(response: Response, problem: Problem): void {
  const body = JSON.stringify(presentProblem(problem, 'none'));
  const headers = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' };
  response.writeHead(problem.status, problem.status === 503 ? { ...headers, 'retry-after': '2' } : headers).end(body);
}
