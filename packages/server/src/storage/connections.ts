import pg from 'pg';
import { PrimaryClient } from './servers.ts';

/** What a pool is for. Nothing that one of them waits for holds up the others. */
export const POOL_NAMES = ['hot', 'run', 'read', 'maintenance'] as const;
export type PoolName = (typeof POOL_NAMES)[number];

/** Connections of one node to the database, by use. */
export interface ConnectionBudget extends Readonly<Record<PoolName, number>> {
  /** The one that hears of changes (LISTEN). */
  readonly listener: 1;
}

export const CONNECTIONS_DEFAULT = 20;
export const CONNECTIONS_MIN = 8;
export const CONNECTIONS_MAX = 200;

/** Shares out a number of connections between `CONNECTIONS_MIN` and `CONNECTIONS_MAX`. */
export function shareOut(total: number): ConnectionBudget {
  const listener = 1;
  const maintenance = 2;
  const hot = Math.min(8, Math.max(2, Math.floor(total / 5)));
  const rest = total - listener - maintenance - hot;
  const read = Math.max(1, Math.floor(rest / 3));
  return { hot, run: rest - read, read, maintenance, listener };
}

/**
 * Hot statements join small arrays to large tables. The planner sees how large the queue was, not how large it gets, so
 * it is told to use indexes whatever its statistics say; `plans.test.ts` holds the plans.
 */
export const HOT_SETTINGS: Readonly<Record<string, string>> = {
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  plan_cache_mode: 'force_generic_plan',
  jit: 'off',
};

export const CONNECT_TIMEOUT_MS = 5_000;
/** PostgreSQL itself gives a statement up after this. */
const STATEMENT_TIMEOUT_MS = 30_000;
const READ_TIMEOUT_MS = 10_000;
/** A transaction of a process that stands still: what it has locked is wanted by others. */
const IDLE_TRANSACTION_TIMEOUT_MS = 15_000;
/** A statement without any answer for this long means that the connection is dead. */
const SILENCE_TIMEOUT_MS = 35_000;

/**
 * Puts the schema of our tables first, or the one in which they will be made. `"$user", public` finds another one first as soon as
 * there is a schema `posthorn` (for `posthorn.publish`) and the role is called so, too: what is made later would be apart.
 */
export const SCHEMA_FIRST = `SELECT set_config('search_path', schema || ', ' || current_setting('search_path'), false)
  FROM (SELECT coalesce((SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('migrations')),
                        quote_ident(current_schema()), 'public') AS schema) of_tables`;

export function openPool(name: PoolName, max: number, config: pg.ClientConfig, applicationName: string): pg.Pool {
  const settings = {
    // By statement too: an application_name in the connection's URL would win, and ours are looked for.
    application_name: applicationName,
    statement_timeout: String(name === 'read' ? READ_TIMEOUT_MS : STATEMENT_TIMEOUT_MS),
    idle_in_transaction_session_timeout: String(IDLE_TRANSACTION_TIMEOUT_MS),
    ...(name === 'hot' ? HOT_SETTINGS : {}),
  };
  const pool = new pg.Pool({
    ...config,
    Client: PrimaryClient,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: SILENCE_TIMEOUT_MS,
    keepAlive: true,
    idleTimeoutMillis: name === 'hot' ? 0 : 60_000,
    max,
    // Not in the startup packet, which poolers refuse.
    onConnect: async (client) => void (await client.query(`${settingStatement(settings)}; ${SCHEMA_FIRST}`)),
  });
  // A connection that breaks while nobody waits for an answer says so here; the next query finds out by itself.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** `SET` takes no parameters; names and values are ours. */
export function settingStatement(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `SET ${name} = '${value}'`)
    .join('; ');
}
