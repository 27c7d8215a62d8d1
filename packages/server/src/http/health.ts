import { Type } from 'typebox';
import type { App, HttpParts } from './app.ts';

export function healthRoutes(app: App, { isReady, metrics, metricsText }: HttpParts): void {
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
      const { ready, reason, warnings } = await isReady();
      if (ready) return { status: 'ready' as const, warnings };
      return reply
        .code(503)
        .header('retry-after', '2')
        .send({ status: 'not ready' as const, ...(reason === undefined ? {} : { reason }), warnings });
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
