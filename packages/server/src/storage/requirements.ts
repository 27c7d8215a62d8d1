import type pg from 'pg';
import { CONNECT_TIMEOUT_MS } from './connections.ts';
import { DatabaseUnavailable, isOutage, kindOfDriverError, PROTOCOL_VIOLATION, sqlStateOf } from './database-errors.ts';
import { PrimaryClient, serversOf } from './servers.ts';

/** This database cannot be used as it is set up. The message says what to do. */
export class DatabaseRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DatabaseRefused';
  }
}

/**
 * Looks at a database before it is used: whether connections are sessions, and whether there are enough of them.
 * @param connections what this node may open
 * @throws DatabaseRefused, DatabaseUnavailable
 */
export async function checkDatabase(
  config: pg.ClientConfig,
  connections: number,
  log: (message: string) => void,
): Promise<void> {
  const servers = serversOf(config);
  await servers.find();
  if (servers.stale !== undefined) throw new DatabaseRefused(servers.stale);
  const clients = [newClient(config), newClient(config)] as const;
  try {
    for (const client of clients) await client.connect();
    await requireSessions(...clients, log);
    await requireConnections(clients[0], connections, log);
  } catch (error) {
    if (error instanceof DatabaseRefused) throw error;
    const kind = kindOfDriverError(error);
    throw isOutage(kind) ? new DatabaseUnavailable(error, kind) : error;
  } finally {
    for (const client of clients) client.end().catch(() => {});
  }
}

function newClient(config: pg.ClientConfig): pg.Client {
  const client = new PrimaryClient({
    ...config,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => {});
  return client;
}

const USE_SESSIONS =
  'Posthorn needs sessions (LISTEN, prepared statements): use the pooler in session mode, or connect to PostgreSQL directly.';

/**
 * A pooler in transaction mode gives every transaction any of its connections: while `other` holds the one that `client` had
 * last, `client` gets another. In statement mode it refuses transactions; and where it has one connection only, in whatever
 * mode, the second of ours waits for the first.
 */
async function requireSessions(client: pg.Client, other: pg.Client, log: (message: string) => void): Promise<void> {
  const before = await backendOf(client);
  try {
    await other.query('BEGIN');
    await other.query('SELECT 1');
    const after = await backendOf(client);
    await other.query('COMMIT');
    if (before === after) return;
  } catch (error) {
    if (sqlStateOf(error) === PROTOCOL_VIOLATION) {
      throw new DatabaseRefused(`DATABASE_URL leads to a connection pooler in statement mode. ${USE_SESSIONS}`);
    }
    log(
      'The database answers one connection and not a second one. Where DATABASE_URL leads to a connection pooler, its pool must be as large as POSTHORN_DATABASE_CONNECTIONS, in session mode.',
    );
    throw error;
  }
  throw new DatabaseRefused(`DATABASE_URL leads to a connection pooler in transaction mode. ${USE_SESSIONS}`);
}

async function backendOf(client: pg.Client): Promise<number | undefined> {
  return (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
}

interface ConnectionsRow {
  /** What the server, the database and the role allow; the two latter are -1 where they set no limit. */
  server: number;
  database: number;
  role: number;
  /** Connections of others that are open now. */
  used: number;
}

async function requireConnections(client: pg.Client, wanted: number, log: (message: string) => void): Promise<void> {
  const { rows } = await client.query<ConnectionsRow>(
    `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
              - coalesce(current_setting('reserved_connections', true), '0')::int AS server,
            (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS database,
            (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS role,
            (SELECT count(*)::int - 2 FROM pg_stat_activity WHERE backend_type = 'client backend') AS used`,
  );
  const [row] = rows;
  if (!row) return;
  const allowed = Math.min(...[row.server, row.database, row.role].filter((limit) => limit >= 0));
  if (wanted > allowed) {
    throw new DatabaseRefused(
      `POSTHORN_DATABASE_CONNECTIONS: this node may open ${wanted} connections, and the database allows ${allowed} in all. Set it lower, or raise max_connections.`,
    );
  }
  if (wanted + row.used > row.server) {
    log(
      `The database allows ${row.server} connections, others have ${row.used} of them open, and this node may open ${wanted}: some requests will have to wait.`,
    );
  }
}
