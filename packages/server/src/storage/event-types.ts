import type { EventType } from '../domain/event-type.ts';
import type { Database } from './database.ts';
import type { EventTypeStore, PayloadMode } from './store.ts';

/** Nodes read all types again. */
const CHANNEL = 'posthorn_event_types';

interface Row {
  contract: string;
  name: string;
  version: number;
  label: string;
  description: string;
  schema: string | null;
  sample: string | null;
  deprecated: boolean;
  created_at: Date;
  updated_at: Date;
}

const COLUMNS = 'contract, name, version, label, description, schema, sample, deprecated, created_at, updated_at';

function toEventType(row: Row): EventType {
  const { name, version, label, description, schema, sample, deprecated } = row;
  const { created_at: createdAt, updated_at: updatedAt } = row;
  return { name, version, label, description, schema, sample, deprecated, createdAt, updatedAt };
}

export function eventTypeStore(database: Database): EventTypeStore {
  return {
    async all() {
      const rows = await database.run<Row>(`SELECT ${COLUMNS} FROM event_types ORDER BY contract, name`);
      const modes = await database.run<{ contract: string; mode: PayloadMode }>(
        'SELECT contract, mode FROM event_type_checks',
      );
      const found = new Map<string, { mode?: PayloadMode; types: EventType[] }>(
        modes.map(({ contract, mode }) => [contract, { mode, types: [] }]),
      );
      for (const row of rows) {
        const known = found.get(row.contract) ?? { types: [] };
        known.types.push(toEventType(row));
        found.set(row.contract, known);
      }
      return found;
    },

    change(contract, decide) {
      return database.transaction(async (run) => {
        // What is decided holds against whoever else changes types at the same moment.
        await run('LOCK TABLE event_types IN SHARE ROW EXCLUSIVE MODE');
        const rows = await run<Row>(`SELECT ${COLUMNS} FROM event_types WHERE contract = $1 ORDER BY name`, [contract]);
        const { answer, put, mode } = decide(rows.map(toEventType));
        for (const type of put) {
          const { name, version, label, description, schema, sample, deprecated, createdAt, updatedAt } = type;
          await run(
            `INSERT INTO event_types (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (contract, name) DO UPDATE SET version = $3, label = $4, description = $5, schema = $6, sample = $7,
               deprecated = $8, updated_at = $10`,
            [contract, name, version, label, description, schema, sample, deprecated, createdAt, updatedAt],
          );
          await run(
            `INSERT INTO event_type_versions (contract, name, version, schema, created_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (contract, name, version) DO NOTHING`,
            [contract, name, version, schema, updatedAt],
          );
        }
        if (mode !== undefined)
          await run(
            'INSERT INTO event_type_checks (contract, mode) VALUES ($1, $2) ON CONFLICT (contract) DO UPDATE SET mode = $2',
            [contract, mode],
          );
        if (put.length > 0 || mode !== undefined) await run('SELECT pg_notify($1, $2)', [CHANNEL, contract]);
        return answer;
      });
    },

    async versions(contract, name, limit) {
      const rows = await database.run<{ version: number; schema: string | null; created_at: Date }>(
        `SELECT version, schema, created_at FROM event_type_versions WHERE contract = $1 AND name = $2
         ORDER BY version DESC LIMIT $3`,
        [contract, name, limit],
      );
      return rows.map(({ version, schema, created_at: createdAt }) => ({ version, schema, createdAt }));
    },

    remove(contract, name) {
      return database.transaction(async (run) => {
        const rows = await run('DELETE FROM event_types WHERE contract = $1 AND name = $2 RETURNING 1', [
          contract,
          name,
        ]);
        if (rows.length > 0) await run('SELECT pg_notify($1, $2)', [CHANNEL, contract]);
        return rows.length > 0;
      });
    },
  };
}
