import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import pg from 'pg';

/** What a statement's parameters may be. Buffers travel in binary: bytea, or an array made by `arrays.ts`. */
export type Parameter = string | number | boolean | Date | Buffer | null;

/** Thrown when the database cannot be reached; nothing is known about what the statement did. */
export class DatabaseUnavailable extends Error {
  constructor(cause: unknown) {
    super('The database cannot be reached.', { cause });
    this.name = 'DatabaseUnavailable';
  }
}

/** Thrown when the database answers, but not in time: every connection is busy, or a statement took too long. */
export class DatabaseBusy extends Error {
  constructor(cause: unknown) {
    super('The database is busy.', { cause });
    this.name = 'DatabaseBusy';
  }
}

/** PostgreSQL's code for a value that a unique index holds already. */
export const UNIQUE_VIOLATION = '23505';

/** SQLSTATE of an error that PostgreSQL answered, undefined for any other. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

const SQL_FOLDER = new URL('../../src/storage/sql/', import.meta.url);

/** A statement from `sql/<name>.sql`, prepared once per connection. */
export interface Statement {
  name: string;
  text: string;
}

export function statement(name: string): Statement {
  return { name, text: readFileSync(new URL(`${name}.sql`, SQL_FOLDER), 'utf8') };
}

/**
 * Hot statements join small arrays to large tables. The planner sees how large the queue was, not how large it gets, so
 * it is told to use indexes whatever its statistics say; `storage/plans.test.ts` holds the plans.
 */
export const HOT_OPTIONS =
  '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan -c jit=off';
const HOT_CONNECTIONS = 4;
const CONNECTIONS = 8;
const PROBE_MS = 200;
const LISTENER_PULSE_MS = 15_000;
const CONNECT_TIMEOUT_MS = 5_000;
const READ_CONNECTIONS = 4;
const READ_TIMEOUT_MS = 10_000;
/** PostgreSQL itself gives a statement up after this. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** A statement without any answer for this long means that the connection is dead. */
const QUERY_TIMEOUT_MS = 60_000;
const STATEMENT_TIMEOUT = '57014';

/**
 * Two pools on one database: `hot` for the batches on the way of an event, `run` for everything else.
 *
 * up --(a connection fails)--> down --(a probe answers)--> up. While it is down, callers fail at once with
 * DatabaseUnavailable instead of piling up, and `whenUp` tells when to go on.
 */
export class Database {
  /** Tells this process's connections from everybody else's. */
  private readonly name = `posthorn ${randomBytes(6).toString('hex')}`;
  private readonly pool: pg.Pool;
  private readonly hotPool: pg.Pool;
  /** For looking through the history, which may take long: nothing else waits behind it. */
  private readonly readPool: pg.Pool;
  /** For the heartbeat and for recovery, which may not wait behind API calls. */
  private readonly housePool: pg.Pool;
  private readonly changes = new EventEmitter().setMaxListeners(0);
  private isUp = true;
  private upSinceMs = Date.now();
  private stopped = false;
  private isRecovering = false;
  private recover: () => Promise<void> = async () => {};
  private readonly listeners = new Set<pg.Client>();

  constructor(
    private readonly config: pg.ClientConfig,
    private readonly log: (message: string) => void = () => {},
  ) {
    const common = {
      ...config,
      application_name: this.name,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
      idleTimeoutMillis: 60_000,
    };
    this.pool = new pg.Pool({ ...common, max: CONNECTIONS, statement_timeout: STATEMENT_TIMEOUT_MS });
    this.housePool = new pg.Pool({ ...common, max: 2, statement_timeout: STATEMENT_TIMEOUT_MS });
    this.readPool = new pg.Pool({ ...common, max: READ_CONNECTIONS, statement_timeout: READ_TIMEOUT_MS });
    this.hotPool = new pg.Pool({
      ...common,
      max: HOT_CONNECTIONS,
      options: HOT_OPTIONS,
      idleTimeoutMillis: 0,
      statement_timeout: STATEMENT_TIMEOUT_MS,
    });
    for (const pool of this.pools) {
      // A connection that breaks while nobody waits for an answer says so here; the next query finds out by itself.
      pool.on('error', () => {});
      pool.on('connect', (client) => client.on('error', () => {}));
    }
  }

  private get pools(): pg.Pool[] {
    return [this.pool, this.hotPool, this.housePool, this.readPool];
  }

  get up(): boolean {
    return this.isUp;
  }

  /** For how long it has been up without a break. */
  get upForMs(): number {
    return this.isUp ? Date.now() - this.upSinceMs : 0;
  }

  /** `work` runs each time the database has come back, before anybody else may use it. */
  beforeUp(work: () => Promise<void>): void {
    this.recover = work;
  }

  /** Calls back on every change between up and down. */
  onChange(listen: (up: boolean) => void): void {
    this.changes.on('change', listen);
  }

  /** Resolves when the database is up, at once if it is; rejects when the server stops first. */
  async whenUp(): Promise<void> {
    for (;;) {
      if (this.stopped) throw new DatabaseUnavailable('stopped');
      if (this.isUp) return;
      await once(this.changes, 'change');
    }
  }

  /** A prepared statement on the way of an event. @throws DatabaseUnavailable */
  hot<Row extends pg.QueryResultRow>(hotStatement: Statement, values: Parameter[]): Promise<Row[]> {
    return this.guarded<Row>(this.hotPool, { ...hotStatement, values });
  }

  /** Any other statement; planned anew each time, so that absent filters cost nothing. @throws DatabaseUnavailable */
  run<Row extends pg.QueryResultRow>(text: string, values: Parameter[] = []): Promise<Row[]> {
    return this.guarded<Row>(this.pool, { text, values });
  }

  /** A look through the history: what it takes depends on how much there is. @throws DatabaseUnavailable, DatabaseBusy */
  read<Row extends pg.QueryResultRow>(text: string, values: Parameter[] = []): Promise<Row[]> {
    return this.guarded<Row>(this.readPool, { text, values });
  }

  /** A statement of the house: heartbeat, take-over, recovery. @throws DatabaseUnavailable */
  house<Row extends pg.QueryResultRow>(text: string, values: Parameter[] = []): Promise<Row[]> {
    return this.guarded<Row>(this.housePool, { text, values });
  }

  /** Runs `work` in a transaction on one connection. @throws DatabaseUnavailable, and whatever `work` throws */
  async transaction<T>(work: (run: Database['run']) => Promise<T>): Promise<T> {
    const client = await this.connect(this.pool);
    const run = <Row extends pg.QueryResultRow>(text: string, values: Parameter[] = []) =>
      client.query<Row>({ text, values }).then((result) => result.rows);
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(run);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure;
      });
      return this.rethrow(error);
    } finally {
      client.release(broken);
    }
  }

  /** Listens on a channel, over lost connections too; `heard('')` after a gap in which messages may have been missed. */
  async listen(channel: string, heard: (payload: string) => void): Promise<void> {
    if (this.stopped) return;
    const client = new pg.Client({
      ...this.config,
      application_name: `${this.name} listener`,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
    });
    // A half-open connection says nothing for hours; a question shows it.
    const pulse = setInterval(() => {
      client.query('SELECT 1').catch(() => client.end().catch(() => {}));
    }, LISTENER_PULSE_MS);
    const again = () => {
      clearInterval(pulse);
      if (!this.listeners.delete(client) || this.stopped) return;
      setTimeout(() => {
        this.whenUp()
          .then(() => this.listen(channel, heard))
          .catch(() => {});
      }, PROBE_MS);
    };
    this.listeners.add(client);
    client.on('error', () => {});
    client.on('end', again);
    client.on('notification', (message) => heard(message.payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
      heard('');
    } catch (error) {
      this.noteFailure(error);
      client.end().catch(() => {});
      again();
    }
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.changes.emit('change', this.isUp);
    const listeners = [...this.listeners].map((listener) => listener.end());
    await Promise.allSettled([...listeners, ...this.pools.map((pool) => pool.end())]);
  }

  private async guarded<Row extends pg.QueryResultRow>(pool: pg.Pool, query: pg.QueryConfig): Promise<Row[]> {
    const client = await this.connect(pool);
    try {
      const { rows } = await client.query<Row>(query);
      client.release();
      return rows;
    } catch (error) {
      client.release(isConnectionFailure(error));
      return this.rethrow(error);
    }
  }

  /** Whatever stands against a connection, a full server or a wrong password: nothing can be stored. */
  private async connect(pool: pg.Pool): Promise<pg.PoolClient> {
    if (!this.isUp && !this.isRecovering) throw new DatabaseUnavailable('down');
    try {
      return await pool.connect();
    } catch (error) {
      // With every connection handed out, it was the wait for one of them that took too long.
      if (pool.totalCount >= (pool.options.max ?? 0) && this.isUp) throw new DatabaseBusy(error);
      this.goDown();
      throw new DatabaseUnavailable(error);
    }
  }

  private rethrow(error: unknown): never {
    if (this.noteFailure(error)) throw new DatabaseUnavailable(error);
    if (sqlStateOf(error) === STATEMENT_TIMEOUT) throw new DatabaseBusy(error);
    throw error;
  }

  /** Whether the error means that the database is away; then probing begins. */
  private noteFailure(error: unknown): boolean {
    if (!isConnectionFailure(error)) return false;
    this.goDown();
    return true;
  }

  private goDown(): void {
    if (!this.isUp || this.stopped) return;
    this.isUp = false;
    this.log('The database cannot be reached; accepting and delivering pause until it is back.');
    this.changes.emit('change', false);
    void this.probe();
  }

  /**
   * A statement can outlive its client: the connection is gone here, and there it waits for a lock and commits later.
   * Before anything is concluded from what the database holds, ours have to be over.
   */
  private async endStragglers(client: pg.Client): Promise<void> {
    const ours = 'FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()';
    await client.query(`SELECT pg_terminate_backend(pid) ${ours}`, [this.name]);
    for (;;) {
      const { rows } = await client.query(`SELECT 1 ${ours}`, [this.name]);
      if (rows.length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private async probe(): Promise<void> {
    while (!this.stopped) {
      await new Promise((resolve) => setTimeout(resolve, PROBE_MS));
      const client = new pg.Client({ ...this.config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
      client.on('error', () => {});
      try {
        await client.connect();
        await this.endStragglers(client);
        this.isRecovering = true;
        await this.recover();
        this.isUp = true;
        this.upSinceMs = Date.now();
        this.log('The database is back.');
        this.changes.emit('change', true);
        return;
      } catch {
        // Still away: probe again.
      } finally {
        this.isRecovering = false;
        client.end().catch(() => {});
      }
    }
  }
}

function isConnectionFailure(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  if (!(error instanceof Error)) return false;
  if (!(error instanceof pg.DatabaseError)) return !(error instanceof TypeError || error instanceof RangeError);
  // 08: connection exceptions; 57P: shutdown, crash, cannot connect now; 53300: too many connections.
  return /^(08|57P|53300)/.test(error.code ?? '');
}
