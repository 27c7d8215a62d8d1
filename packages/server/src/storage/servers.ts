import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';

/** How long a server may take to say what it is. One that is away must not hold up the others. */
const ASK_TIMEOUT_MS = 2_000;
/** When one has said that it takes writes, how long the others may still say that they do so with a newer history. */
const OTHERS_WAIT_MS = 2_000;

const URL_PARTS = /^(postgres(?:ql)?:\/\/)(?:([^@/?]*)@)?([^/?]+)(\/[^?]*)?(?:\?(.*))?$/;

/**
 * The URLs of each server that a connection string names, as libpq reads it: hosts with commas between them. Undefined: it is
 * none. `target_session_attrs` is dropped: whatever it says, only the server that takes writes is of use.
 */
export function splitUrl(text: string): string[] | undefined {
  const [, scheme, user, hosts, path = '', query = ''] = URL_PARTS.exec(text) ?? [];
  if (scheme === undefined || hosts === undefined) return URL.canParse(text) ? [text] : undefined;
  const rest = query.split('&').filter((part) => part !== '' && !part.startsWith('target_session_attrs='));
  const tail = `${path}${rest.length > 0 ? `?${rest.join('&')}` : ''}`;
  const urls = hosts.split(',').map((host) => `${scheme}${user === undefined ? '' : `${user}@`}${host}${tail}`);
  return urls.every((url) => URL.canParse(url)) ? urls : undefined;
}

/** What a server that takes writes says of its history. */
interface History {
  /** Of the cluster, from its initdb on; empty where this role may not know it. */
  system: string;
  /** Rises with every failover: the one with the highest is the primary, whatever the others think of themselves. */
  timeline: number;
}

interface Answer extends History {
  server: number;
}

/** The newest history that was ever seen of a cluster, in a file each: a process that starts believes no older one, either. */
class SeenTimelines {
  constructor(private readonly folder: string) {}

  pathOf(system: string): string {
    return join(this.folder, `timeline-${system}`);
  }

  newest(system: string): number {
    try {
      return Number(readFileSync(this.pathOf(system), 'utf8')) || 0;
    } catch {
      return 0;
    }
  }

  note({ system, timeline }: History): void {
    if (timeline <= this.newest(system)) return;
    mkdirSync(this.folder, { recursive: true });
    const fresh = `${this.pathOf(system)}.${process.pid}`;
    writeFileSync(fresh, `${timeline}\n`);
    renameSync(fresh, this.pathOf(system));
  }
}

/**
 * The servers behind DATABASE_URL, of which one takes writes: the primary of a cluster that fails over, and its standbys. All
 * connections of a process go to the one that was found last.
 */
class Servers {
  private current = 0;
  private timeline = 0;
  private finding: Promise<boolean> | undefined;
  private seen: SeenTimelines | undefined;
  /** Why the one that takes writes is not believed; undefined where it is. */
  stale: string | undefined;

  constructor(private readonly urls: readonly string[]) {}

  get areSeveral(): boolean {
    return this.urls.length > 1;
  }

  get url(): string {
    return this.urls[this.current] ?? '';
  }

  /** What is seen is kept in this folder, and what was seen before counts. */
  rememberIn(folder: string): void {
    this.seen = new SeenTimelines(folder);
  }

  /** Asks all at the same time which one takes writes. @returns whether it is another one than before */
  find(): Promise<boolean> {
    if (!this.areSeveral) return Promise.resolve(false);
    this.finding ??= this.ask().finally(() => {
      this.finding = undefined;
    });
    return this.finding;
  }

  private async ask(): Promise<boolean> {
    const answers: Answer[] = [];
    const asked = this.urls.map(async (url, server) => {
      const history = await historyOf(url).catch(() => undefined);
      if (history) answers.push({ server, ...history });
      else throw new Error('takes no writes');
    });
    await Promise.any(asked).catch(() => {});
    await Promise.race([Promise.allSettled(asked), setTimeout(OTHERS_WAIT_MS)]);
    const newest = answers.reduce<Answer | undefined>((a, b) => (a && a.timeline >= b.timeline ? a : b), undefined);
    this.stale = newest && this.doubtOf(newest);
    if (!newest || this.stale !== undefined) return false;
    const isOther = newest.server !== this.current;
    this.current = newest.server;
    this.timeline = newest.timeline;
    try {
      this.seen?.note(newest);
    } catch {
      // A folder that cannot be written holds up no failover: this process knows it all the same.
    }
    return isOther;
  }

  /** A primary that has not noticed that another one was chosen goes on with an older history: what it takes is lost. */
  private doubtOf({ server, system, timeline }: Answer): string | undefined {
    const wasSeen = this.seen?.newest(system) ?? 0;
    if (timeline >= Math.max(this.timeline, wasSeen)) return undefined;
    const { host } = new URL(this.urls[server] ?? '');
    const forget = wasSeen > timeline ? `delete ${this.seen?.pathOf(system)} and ` : '';
    return `${host} takes writes, but its history is older than that of the server before: it is not used. If it is meant to go on from there, ${forget}start this server again.`;
  }
}

/** @returns undefined for a server that takes no writes */
async function historyOf(url: string): Promise<History | undefined> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'posthorn finder',
    connectionTimeoutMillis: ASK_TIMEOUT_MS,
    query_timeout: ASK_TIMEOUT_MS,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ timeline: string | null }>(
      `SELECT CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only')::bool THEN NULL
                   ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline`,
    );
    const timeline = rows[0]?.timeline;
    if (timeline == null) return undefined;
    const { rows: systems } = await client
      .query<{ system: string }>('SELECT system_identifier::text AS system FROM pg_control_system()')
      .catch(() => ({ rows: [] }));
    return { system: systems[0]?.system ?? '', timeline: Number.parseInt(timeline, 16) };
  } finally {
    client.end().catch(() => {});
  }
}

/** Of this process, by connection string. */
const known = new Map<string, Servers>();

/** The servers of a configuration; what is found out of them holds for the whole process. */
export function serversOf({ connectionString = '' }: pg.ClientConfig): Servers {
  const servers = known.get(connectionString) ?? new Servers(splitUrl(connectionString) ?? [connectionString]);
  known.set(connectionString, servers);
  return servers;
}

/** The same configuration, for the one server that takes writes. */
export function toPrimary<T extends pg.ClientConfig>(config: T): T {
  if (config.connectionString === undefined) return config;
  return { ...config, connectionString: serversOf(config).url };
}

/** For a pool: each new connection goes where the primary is by then. */
export class PrimaryClient extends pg.Client {
  /** Where it leads. */
  readonly url: string | undefined;

  constructor(config: pg.ClientConfig = {}) {
    const primary = toPrimary(config);
    super(primary);
    this.url = primary.connectionString;
  }
}
