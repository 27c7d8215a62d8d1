import { Type } from 'typebox';
import { VERSION } from '../version.ts';
import type { App, HttpParts } from './app.ts';

export function healthRoutes(app: App, { isReady, metrics, metricsText, load, clock }: HttpParts): void {
  const startedAtMs = clock.monotonicMs();
  app.get(
    '/healthz',
    {
      schema: {
        operationId: 'health',
        summary: 'Whether the process answers',
        tags: ['Operation'],
        security: [],
        response: { 200: Type.Object({ status: Type.Literal('ok') }) },
      },
    },
    async () => ({ status: 'ok' as const }),
  );

  const Readiness = Type.Object({
    status: Type.Enum(['ready', 'not ready']),
    reason: Type.Optional(Type.String()),
    version: Type.String(),
    uptime_s: Type.Integer(),
    database_ms: Type.Union([Type.Number(), Type.Null()], {
      description: 'How long the database took to answer, not longer than a second ago',
    }),
    in_flight: Type.Integer({ description: 'Requests to receivers, of this node' }),
    in_memory: Type.Integer({ description: 'Deliveries in the memory of this node' }),
    endpoints_behind: Type.Integer({ description: 'Endpoints with due deliveries in the database, of this node' }),
    warnings: Type.Array(Type.String(), {
      description: 'What does not keep the node from working, and is to be mended',
    }),
  });
  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'readiness',
        summary: 'Whether the node takes events: the database can be reached and its migrations are current',
        tags: ['Operation'],
        security: [],
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (_, reply) => {
      const { ready, reason, warnings, databaseMs } = await isReady();
      const { inFlight, inMemory, backlogged } = load();
      const details = {
        version: VERSION,
        uptime_s: Math.floor((clock.monotonicMs() - startedAtMs) / 1000),
        database_ms: databaseMs ?? null,
        in_flight: inFlight,
        in_memory: inMemory,
        endpoints_behind: backlogged,
        warnings,
      };
      if (ready) return { status: 'ready' as const, ...details };
      return reply
        .code(503)
        .header('retry-after', '2')
        .send({ status: 'not ready' as const, ...(reason === undefined ? {} : { reason }), ...details });
    },
  );

  app.get(
    '/metrics',
    {
      schema: {
        operationId: 'metrics',
        summary: 'Metrics in the Prometheus text format',
        tags: ['Operation'],
        security: [],
        produces: ['text/plain'],
        response: { 200: Type.String() },
      },
    },
    async (_, reply) =>
      reply
        .type(metrics.registry.contentType)
        .serializer((text: string) => text)
        .send(await metricsText()),
  );
}
