import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { FIRST } from '../domain/first-cell.ts';
import type { App } from '../http/app.ts';
import { BIN_PATH } from '../manage/inspector.ts';
import { TOKEN_PREFIX } from '../manage/sessions.ts';
import type { Services } from '../services.ts';
import { type Cells, unavailable } from './cells.ts';

const ACCOUNT_ROUTES = '/v1/accounts/:account';
/** How far a move is can be asked while the account is nowhere. */
const MOVE_ROUTE = '/v1/accounts/:account/move';
/** Where vendors' own clients come with a key of the account, and in which header. */
const FACADES: readonly (readonly [route: string, header: string])[] = [
  ['/api/:version', 'x-authorization'],
  ['/admin', 'x-loop-token'],
];
const SESSION = new RegExp(`^Bearer +(${TOKEN_PREFIX}\\S+)$`, 'i');
/** Tokens of bins, and keys, of which it is remembered whose they are: by their digests. */
const REMEMBERED_MAX = 50_000;

/**
 * Leads each request to the cell of its account: that is known from its path, or from the session, the key or the bin that
 * it comes with. Everything else is the first cell's, which knows where accounts live. It goes by what the router has read out of the
 * address, so that both read the same.
 */
export class Front {
  private readonly remembered = new LRUCache<string, string>({ maxSize: REMEMBERED_MAX, sizeCalculation: () => 1 });

  constructor(private readonly cells: Cells) {}

  /**
   * The app that answers a request; undefined: the first cell's.
   * @throws Problem `cell_unavailable`, `account_moving`
   */
  appOf(request: FastifyRequest): App | undefined | Promise<App | undefined> {
    const { url = '' } = request.routeOptions;
    if (url.startsWith(ACCOUNT_ROUTES)) {
      const { account } = request.params as { account: string };
      // Nobody is asked for whoever brings nothing to be known by.
      const isNobody = request.headers.authorization === undefined && request.headers.cookie === undefined;
      return isNobody || url === MOVE_ROUTE ? undefined : this.ofAccount(account);
    }
    if (url.startsWith('/v1/')) {
      const [, token] = SESSION.exec(request.headers.authorization ?? '') ?? [];
      return token === undefined ? undefined : this.ofSession(token);
    }
    if (url === `${BIN_PATH}:token`) {
      const { token } = request.params as { token: string };
      return this.ofToken(`bin ${token}`, ({ inspector }) => inspector.accountOf(token));
    }
    const facade = FACADES.find(([route]) => url.startsWith(route));
    const key = facade && request.headers[facade[1]];
    if (typeof key !== 'string') return undefined;
    return this.ofToken(`key ${key}`, ({ keyVerifier }) => keyVerifier.accountOf(key.trim()));
  }

  private ofAccount(account: string): App | undefined | Promise<App | undefined> {
    const name = this.cells.places.peek(account);
    return name === undefined ? this.cells.places.find(account).then((found) => this.app(found)) : this.app(name);
  }

  private async ofSession(token: string): Promise<App | undefined> {
    const session = await this.cells.ask(({ sessions }) => sessions.find(token));
    // The console's is the first cell's.
    return session?.accountId == null ? undefined : this.ofAccount(session.accountId);
  }

  private async ofToken(
    token: string,
    look: (services: Services) => Promise<string | undefined>,
  ): Promise<App | undefined> {
    const digest = createHash('sha256').update(token).digest('base64');
    const account = this.remembered.get(digest) ?? (await this.cells.ask(look));
    if (account === undefined) return undefined;
    this.remembered.set(digest, account);
    return this.ofAccount(account);
  }

  private app(name: string): App | undefined {
    if (name === FIRST) return undefined;
    const open = this.cells.get(name);
    if (!open) throw unavailable(name);
    return open.app;
  }
}
