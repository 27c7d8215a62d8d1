import { AccountClient, part } from './account.ts';
import { KeyVerifier, type KeyVerifierOptions } from './key-verifier.ts';
import { everyPage } from './lists.ts';
import { Transport, type TransportOptions } from './transport.ts';
import type { AnswerOf, BodyOf, KeyVerdict, QueryOf } from './types.ts';

export interface PosthornOptions extends TransportOptions {}

/**
 * The API of a Posthorn server.
 *
 * ```ts
 * const posthorn = new Posthorn({ key: process.env.POSTHORN_OPERATOR_KEY });
 * await posthorn.account('acme').publish({ trigger: 'order.created', payload: { id: 1001 } });
 * ```
 */
export class Posthorn {
  private readonly transport: Transport;

  constructor(options: PosthornOptions) {
    this.transport = new Transport(options);
  }

  /** One account, by its id. */
  account(id: string): AccountClient {
    return new AccountClient(this.transport, id);
  }

  readonly accounts = {
    create: (account: BodyOf<'createAccount'>): Promise<AnswerOf<'createAccount'>> =>
      this.transport.call({ method: 'POST', path: '/v1/accounts', body: account }),
    list: (query: QueryOf<'listAccounts'> = {}): Promise<AnswerOf<'listAccounts'>> =>
      this.transport.call({ method: 'GET', path: '/v1/accounts', query }),
    all: (query: QueryOf<'listAccounts'> = {}) => everyPage(this.accounts.list, query),
    get: (id: string): Promise<AnswerOf<'getAccount'>> =>
      this.transport.call({ method: 'GET', path: `/v1/accounts/${part(id)}` }),
    change: (id: string, changes: BodyOf<'changeAccount'>): Promise<AnswerOf<'changeAccount'>> =>
      this.transport.call({ method: 'PATCH', path: `/v1/accounts/${part(id)}`, body: changes }),
    delete: (id: string): Promise<void> => this.transport.call({ method: 'DELETE', path: `/v1/accounts/${part(id)}` }),
    /** To another cell, while it goes on; `moveState` says how far it is. */
    move: (id: string, cell: string): Promise<AnswerOf<'moveAccount'>> =>
      this.transport.call({ method: 'POST', path: `/v1/accounts/${part(id)}/move`, body: { cell } }),
    moveState: (id: string): Promise<AnswerOf<'getAccountMove'>> =>
      this.transport.call({ method: 'GET', path: `/v1/accounts/${part(id)}/move` }),
  };

  readonly contracts = {
    list: (): Promise<AnswerOf<'listContracts'>> => this.transport.call({ method: 'GET', path: '/v1/contracts' }),
    get: (name: string): Promise<AnswerOf<'getContract'>> =>
      this.transport.call({ method: 'GET', path: `/v1/contracts/${part(name)}` }),
  };

  /** The databases that accounts live in. */
  readonly cells = {
    list: (): Promise<AnswerOf<'listCells'>> => this.transport.call({ method: 'GET', path: '/v1/cells' }),
  };

  /** Where events come from besides this API, and messages of theirs that could not become one. */
  readonly sources = {
    list: (): Promise<AnswerOf<'listSources'>> => this.transport.call({ method: 'GET', path: '/v1/sources' }),
    deadLetters: (name: string, query: QueryOf<'listDeadLetters'> = {}): Promise<AnswerOf<'listDeadLetters'>> =>
      this.transport.call({ method: 'GET', path: `/v1/sources/${part(name)}/dead-letters`, query }),
    deadLetter: (name: string, id: string): Promise<AnswerOf<'getDeadLetter'>> =>
      this.transport.call({ method: 'GET', path: `/v1/sources/${part(name)}/dead-letters/${part(id)}` }),
    deleteDeadLetter: (name: string, id: string): Promise<void> =>
      this.transport.call({ method: 'DELETE', path: `/v1/sources/${part(name)}/dead-letters/${part(id)}` }),
    /** Publishes dead letters again, some at a time: `next_after` says where to go on. */
    redrive: (name: string, body: BodyOf<'redriveDeadLetters'> = {}): Promise<AnswerOf<'redriveDeadLetters'>> =>
      this.transport.call({ method: 'POST', path: `/v1/sources/${part(name)}/redrive`, body }),
  };

  /** Event types that the product declares, in contracts that leave triggers free. */
  readonly eventTypes = {
    put: (body: BodyOf<'putEventTypes'>): Promise<AnswerOf<'putEventTypes'>> =>
      this.transport.call({ method: 'PUT', path: '/v1/event-types', body, isRepeatable: true }),
    import: (body: BodyOf<'importEventTypes'>): Promise<AnswerOf<'importEventTypes'>> =>
      this.transport.call({ method: 'POST', path: '/v1/event-types/import', body, isRepeatable: true }),
    list: (query: QueryOf<'listEventTypes'> = {}): Promise<AnswerOf<'listEventTypes'>> =>
      this.transport.call({ method: 'GET', path: '/v1/event-types', query }),
    get: (name: string, query: QueryOf<'getEventType'> = {}): Promise<AnswerOf<'getEventType'>> =>
      this.transport.call({ method: 'GET', path: `/v1/event-types/${part(name)}`, query }),
    delete: (name: string, query: QueryOf<'deleteEventType'> = {}): Promise<void> =>
      this.transport.call({ method: 'DELETE', path: `/v1/event-types/${part(name)}`, query }),
  };

  /** Keys with names and roles for those who operate the server. */
  readonly operatorKeys = {
    create: (body: BodyOf<'createOperatorKey'>): Promise<AnswerOf<'createOperatorKey'>> =>
      this.transport.call({ method: 'POST', path: '/v1/operator-keys', body }),
    list: (query: QueryOf<'listOperatorKeys'> = {}): Promise<AnswerOf<'listOperatorKeys'>> =>
      this.transport.call({ method: 'GET', path: '/v1/operator-keys', query }),
    get: (id: string): Promise<AnswerOf<'getOperatorKey'>> =>
      this.transport.call({ method: 'GET', path: `/v1/operator-keys/${part(id)}` }),
    rotate: (id: string, body: BodyOf<'rotateOperatorKey'> = {}): Promise<AnswerOf<'rotateOperatorKey'>> =>
      this.transport.call({ method: 'POST', path: `/v1/operator-keys/${part(id)}/rotate`, body }),
    delete: (id: string): Promise<void> =>
      this.transport.call({ method: 'DELETE', path: `/v1/operator-keys/${part(id)}` }),
  };

  readonly keys = {
    /** Says whether a key that a customer has sent is valid, and for what. It asks the server each time: see `verifier`. */
    verify: (question: BodyOf<'verifyKey'>): Promise<KeyVerdict> =>
      this.transport.call({ method: 'POST', path: '/v1/keys/verify', body: question, isRepeatable: true }),
    /** Verifies keys, and uses answers again for some seconds. */
    verifier: (options: KeyVerifierOptions = {}): KeyVerifier => new KeyVerifier(this.keys.verify, options),
  };

  /** Any other operation of the API. */
  call<T>(...args: Parameters<Transport['call']>): Promise<T> {
    return this.transport.call<T>(...args);
  }
}
