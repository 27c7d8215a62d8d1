import { Type } from 'typebox';
import type { App, HttpParts } from '../app.ts';
import { responses } from '../schemas.ts';

export function databaseRoutes(app: App, { store }: HttpParts): void {
  app.get(
    '/database',
    {
      schema: {
        operationId: 'getDatabase',
        summary: 'Show the database: version, durability settings, size',
        tags: ['Operation'],
        response: responses({
          200: Type.Object({
            version: Type.String(),
            fsync: Type.String(),
            synchronous_commit: Type.String(),
            size_bytes: Type.Integer(),
          }),
        }),
      },
    },
    async () => {
      const { version, fsync, synchronousCommit, sizeBytes } = await store.overview.database();
      return { version, fsync, synchronous_commit: synchronousCommit, size_bytes: sizeBytes };
    },
  );
}
