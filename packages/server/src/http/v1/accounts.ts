import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import type { Account } from '../../domain/model.ts';
import { accountPlace } from '../../storage/accounts.ts';
import type { App, HttpParts } from '../app.ts';
import { callerOf } from '../caller.ts';
import { answerPage, toPage } from '../cursor.ts';
import { AccountId, AccountParams, closed, named, PageQuery, pageOf, responses, Time } from '../schemas.ts';

const METADATA_BYTES_MAX = 16 * 1024;
const Name = Type.String({ minLength: 1, maxLength: 200 });
const Metadata = Type.Record(Type.String(), Type.Unknown(), { description: 'Yours; at most 16 KiB as JSON' });

const AccountView = named(
  'Account',
  Type.Object({
    id: Type.String(),
    name: Type.String(),
    contract: Type.String(),
    metadata: Type.Record(Type.String(), Type.Unknown()),
    created_at: Time,
    updated_at: Time,
  }),
);

export function accountRoutes(app: App, { store, contracts, directory, ids, clock }: HttpParts): void {
  app.post(
    '/accounts',
    {
      schema: {
        operationId: 'createAccount',
        summary: 'Create an account',
        description: 'An account is one customer of your product. It belongs to one contract for good.',
        tags: ['Accounts'],
        body: closed({
          id: Type.Optional(AccountId),
          name: Name,
          contract: Type.String({ description: 'One of GET /v1/contracts' }),
          metadata: Type.Optional(Metadata),
        }),
        response: responses({ 201: AccountView }, 404, 409),
      },
    },
    async (request, reply) => {
      const { id = ids.next('acc'), name, contract, metadata = {} } = request.body;
      if (!contracts.has(contract)) {
        throw new Problem(
          'contract_not_found',
          `There is no contract "${contract}". Loaded: ${[...contracts.keys()].join(', ')}.`,
        );
      }
      checkMetadata(metadata);
      const createdAt = new Date(clock.now());
      const account = { id, name, contract, metadata, createdAt, updatedAt: createdAt };
      const result = await store.accounts.create(account);
      if (result === 'being_deleted') {
        throw new Problem('account_exists', 'The history of an account with this id is being deleted: try again soon.');
      }
      if (result === 'exists') throw new Problem('account_exists');
      return reply.code(201).send(present(account));
    },
  );

  app.get(
    '/accounts',
    {
      schema: {
        operationId: 'listAccounts',
        summary: 'List accounts, newest first',
        tags: ['Accounts'],
        querystring: closed({
          ...PageQuery,
          q: Type.Optional(Type.String({ maxLength: 200, description: 'Text in the id or the name' })),
        }),
        response: responses({ 200: pageOf(AccountView) }),
      },
    },
    async (request) => {
      const page = toPage(request.query, (id) => /^\d{1,15}~[A-Za-z0-9_.:-]{1,128}$/.test(id));
      const { q } = request.query;
      return answerPage(page, (p) => store.accounts.list(p, q), accountPlace, present);
    },
  );

  app.get(
    '/accounts/:account',
    {
      schema: {
        operationId: 'getAccount',
        summary: 'Show an account',
        tags: ['Accounts'],
        params: AccountParams,
        response: responses({ 200: AccountView }),
      },
    },
    async (request) => {
      const account = await store.accounts.find(request.params.account);
      if (!account) throw new Problem('account_not_found');
      // Metadata is what the operator keeps with the account, not what the account keeps.
      return present(callerOf(request).kind === 'operator' ? account : { ...account, metadata: {} });
    },
  );

  app.patch(
    '/accounts/:account',
    {
      schema: {
        operationId: 'changeAccount',
        summary: 'Change an account',
        tags: ['Accounts'],
        params: AccountParams,
        body: closed({ name: Type.Optional(Name), metadata: Type.Optional(Metadata) }),
        response: responses({ 200: AccountView }),
      },
    },
    async (request) => {
      if (request.body.metadata) checkMetadata(request.body.metadata);
      const account = await store.accounts.change(request.params.account, request.body);
      if (!account) throw new Problem('account_not_found');
      directory.forget(account.id);
      return present(account);
    },
  );

  app.delete(
    '/accounts/:account',
    {
      schema: {
        operationId: 'deleteAccount',
        summary: 'Delete an account with its endpoints',
        description:
          'From then on nothing is accepted or sent. What it has stored is removed soon after; until then its id cannot be used again.',
        tags: ['Accounts'],
        params: AccountParams,
        response: responses({ 204: Type.Null() }),
      },
    },
    async (request, reply) => {
      if (!(await store.accounts.close(request.params.account))) throw new Problem('account_not_found');
      directory.forget(request.params.account);
      return reply.code(204).send(null);
    },
  );
}

function checkMetadata(metadata: Record<string, unknown>): void {
  if (JSON.stringify(metadata).length > METADATA_BYTES_MAX) {
    throw new Problem('invalid_request', 'metadata is over 16 KiB.', [
      { pointer: '#/metadata', detail: 'is over 16 KiB' },
    ]);
  }
}

function present({ id, name, contract, metadata, createdAt, updatedAt }: Omit<Account, 'number'>) {
  return { id, name, contract, metadata, created_at: createdAt.toISOString(), updated_at: updatedAt.toISOString() };
}
