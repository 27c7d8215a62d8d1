import { Type } from 'typebox';
import type { Contract } from '../../contract/contract.ts';
import { describeContract } from '../../contract/describe.ts';
import { diffContracts } from '../../contract/diff.ts';
import { BodyRules, ContractDocument, SignatureRules, Translation } from '../../contract/document.ts';
import { Problem } from '../../domain/errors.ts';
import type { App, HttpParts } from '../app.ts';
import { callerOf } from '../caller.ts';
import { sendJson } from '../raw-json.ts';
import { closed, Nullable, named, responses } from '../schemas.ts';

const ContractSummary = named(
  'ContractSummary',
  Type.Object({ name: Type.String(), title: Type.String(), description: Type.String() }),
);
const Word = { value: Type.String(), label: Type.String(), description: Type.String() };
const Pair = { topic: Nullable(Type.String()), trigger: Type.String() };

const ContractView = named(
  'Contract',
  Type.Object({
    ...ContractSummary.properties,
    words: Type.Object(
      {
        endpoint: Type.String(),
        url: Type.String(),
        topic: Type.String(),
        trigger: Type.String(),
        secret: Type.String(),
      },
      { description: "The sender's own words, for the page" },
    ),
    topics: Type.Array(Type.Object(Word)),
    triggers: Type.Array(
      Type.Object({
        ...Word,
        implies: Type.Array(Type.Object({ trigger: Type.String() }), {
          description: 'Events that are published along with it',
        }),
        deprecated: Type.Optional(Type.Boolean({ description: 'Still sent; not to be subscribed to any more' })),
        version: Type.Optional(Type.Integer({ description: 'Of its schema, where it was declared by the API' })),
        order: Type.Optional(Type.Array(Type.String(), { description: 'Members that come first in its bodies' })),
      }),
    ),
    free_triggers: Type.Boolean({ description: 'Every well-formed trigger exists' }),
    groups: Type.Array(
      Type.Object({ value: Type.String(), label: Type.String(), triggers: Type.Array(Type.String()) }),
    ),
    pairs: Type.Array(Type.Object({ ...Pair, schema: Nullable(Type.String()), sample: Type.Unknown() }), {
      description: 'Pairs that yield a payload, each with a sample of it',
    }),
    empty_pairs: Type.Array(Type.Object(Pair), { description: 'Can be subscribed to, and never yield a payload' }),
    other_pairs: Type.Enum(['possible', 'refused']),
    payload_check: Type.Enum(['reject', 'warn', 'off']),
    schemas: Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schemas of the payloads, by file' }),
    versions: Nullable(Type.Object({ values: Type.Array(Type.String()), default: Type.String() })),
    event_types: Type.Boolean({ description: 'Event types may be declared by the API' }),
    new_endpoint: Type.Enum(['active', 'inactive']),
    ownership_proof: Type.Boolean({ description: 'Receivers echo a challenge before their endpoint becomes active' }),
    page: Type.Object({
      keys: Type.Enum(['section', 'below-webhooks'], { description: 'Where the page shows the API keys' }),
      links: Type.Array(Type.Object({ label: Type.String(), url: Type.String() })),
      key_header: Type.Object(
        { name: Type.String(), before: Type.String() },
        { description: "How the sender's API takes a key" },
      ),
    }),
    languages: Type.Record(Type.String(), named('Translation', Translation)),
    body: named('BodyRules', BodyRules),
    signature: named('SignatureRules', SignatureRules),
    signatures: Type.Array(Type.String()),
    signature_overlap: Type.Boolean(),
    scopes: Type.Array(
      closed({ value: Type.String(), label: Type.String(), description: Type.Optional(Type.String()) }),
    ),
    policy: Type.Object({
      timeouts_ms: Type.Object({
        connect: Type.Integer(),
        headers: Type.Integer(),
        body: Type.Integer(),
        total: Type.Integer(),
      }),
      retry_delays_ms: Type.Array(Type.Integer()),
      jitter: Type.String(),
      window_ms: Nullable(Type.Integer({ description: 'From the first try to the last, where that is promised' })),
      retry_after: Type.Object({ cap_ms: Type.Integer(), above: Type.String() }),
      final_statuses: Type.Array(Type.Integer()),
      gone_statuses: Type.Array(Type.Integer()),
      rate_per_s: Nullable(Type.Integer()),
      concurrency: Type.Integer(),
      auto_disable: Nullable(Type.Object({ failures: Type.Integer(), counts: Type.String() })),
      on_exhausted: Type.String(),
      testing_mode: Type.Object({ duration_ms: Type.Integer(), interval_ms: Type.Integer() }),
      retention_days: Type.Integer(),
    }),
    limits: Type.Object({
      https_only: Type.Boolean(),
      endpoints_per_account: Type.Integer(),
      subscriptions_per_endpoint: Type.Integer(),
      wildcards: Type.Boolean(),
      filters: Type.Boolean(),
      authentication: Type.Boolean(),
      transformations: Type.Boolean(),
      payload_bytes: Type.Integer(),
      own_rate_limit: Type.Boolean(),
      own_concurrency: Type.Boolean(),
      thin_events: Type.Boolean(),
      ordered_delivery: Type.Boolean(),
    }),
  }),
);

export function contractRoutes(app: App, { contracts, directory }: HttpParts): void {
  const described = new WeakMap<Contract, string>();
  const describe = (contract: Contract): string => {
    const text = described.get(contract) ?? describeContract(contract);
    described.set(contract, text);
    return text;
  };

  app.get(
    '/contracts',
    {
      schema: {
        operationId: 'listContracts',
        summary: 'List the contracts',
        tags: ['Contracts'],
        response: responses({ 200: Type.Object({ data: Type.Array(ContractSummary) }) }),
      },
    },
    async () => ({
      data: [...contracts.values()].map(({ name, title, description }) => ({ name, title, description })),
    }),
  );

  app.get(
    '/contracts/:contract',
    {
      schema: {
        operationId: 'getContract',
        summary: 'Show a contract',
        tags: ['Contracts'],
        params: Type.Object({ contract: Type.String() }),
        response: responses({ 200: ContractView }),
      },
    },
    async (request, reply) => {
      const { contract } = request.params;
      const known = contracts.get(contract);
      const caller = callerOf(request);
      // What else the operator sends is not the accounts' business.
      const own = caller.kind === 'account' ? (await directory.get(caller.accountId))?.contract.name : contract;
      if (!known || contract !== own) throw new Problem('contract_not_found');
      return sendJson(reply, describe(known));
    },
  );

  app.get(
    '/contracts/:contract/diff',
    {
      schema: {
        operationId: 'diffContracts',
        summary: 'Name what changes for receivers between two contracts',
        tags: ['Contracts'],
        params: Type.Object({ contract: Type.String() }),
        querystring: closed({ to: Type.String() }),
        response: responses({
          200: Type.Object({
            data: Type.Array(
              Type.Object({ kind: Type.Enum(['breaking', 'compatible']), path: Type.String(), what: Type.String() }),
            ),
          }),
        }),
      },
    },
    async (request) => {
      const [before, after] = [request.params.contract, request.query.to].map((name) => contracts.get(name));
      if (!before || !after) throw new Problem('contract_not_found');
      return { data: diffContracts(before.folder, after.folder) };
    },
  );
}

/** The form of `contract.json`, for editors. */
export function contractSchemaRoute(app: App): void {
  const text = JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...ContractDocument });
  app.get('/contract.schema.json', { schema: { hide: true } }, async (_, reply) => sendJson(reply, text));
}
