import { X509Certificate } from 'node:crypto';
import { promises as dns } from 'node:dns';
import { existsSync } from 'node:fs';
import { connect } from 'node:tls';
import { Posthorn, PosthornError } from '@posthorn/sdk';
import { type Config, readConfig } from '@posthorn/server/dist/config.js';
import { loadContracts } from '@posthorn/server/dist/contract/load.js';
import { prepareDataFolder } from '@posthorn/server/dist/data-folder.js';
import { CONTRACTS_FOLDER } from '@posthorn/server/dist/folders.js';
import { runningEmbedded } from '@posthorn/server/dist/storage/embedded.js';
import { readMigrations } from '@posthorn/server/dist/storage/migrate.js';
import { checkDatabase } from '@posthorn/server/dist/storage/requirements.js';
import { PrimaryClient } from '@posthorn/server/dist/storage/servers.js';
import type pg from 'pg';
import { coloured, legible, type Print } from './output.js';

export interface Finding {
  what: string;
  state: 'well' | 'warning' | 'wrong';
  detail: string;
  /** What to do. */
  mend?: string;
}

const CLOCK_OFF_MAX_MS = 1_000;
const CERTIFICATE_DAYS_MIN = 14;
const DAY_MS = 86_400_000;
const ANSWER_WITHIN_MS = 5_000;
/** Resolved and connected to, to see whether deliveries get out. Nothing is sent. */
const SOMEWHERE = 'example.com';

type Environment = Readonly<Record<string, string | undefined>>;

/** Looks at the configuration, the database, the clock, the way out and certificates. */
export async function examine(
  environment: Environment,
  session: { url: string; key: string | undefined },
): Promise<Finding[]> {
  const findings: Finding[] = [nodeVersion()];
  const config = await look(
    'configuration',
    () => readConfig(environment),
    () => 'can be read',
    findings,
  );
  if (!config) return findings;
  await look(
    'data folder',
    // A look makes no folder, in whatever place and as whoever this runs.
    () => existsSync(config.dataFolder) && prepareDataFolder(config.dataFolder),
    (isThere) =>
      isThere === false ? `${config.dataFolder} is made at the first start` : `${config.dataFolder} can be written`,
    findings,
  );
  await look(
    'contracts',
    () => loadContracts(CONTRACTS_FOLDER, config.contractFolders),
    (contracts) => [...contracts.keys()].join(', '),
    findings,
  );
  findings.push(...(await database(config)));
  findings.push(...(await server(session)));
  findings.push(...(await wayOut()), ...authorities(config));
  if (config.publicUrl?.startsWith('https:')) findings.push(await certificateOf(config.publicUrl));
  return findings;
}

export function printFindings(findings: readonly Finding[], print: Print): void {
  const signs = { well: coloured('✓', 'green'), warning: coloured('!', 'yellow'), wrong: coloured('✗', 'red') };
  for (const { what, state, detail, mend } of findings) {
    print(`${signs[state]} ${what}: ${legible(detail)}`);
    if (mend !== undefined) print(`  ${coloured('→', 'dim')} ${legible(mend)}`);
  }
}

async function look<T>(
  what: string,
  work: () => T,
  inWords: (result: T) => string,
  findings: Finding[],
): Promise<T | undefined> {
  try {
    const result = work();
    findings.push({ what, state: 'well', detail: inWords(result) });
    return result;
  } catch (error) {
    findings.push({ what, state: 'wrong', detail: (error as Error).message });
    return undefined;
  }
}

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNewEnough = major > 20 || (major === 20 && minor >= 19);
  const detail = process.versions.node;
  return isNewEnough
    ? { what: 'Node.js', state: 'well', detail }
    : { what: 'Node.js', state: 'wrong', detail, mend: 'Use 20.19 or newer.' };
}

async function database({ databaseUrl, dataFolder, databaseConnections }: Config): Promise<Finding[]> {
  const what = 'database';
  const connection = databaseUrl === undefined ? runningEmbedded(dataFolder) : { connectionString: databaseUrl };
  if (!connection) {
    const detail = existsSync(dataFolder)
      ? `embedded in ${dataFolder}; no server runs on it`
      : 'embedded; made at the first start';
    return [{ what, state: 'well', detail }];
  }
  const notes: string[] = [];
  const client = new PrimaryClient({
    ...connection,
    connectionTimeoutMillis: ANSWER_WITHIN_MS,
    query_timeout: ANSWER_WITHIN_MS,
  });
  client.on('error', () => {});
  try {
    await checkDatabase(connection, databaseConnections, (note) => notes.push(note));
    await client.connect();
    const startedMs = Date.now();
    const { rows } = await client.query<{
      version: string;
      now: Date;
      fsync: string;
      commit: string;
      publish: string | null;
      can: boolean;
    }>(
      `SELECT current_setting('server_version') AS version, clock_timestamp() AS now, current_setting('fsync') AS fsync,
              current_setting('synchronous_commit') AS commit, to_regclass('migrations')::text AS publish,
              pg_is_in_recovery() AS can`,
    );
    const [row] = rows;
    if (!row) throw new Error('the database has not answered');
    const findings: Finding[] = [
      { what, state: 'well', detail: `PostgreSQL ${row.version}${databaseUrl === undefined ? ', embedded' : ''}` },
    ];
    for (const note of notes) findings.push({ what, state: 'warning', detail: note });
    if (row.can)
      findings.push({
        what,
        state: 'wrong',
        detail: 'this is a standby, and read-only',
        mend: 'Point DATABASE_URL at the primary.',
      });
    if (row.fsync !== 'on' || row.commit === 'off')
      findings.push({
        what: 'durability',
        state: 'warning',
        detail: `fsync is ${row.fsync}, synchronous_commit is ${row.commit}`,
        mend: 'Switch both on: otherwise a crash of the database loses events that were acknowledged.',
      });
    findings.push(await migrations(client), clock(row.now.getTime() - (startedMs + Date.now()) / 2));
    return findings;
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    return [
      {
        what,
        state: 'wrong',
        detail: message || String(code),
        mend: 'Is DATABASE_URL right, and can it be reached from here?',
      },
    ];
  } finally {
    await client.end().catch(() => {});
  }
}

async function migrations(client: pg.Client): Promise<Finding> {
  const what = 'migrations';
  const known = readMigrations();
  const newest = known.at(-1)?.version ?? 0;
  const isThere = await client.query<{ there: boolean }>("SELECT to_regclass('migrations') IS NOT NULL AS there");
  if (!isThere.rows[0]?.there)
    return { what, state: 'well', detail: 'an empty database; the first start makes the tables' };
  const { rows } = await client.query<{ version: number }>('SELECT version FROM migrations');
  const applied = new Set(rows.map(({ version }) => version));
  const missing = known.filter(({ version }) => !applied.has(version)).length;
  if ([...applied].some((version) => version > newest))
    return {
      what,
      state: 'wrong',
      detail: 'the database is of a newer version',
      mend: 'Use that version of Posthorn.',
    };
  if (missing === 0) return { what, state: 'well', detail: 'the database is at this version' };
  return {
    what,
    state: 'warning',
    detail: `${missing} are missing`,
    mend: 'Start the server, or run `posthorn migrate`.',
  };
}

function clock(offMs: number): Finding {
  const off = `${Math.round(Math.abs(offMs))} ms ${offMs > 0 ? 'behind' : 'ahead of'} that of the database`;
  return Math.abs(offMs) <= CLOCK_OFF_MAX_MS
    ? { what: 'clock', state: 'well', detail: `this machine's is ${off}` }
    : {
        what: 'clock',
        state: 'warning',
        detail: `this machine's is ${off}`,
        mend: 'Keep both by NTP: receivers refuse signatures of a wrong time.',
      };
}

async function server({ url, key }: { url: string; key: string | undefined }): Promise<Finding[]> {
  const what = 'server';
  try {
    const answer = await fetch(`${url.replace(/\/+$/, '')}/readyz`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    const {
      status,
      reason,
      warnings = [],
    } = (await answer.json()) as { status: string; reason?: string; warnings?: string[] };
    const findings: Finding[] = [
      answer.ok
        ? { what, state: 'well', detail: `${url} is ${status}` }
        : { what, state: 'wrong', detail: `${url} is ${status}: ${reason}` },
    ];
    for (const warning of warnings) findings.push({ what, state: 'warning', detail: warning });
    findings.push(await operatorKey(url, key));
    return findings;
  } catch (error) {
    const { cause, message } = error as Error;
    const why = (cause as NodeJS.ErrnoException | undefined)?.code ?? message;
    return [
      {
        what,
        state: 'warning',
        detail: `nothing answers at ${url} (${why})`,
        mend: 'Start it with `posthorn serve`, or name it with --url.',
      },
    ];
  }
}

async function operatorKey(url: string, key: string | undefined): Promise<Finding> {
  const what = 'operator key';
  const mend = 'Give it with --key or POSTHORN_OPERATOR_KEY; the first start has printed it.';
  if (key === undefined) return { what, state: 'warning', detail: 'not known here', mend };
  try {
    await new Posthorn({ url, key, retries: 0 }).accounts.list({ limit: 1 });
    return { what, state: 'well', detail: 'is accepted' };
  } catch (error) {
    const detail = error instanceof PosthornError ? `${error.code}: ${error.message}` : String(error);
    return { what, state: 'wrong', detail, mend };
  }
}

/** Whether a name can be resolved and a connection with TLS be made: as deliveries do. */
async function wayOut(): Promise<Finding[]> {
  try {
    await dns.lookup(SOMEWHERE);
  } catch (error) {
    const detail = `${SOMEWHERE} cannot be resolved (${(error as NodeJS.ErrnoException).code})`;
    return [
      { what: 'way out', state: 'warning', detail, mend: 'Deliveries need DNS, and connections to ports 80 and 443.' },
    ];
  }
  try {
    const { distrust } = await peerOf(SOMEWHERE, 443);
    if (distrust) throw new Error(distrust);
    return [{ what: 'way out', state: 'well', detail: `${SOMEWHERE} can be reached with TLS` }];
  } catch (error) {
    const detail = `no connection to ${SOMEWHERE}: ${(error as Error).message}`;
    return [
      { what: 'way out', state: 'warning', detail, mend: 'Let this machine open connections to ports 80 and 443.' },
    ];
  }
}

function authorities({ extraCa }: Config): Finding[] {
  if (extraCa === undefined) return [];
  const what = 'POSTHORN_EXTRA_CA';
  return extraCa
    .split(/(?<=-----END CERTIFICATE-----)/)
    .filter((pem) => pem.includes('BEGIN CERTIFICATE'))
    .map((pem) => {
      try {
        const { subject, validTo } = new X509Certificate(pem);
        const name = subject.split('\n').at(-1) ?? '';
        return expiry(what, name, Date.parse(validTo));
      } catch (error) {
        return { what, state: 'wrong' as const, detail: (error as Error).message };
      }
    });
}

async function certificateOf(url: string): Promise<Finding> {
  const { hostname, port } = new URL(url);
  const what = 'POSTHORN_PUBLIC_URL';
  try {
    const { certificate, distrust } = await peerOf(hostname, Number(port || 443));
    const found = expiry(what, hostname, Date.parse(certificate.validTo));
    if (distrust && found.state !== 'wrong') throw new Error(distrust);
    return found;
  } catch (error) {
    return {
      what,
      state: 'warning',
      detail: `${url}: ${(error as Error).message}`,
      mend: 'People open the page there: is its certificate valid?',
    };
  }
}

function expiry(what: string, name: string, untilMs: number): Finding {
  const days = Math.floor((untilMs - Date.now()) / DAY_MS);
  if (days < 0) return { what, state: 'wrong', detail: `the certificate of ${name} has expired`, mend: 'Renew it.' };
  const detail = `the certificate of ${name} is valid for ${days} days`;
  return days < CERTIFICATE_DAYS_MIN
    ? { what, state: 'warning', detail, mend: 'Renew it.' }
    : { what, state: 'well', detail };
}

interface Peer {
  certificate: X509Certificate;
  /** Why it is not trusted; undefined: it is. */
  distrust: string | undefined;
}

/** A certificate that has expired is to be seen, too. */
function peerOf(host: string, port: number): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const options = { host, port, servername: host, timeout: ANSWER_WITHIN_MS, rejectUnauthorized: false };
    const socket = connect(options, () => {
      const certificate = socket.getPeerX509Certificate();
      socket.end();
      if (certificate)
        resolve({ certificate, distrust: socket.authorized ? undefined : String(socket.authorizationError) });
      else reject(new Error('it has shown no certificate'));
    });
    socket.on('timeout', () => socket.destroy(new Error('it does not answer')));
    socket.on('error', reject);
  });
}
