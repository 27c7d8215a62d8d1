import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import {
  canReach,
  findBinaries,
  type PostgresBinaries,
  type SystemUser,
  unprivilegedUser,
} from './embedded-binaries.ts';
import { RestartBackoff } from './restart-backoff.ts';

const run = promisify(execFile);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const USER = 'posthorn';
const DATABASE = 'postgres';
const UNIX_PORT = 5432;
/** sun_path holds 104 bytes on macOS and 108 on Linux, a closing zero included. */
const SOCKET_PATH_BYTES_MAX = 103;
const LOG_BYTES_MAX = 10 * 1024 * 1024;
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** A killed server's connection, and with it its lock, goes when PostgreSQL notices. */
const OWNER_TIMEOUT_MS = 5_000;
/** The advisory lock of the server that owns this data folder (any constant will do). */
const OWNER_LOCK = 7_120_016;
/** Asks for read access through closed folders, nothing else, for a database user that root's own folder shuts out. */
const REACH_CAPABILITY = '+dac_read_search';

const SETTINGS: Record<string, string> = {
  max_connections: '60',
  shared_buffers: '256MB',
  // One machine, no replicas: the least that crash safety needs in the log. fsync and synchronous_commit stay on.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  checkpoint_completion_target: '0.9',
  wal_buffers: '16MB',
  autovacuum_naptime: '10s',
  random_page_cost: '1.1',
  jit: 'off',
  io_method: 'sync',
  dynamic_shared_memory_type: process.platform === 'win32' ? 'windows' : 'posix',
  log_min_messages: 'warning',
  log_min_error_statement: 'panic',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** How to connect to the embedded database that a running server has started; undefined when none runs. */
export function runningEmbedded(folder: string): pg.ClientConfig | undefined {
  try {
    const lines = readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
    const password = readFileSync(join(folder, 'postgres-password'), 'utf8');
    return { host: lines[4] || '127.0.0.1', port: Number(lines[3]), user: USER, database: DATABASE, password };
  } catch {
    return undefined;
  }
}

/** Another Posthorn server runs on this data folder. */
export class DataFolderInUse extends Error {
  constructor(folder: string, owner: string) {
    super(
      `The data folder ${folder} is in use by ${owner}. Stop that server, or set POSTHORN_DATA_DIR to another folder.`,
    );
    this.name = 'DataFolderInUse';
  }
}

/**
 * PostgreSQL as a child process, in a folder of its own.
 *
 * stopped --start()--> running --(killed)--> restarting --> running; stop() leads back to stopped from anywhere.
 * A PostgreSQL that outlived its killed server is adopted. Who owns the folder is decided by an advisory lock in the
 * database itself: it cannot outlive its server, and no file can be left behind stale.
 */
export class EmbeddedPostgres {
  private readonly dataFolder: string;
  private readonly logFile: string;
  private readonly user: SystemUser | undefined = unprivilegedUser();
  private readonly binaries: PostgresBinaries = findBinaries(this.user);
  private readonly tcp = process.platform === 'win32';
  private socketFolder = '';
  private port = UNIX_PORT;
  private child: ChildProcess | undefined;
  private owner: pg.Client | undefined;
  private readonly backoff = new RestartBackoff();
  private stopping = false;

  constructor(
    private readonly folder: string,
    private readonly log: (message: string) => void,
    /** Instead of the settings that suit one server. */
    private readonly overrides: Readonly<Record<string, string>> = {},
  ) {
    this.dataFolder = join(folder, 'postgres');
    this.logFile = join(folder, 'postgres.log');
  }

  /** How to connect. Valid after start(), and stays so over restarts. */
  get connection(): pg.ClientConfig {
    return {
      host: this.tcp ? '127.0.0.1' : this.socketFolder,
      port: this.port,
      user: USER,
      database: DATABASE,
      password: this.password(),
    };
  }

  /** The same as a URL, for other processes. */
  get url(): string {
    const { host = '', password = '' } = this.connection;
    const url = new URL(`postgres://localhost:${this.port}/${DATABASE}`);
    url.username = USER;
    url.password = String(password);
    url.searchParams.set('host', host);
    return url.href;
  }

  /** @throws DataFolderInUse */
  async start(): Promise<void> {
    this.stopping = false;
    this.socketFolder = this.tcp ? '' : this.prepareSocketFolder();
    if (!existsSync(join(this.dataFolder, 'PG_VERSION'))) await this.initialise();
    await this.bringUp();
  }

  async stop(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    const owner = this.owner;
    this.owner = undefined;
    await owner?.end().catch(() => {});
    const pid = this.child?.pid ?? this.postmasterPid();
    if (pid === undefined || owner === undefined) return;
    signal(pid, 'SIGINT');
    for (let waited = 0; isAlive(pid) && this.postmasterPid() === pid; waited += 20) {
      if (waited === STOP_TIMEOUT_MS) signal(pid, 'SIGQUIT');
      await pause(20);
    }
  }

  private async initialise(): Promise<void> {
    this.log('Preparing the database (first start) …');
    const fresh = `${this.dataFolder}.new`;
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { mode: 0o700 });
    const passwordFile = join(this.folder, 'postgres-password');
    writeFileSync(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
    const passwordForInitdb = join(fresh, '..', 'postgres-password.initdb');
    writeFileSync(passwordForInitdb, this.password(), { mode: 0o600 });
    if (this.user) {
      chownSync(fresh, this.user.uid, this.user.gid);
      chownSync(passwordForInitdb, this.user.uid, this.user.gid);
    }
    const [command, args, options] = this.commandFor(this.binaries.initdb, [
      `--pgdata=${fresh}`,
      `--username=${USER}`,
      `--pwfile=${passwordForInitdb}`,
      '--auth-local=scram-sha-256',
      '--auth-host=scram-sha-256',
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
    ]);
    try {
      await run(command, args, options);
    } finally {
      rmSync(passwordForInitdb, { force: true });
    }
    renameSync(fresh, this.dataFolder);
  }

  private async bringUp(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    // One that does not start is tried less and less often; one that somebody else started is looked for.
    for (let wait = 50; ; wait = Math.min(wait * 2, this.child ? 5_000 : 1_000)) {
      // Whatever answers on the socket is running, also where its process cannot be seen from here.
      if (await this.own()) return;
      if (!this.isRunning()) await this.spawnPostgres();
      if (this.stopping) return;
      if (performance.now() > deadline)
        throw new Error(`PostgreSQL does not answer. The end of ${this.logFile}:\n${this.logTail()}`);
      await pause(this.child && this.child.exitCode === null ? 25 : wait);
    }
  }

  /** Connects and takes the owner's lock. False when PostgreSQL does not answer yet. @throws DataFolderInUse */
  private async own(): Promise<boolean> {
    this.readPort();
    const client = new pg.Client({
      ...this.connection,
      application_name: `posthorn owner ${process.pid}`,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
    });
    client.on('error', () => {});
    try {
      await client.connect();
    } catch {
      client.end().catch(() => {});
      return false;
    }
    for (let waited = 0; ; waited += 100) {
      const { rows } = await client
        .query<{ ok: boolean }>('SELECT pg_try_advisory_lock($1) AS ok', [OWNER_LOCK])
        .catch((error) => {
          // It may hold the lock by now: it must not live on beside the next try.
          client.end().catch(() => {});
          throw error;
        });
      if (rows[0]?.ok) break;
      if (waited >= OWNER_TIMEOUT_MS) {
        const holder = await this.holderOfLock(client);
        await client.end();
        throw new DataFolderInUse(this.folder, holder);
      }
      await pause(100);
    }
    client.on('end', () => {
      if (this.owner === client && !this.stopping) void this.recover();
    });
    this.owner = client;
    return true;
  }

  private async holderOfLock(client: pg.Client): Promise<string> {
    const { rows } = await client.query<{ name: string }>(
      `SELECT a.application_name AS name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
       WHERE l.locktype = 'advisory' AND l.objid = $1 AND l.granted`,
      [OWNER_LOCK],
    );
    return rows[0] ? `another server (process ${rows[0].name.replace(/\D/g, '')})` : 'another server';
  }

  private async recover(): Promise<void> {
    this.owner = undefined;
    while (!this.stopping) {
      // With a full disk it would end again and again.
      const waitMs = this.backoff.next(performance.now());
      this.log(`PostgreSQL has stopped unexpectedly; starting it again${waitMs > 0 ? ` in ${waitMs / 1000} s` : ''}.`);
      await pause(waitMs);
      try {
        await this.bringUp();
        return;
      } catch (error) {
        this.log(`PostgreSQL does not start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  private async spawnPostgres(): Promise<void> {
    this.rotateLog();
    if (this.tcp) this.port = await freePort();
    const settings: Record<string, string> = {
      ...SETTINGS,
      ...this.overrides,
      port: String(this.port),
      listen_addresses: this.tcp ? '127.0.0.1' : '',
      unix_socket_directories: this.socketFolder,
      unix_socket_permissions: '0700',
    };
    const [command, args, options] = this.commandFor(this.binaries.postgres, [
      '-D',
      this.dataFolder,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]);
    const logTo = openSync(this.logFile, 'a', 0o600);
    // A process group of its own: Ctrl-C reaches the server only, which drains before it stops the database.
    const child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', logTo, logTo] });
    closeSync(logTo);
    child.on('error', (error) => this.log(`PostgreSQL cannot be started: ${error.message}`));
    child.unref();
    this.child = child;
  }

  private isRunning(): boolean {
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) return true;
    const pid = this.postmasterPid();
    return pid !== undefined && isAlive(pid) && this.runsOurFolder(pid);
  }

  /** A process id may have been given to something else since; where the system tells, the command line decides. */
  private runsOurFolder(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(this.dataFolder);
    } catch {
      return process.platform !== 'linux';
    }
  }

  private postmasterPid(): number | undefined {
    const pid = Number(this.pidFileLine(0));
    return pid > 0 ? pid : undefined;
  }

  private readPort(): void {
    const port = Number(this.pidFileLine(3));
    if (port > 0) this.port = port;
  }

  private pidFileLine(line: number): string | undefined {
    try {
      return readFileSync(join(this.dataFolder, 'postmaster.pid'), 'utf8').split('\n')[line];
    } catch {
      return undefined;
    }
  }

  private password(): string {
    return readFileSync(join(this.folder, 'postgres-password'), 'utf8');
  }

  /** The command line, run as the unprivileged user where we are root. */
  private commandFor(binary: string, args: string[]): [string, string[], { uid?: number; gid?: number; cwd?: string }] {
    if (!this.user) return [binary, args, {}];
    const { uid, gid } = this.user;
    if (canReach(binary, this.user) && canReach(this.dataFolder, this.user))
      return [binary, args, { uid, gid, cwd: '/' }];
    if (spawnSync('setpriv', ['--version']).status !== 0) {
      throw new Error(
        `Started as root from folders that no other user may enter (${this.folder}), and PostgreSQL refuses to run as root: ` +
          'move the installation and POSTHORN_DATA_DIR to folders that others may enter, start as a plain user, or set DATABASE_URL.',
      );
    }
    const drop = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
    return [
      'setpriv',
      [...drop, `--inh-caps=${REACH_CAPABILITY}`, `--ambient-caps=${REACH_CAPABILITY}`, binary, ...args],
      { cwd: '/' },
    ];
  }

  private prepareSocketFolder(): string {
    const near = join(this.folder, 'postgres-socket');
    const path =
      Buffer.byteLength(`${near}/.s.PGSQL.${UNIX_PORT}.lock`) <= SOCKET_PATH_BYTES_MAX
        ? near
        : this.shortSocketFolder();
    if (!existsSync(path)) {
      mkdirSync(path, { mode: 0o700 });
      if (this.user) lchownSync(path, this.user.uid, this.user.gid);
    }
    // It may lie in a folder where others can prepare things for us.
    const owner = this.user?.uid ?? process.getuid?.() ?? 0;
    const stat = lstatSync(path);
    if (!stat.isDirectory() || stat.uid !== owner || (stat.mode & 0o077) !== 0) {
      throw new Error(`${path} must be a folder that only this server's user may enter: remove it and start again.`);
    }
    return path;
  }

  private shortSocketFolder(): string {
    return join(tmpdir(), `posthorn-${createHash('sha256').update(this.folder).digest('hex').slice(0, 12)}`);
  }

  private rotateLog(): void {
    if (existsSync(this.logFile) && statSync(this.logFile).size > LOG_BYTES_MAX) truncateSync(this.logFile);
  }

  private logTail(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8').slice(-2000) : '(no log)';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
