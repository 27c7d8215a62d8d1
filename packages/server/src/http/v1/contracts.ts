import { Type } from 'typebox';
import type { Contract } from '../../contract/contract.ts';
import { Problem } from '../../domain/errors.ts';
import type { App, HttpParts } from '../app.ts';
import { responses } from '../schemas.ts';

const ContractSummary = Type.Object({ name: Type.String(), title: Type.String(), description: Type.String() });

const ContractView = Type.Object({
  name: Type.String(),
  title: Type.String(),
  description: Type.String(),
  topics: Type.Array(Type.Object({ value: Type.String() })),
  triggers: Type.Array(Type.Object({ value: Type.String() })),
  free_triggers: Type.Boolean({ description: 'Any trigger of the documented form exists' }),
  pairs: Type.Array(Type.Object({ topic: Type.String(), trigger: Type.String() })),
  groups: Type.Array(Type.Object({ name: Type.String() })),
  scopes: Type.Array(Type.Object({ value: Type.String(), label: Type.String() })),
  policy: Type.Object({
    timeouts_ms: Type.Object({
      connect: Type.Integer(),
      headers: Type.Integer(),
      body: Type.Integer(),
      total: Type.Integer(),
    }),
    retry_delays_ms: Type.Array(Type.Integer()),
    jitter: Type.String(),
    retry_after: Type.Object({ cap_ms: Type.Integer(), above: Type.String() }),
    final_statuses: Type.Array(Type.Integer()),
    gone_statuses: Type.Array(Type.Integer()),
    concurrency: Type.Integer(),
    retention_days: Type.Integer(),
  }),
  limits: Type.Object({
    https_only: Type.Boolean(),
    endpoints_per_account: Type.Integer(),
    subscriptions_per_endpoint: Type.Integer(),
    payload_bytes: Type.Integer(),
  }),
});

export function contractRoutes(app: App, { contracts }: HttpParts): void {
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
        response: responses({ 200: ContractView }, 404),
      },
    },
    async (request) => {
      const contract = contracts.get(request.params.contract);
      if (!contract) throw new Problem('contract_not_found');
      return present(contract);
    },
  );
}

function present({ name, title, description, scopes, policy, limits }: Contract) {
  return {
    name,
    title,
    description,
    topics: [],
    triggers: [],
    free_triggers: true,
    pairs: [],
    groups: [],
    scopes: [...scopes],
    policy: {
      timeouts_ms: {
        connect: policy.timeouts.connectMs,
        headers: policy.timeouts.headersMs,
        body: policy.timeouts.bodyMs,
        total: policy.timeouts.totalMs,
      },
      retry_delays_ms: [...policy.retryDelaysMs],
      jitter: policy.jitter,
      retry_after: { cap_ms: policy.retryAfter.capMs, above: policy.retryAfter.above },
      final_statuses: [...policy.finalStatuses],
      gone_statuses: [...policy.goneStatuses],
      concurrency: policy.concurrency,
      retention_days: policy.retentionDays,
    },
    limits: {
      https_only: limits.httpsOnly,
      endpoints_per_account: limits.endpointsPerAccount,
      subscriptions_per_endpoint: limits.subscriptionsPerEndpoint,
      payload_bytes: limits.payloadBytes,
    },
  };
}
