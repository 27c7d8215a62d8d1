/** Faults of a real database: its clock moved, its disk full, its connections cut or silent. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { query } from './database.ts';

/**
 * Lets a test move PostgreSQL's clock: `now()` of every connection that is opened from now on is the real one and what
 * `setDatabaseClock` has added. A function of that name that is found before PostgreSQL's own.
 */
export async function makeClockMovable(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await query(
    url,
    `CREATE SCHEMA fault;
     CREATE TABLE fault.clock (moved interval NOT NULL);
     INSERT INTO fault.clock VALUES ('0');
     CREATE FUNCTION fault.now() RETURNS timestamptz LANGUAGE sql STABLE
       AS 'SELECT pg_catalog.now() + (SELECT moved FROM fault.clock)';
     ALTER DATABASE ${name} SET search_path = public, fault, pg_catalog`,
  );
}

/** Sets PostgreSQL's clock to a time, from which it goes on. */
export async function setDatabaseClock(url: string, toMs: number): Promise<void> {
  await query(url, 'UPDATE fault.clock SET moved = to_timestamp($1) - pg_catalog.now()', [toMs / 1000]);
}

/** Every insert into a table fails with this SQLSTATE, until the answered function is called. */
export async function failInserts(url: string, table: string, sqlState: string): Promise<() => Promise<void>> {
  await query(
    url,
    `CREATE FUNCTION fail_${table}() RETURNS trigger LANGUAGE plpgsql
       AS $$ BEGIN RAISE EXCEPTION 'a fault of the test' USING ERRCODE = '${sqlState}'; END $$;
     CREATE TRIGGER fault BEFORE INSERT ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION fail_${table}()`,
  );
  return async () => void (await query(url, `DROP TRIGGER fault ON ${table}; DROP FUNCTION fail_${table}()`));
}

/** Cuts every connection to a database but our own, so that others open new ones. */
export async function cutConnections(url: string, where = 'true'): Promise<void> {
  await query(
    url,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND ${where}`,
  );
}

/** A TCP way to a database whose server listens on a unix socket, which can fall silent. */
export interface Relay {
  url: string;
  /** New connections are accepted and get no answer; those that are open get none, either. */
  setSilent(silent: boolean): void;
  stop(): Promise<void>;
}

export async function relayTo(url: string): Promise<Relay> {
  const { searchParams, port: databasePort } = new URL(url);
  const path = `${searchParams.get('host')}/.s.PGSQL.${databasePort}`;
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server = createServer((client) => {
    const upstream = connect(path);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk) => void (isSilent || upstream.write(chunk)));
    upstream.on('data', (chunk) => void (isSilent || client.write(chunk)));
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const relayed = new URL(url);
  relayed.searchParams.delete('host');
  relayed.hostname = '127.0.0.1';
  relayed.port = String((server.address() as AddressInfo).port);
  return {
    url: relayed.href,
    setSilent: (silent) => {
      isSilent = silent;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A connection of the test's own, for what has to stay open. */
export async function openClient(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client;
}
