import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { CellConfig } from './cells/cells.ts';
import { FIRST } from './domain/first-cell.ts';
import { isTimeZone, minuteOf, type QuietHours } from './domain/quiet-hours.ts';
import { type Network, parseNetwork } from './egress/address.ts';
import type { ForwardProxy } from './egress/proxy.ts';
import type { OpenIdConfig, RoleRule } from './manage/open-id-connect.ts';
import type { OperatorAddresses } from './manage/operator-notices.ts';
import { readSources, type SourceConfig, SourcesError } from './sources/source-config.ts';
import { CONNECTIONS_DEFAULT, CONNECTIONS_MAX, CONNECTIONS_MIN } from './storage/connections.ts';
import { splitUrl } from './storage/servers.ts';

const LOGGED_ATTEMPTS = ['all', 'failed', 'none'] as const;
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export interface Config {
  host: string;
  port: number;
  dataFolder: string;
  /** PostgreSQL to use; the embedded one when undefined. */
  databaseUrl: string | undefined;
  /** Further databases, each with accounts of its own. */
  cells: CellConfig[];
  /** Names of the cells that this node delivers for, `first` among them; undefined: for all. */
  cellsDelivered: readonly string[] | undefined;
  /** Nodes that this server runs, each a process of its own. */
  processes: number;
  /** Connections that each node may open to the database. */
  databaseConnections: number;
  operatorKey: string | undefined;
  /** The current master key first, older ones behind it. */
  masterKeys: Buffer[];
  allowNetworks: Network[];
  /** Folders with contracts of one's own, besides the built-in ones. */
  contractFolders: string[];
  /** Where the operator hears of failing endpoints. */
  operatorWebhook: { url: string; secret: string | undefined } | undefined;
  /** Where people of the operator are told, besides. */
  operatorNotices: OperatorAddresses | undefined;
  /** PEM text of further certificate authorities that deliveries trust. */
  extraCa: string | undefined;
  /** Whether endpoints may say themselves who signs their receivers' certificates. */
  allowOwnCa: boolean;
  /** Where operators sign in, besides with keys. */
  openId: OpenIdConfig | undefined;
  proxy: ForwardProxy | undefined;
  /** Addresses and networks that requests come from, as the page tells them to receivers. */
  sourceAddresses: string[];
  /** Requests in flight at a time, and how many of them to endpoints that are not known to answer well. */
  requestsMax: number;
  unprovenRequestsMax: number;
  /** Where people reach the page, when that is not the address it listens on. */
  publicUrl: string | undefined;
  /** Networks of proxies that say for whom they ask; `loopback`, `linklocal` and `uniquelocal` are names for some. */
  trustedProxies: string[];
  /** Origins whose pages may embed the Developers page. */
  embedOrigins: string[];
  logLevel: (typeof LOG_LEVELS)[number];
  /** Which attempts stand in the log, a line each. */
  logAttempts: (typeof LOGGED_ATTEMPTS)[number];
  /** Whether there is a collector of traces: OpenTelemetry's own variables say where. */
  isTracing: boolean;
  /** Whose server sends e-mails, and who they come from. */
  smtp: { url: string; from: string } | undefined;
  /** Brokers and tables that events are read from. */
  sources: SourceConfig[];
}

/** A wrong setting. The message is one line that names the variable, the value and what is right. */
export class ConfigError extends Error {
  constructor(name: string, reason: string) {
    super(`${name}: ${reason}`);
    this.name = 'ConfigError';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

const NAMES = [
  'POSTHORN_HOST',
  'POSTHORN_PORT',
  'POSTHORN_DATA_DIR',
  'POSTHORN_OPERATOR_KEY',
  'POSTHORN_MASTER_KEY',
  'POSTHORN_ALLOW_NETWORKS',
  'POSTHORN_CONTRACTS',
  'POSTHORN_DATABASE_CONNECTIONS',
  'POSTHORN_CELLS',
  'POSTHORN_CELLS_DELIVERED',
  'POSTHORN_OPERATOR_WEBHOOK_URL',
  'POSTHORN_OPERATOR_WEBHOOK_SECRET',
  'POSTHORN_OPERATOR_EMAIL',
  'POSTHORN_OPERATOR_CHAT_URL',
  'POSTHORN_OPERATOR_QUIET',
  'POSTHORN_EXTRA_CA',
  'POSTHORN_ENDPOINT_CA',
  'POSTHORN_PROXY_URL',
  'POSTHORN_PROXY_RESOLVES',
  'POSTHORN_SOURCE_ADDRESSES',
  'POSTHORN_REQUESTS_MAX',
  'POSTHORN_UNPROVEN_REQUESTS_MAX',
  'POSTHORN_PUBLIC_URL',
  'POSTHORN_TRUSTED_PROXIES',
  'POSTHORN_EMBED_ORIGINS',
  'POSTHORN_LOG_LEVEL',
  'POSTHORN_LOG_ATTEMPTS',
  'POSTHORN_PROCESSES',
  'POSTHORN_SMTP_URL',
  'POSTHORN_SMTP_FROM',
  'POSTHORN_SOURCES',
  'POSTHORN_OIDC_ISSUER',
  'POSTHORN_OIDC_CLIENT_ID',
  'POSTHORN_OIDC_CLIENT_SECRET',
  'POSTHORN_OIDC_ROLES',
  'POSTHORN_OIDC_SCOPES',
];
/** What the command `posthorn` reads to find a server, in the same environment. */
const OF_THE_COMMAND = new Set(['POSTHORN_URL', 'POSTHORN_ACCOUNT', 'POSTHORN_IMPORT_TOKEN']);
/** PostgreSQL needs about as much of the machine as the nodes. */
const PROCESSES_DEFAULT = Math.min(8, Math.max(1, Math.floor(availableParallelism() / 2)));
const PROCESSES_MAX = 64;
const OPERATOR_KEY_LENGTH_MIN = 16;
const MASTER_KEY_BYTES = 32;
/** Where proxies stand, if nothing else is said. */
const PRIVATE_NETWORKS = ['loopback', 'linklocal', 'uniquelocal'];

/** Reads the settings. An empty variable counts as absent. @throws ConfigError */
export function readConfig(env: Environment): Config {
  const unknown = Object.keys(env).find(
    (name) => name.startsWith('POSTHORN_') && !NAMES.includes(name) && !OF_THE_COMMAND.has(name),
  );
  if (unknown !== undefined)
    throw new ConfigError(unknown, `there is no such setting; the settings are ${NAMES.join(', ')}`);
  const value = (name: string) => (env[name] === '' ? undefined : env[name]);
  const requestsMax = readNumber('POSTHORN_REQUESTS_MAX', value('POSTHORN_REQUESTS_MAX') ?? '1000', 10, 10_000);
  return {
    host: value('POSTHORN_HOST') ?? '127.0.0.1',
    port: readPort(value('POSTHORN_PORT') ?? '8400'),
    dataFolder: resolve(value('POSTHORN_DATA_DIR') ?? './data'),
    databaseUrl: readDatabaseUrl('DATABASE_URL', value('DATABASE_URL')),
    ...readCells(value('POSTHORN_CELLS'), value('POSTHORN_CELLS_DELIVERED')),
    processes: readNumber(
      'POSTHORN_PROCESSES',
      value('POSTHORN_PROCESSES') ?? String(PROCESSES_DEFAULT),
      1,
      PROCESSES_MAX,
    ),
    databaseConnections: readNumber(
      'POSTHORN_DATABASE_CONNECTIONS',
      value('POSTHORN_DATABASE_CONNECTIONS') ?? String(CONNECTIONS_DEFAULT),
      CONNECTIONS_MIN,
      CONNECTIONS_MAX,
    ),
    operatorKey: readOperatorKey(value('POSTHORN_OPERATOR_KEY')),
    masterKeys: list(value('POSTHORN_MASTER_KEY')).map(readMasterKey),
    allowNetworks: list(value('POSTHORN_ALLOW_NETWORKS')).map((text) => readNetwork('POSTHORN_ALLOW_NETWORKS', text)),
    contractFolders: list(value('POSTHORN_CONTRACTS')).map((folder) => resolve(folder)),
    operatorNotices: readOperatorNotices(value),
    operatorWebhook: readOperatorWebhook(
      value('POSTHORN_OPERATOR_WEBHOOK_URL'),
      value('POSTHORN_OPERATOR_WEBHOOK_SECRET'),
    ),
    extraCa: readExtraCa(value('POSTHORN_EXTRA_CA')),
    allowOwnCa: readSwitch('POSTHORN_ENDPOINT_CA', value('POSTHORN_ENDPOINT_CA')),
    openId: readOpenId(value),
    proxy: readProxyUrl(
      value('POSTHORN_PROXY_URL'),
      readSwitch('POSTHORN_PROXY_RESOLVES', value('POSTHORN_PROXY_RESOLVES')),
    ),
    sourceAddresses: list(value('POSTHORN_SOURCE_ADDRESSES')).map(readSourceAddress),
    requestsMax,
    unprovenRequestsMax: readNumber(
      'POSTHORN_UNPROVEN_REQUESTS_MAX',
      value('POSTHORN_UNPROVEN_REQUESTS_MAX') ?? String(Math.ceil(requestsMax / 2)),
      1,
      requestsMax,
    ),
    publicUrl: readOrigin('POSTHORN_PUBLIC_URL', value('POSTHORN_PUBLIC_URL')),
    trustedProxies: list(value('POSTHORN_TRUSTED_PROXIES') ?? PRIVATE_NETWORKS.join(',')).flatMap(readProxy),
    embedOrigins: list(value('POSTHORN_EMBED_ORIGINS')).flatMap(
      (text) => readOrigin('POSTHORN_EMBED_ORIGINS', text) ?? [],
    ),
    logLevel: oneOf('POSTHORN_LOG_LEVEL', value('POSTHORN_LOG_LEVEL') ?? 'info', LOG_LEVELS, 'a level'),
    logAttempts: oneOf(
      'POSTHORN_LOG_ATTEMPTS',
      value('POSTHORN_LOG_ATTEMPTS') ?? 'failed',
      LOGGED_ATTEMPTS,
      'a choice',
    ),
    isTracing:
      value('OTEL_SDK_DISABLED') !== 'true' &&
      (value('OTEL_EXPORTER_OTLP_ENDPOINT') ?? value('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')) !== undefined,
    smtp: readSmtp(value('POSTHORN_SMTP_URL'), value('POSTHORN_SMTP_FROM')),
    sources: readSourcesFile(value('POSTHORN_SOURCES'), env),
  };
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function readSourcesFile(path: string | undefined, env: Environment): SourceConfig[] {
  if (path === undefined) return [];
  try {
    return readSources(path, env);
  } catch (error) {
    if (error instanceof SourcesError) throw new ConfigError('POSTHORN_SOURCES', error.message);
    throw error;
  }
}

function readSmtp(url: string | undefined, from: string | undefined): Config['smtp'] {
  if (url === undefined) return undefined;
  if (!/^smtps?:\/\//.test(url) || !URL.canParse(url)) {
    throw new ConfigError(
      'POSTHORN_SMTP_URL',
      'not an SMTP URL: write it as smtps://user:password@mail.example.com:465',
    );
  }
  if (from === undefined || !from.includes('@')) {
    throw new ConfigError('POSTHORN_SMTP_FROM', 'say who e-mails come from, as "Webhooks <webhooks@example.com>"');
  }
  return { url, from };
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65_535)
    throw new ConfigError('POSTHORN_PORT', `"${text}" is not a port: use a number from 0 (any free one) to 65535`);
  return port;
}

function readNumber(name: string, text: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (number < min || number > max) throw new ConfigError(name, `"${text}" is not a number from ${min} to ${max}`);
  return number;
}

function readDatabaseUrl(setting: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const urls = /^postgres(ql)?:\/\//.test(text) ? splitUrl(text) : undefined;
  if (!urls) {
    throw new ConfigError(
      setting,
      'not a PostgreSQL URL: write it as postgres://user:password@host:5432/database, or with several hosts as host1:5432,host2:5432',
    );
  }
  return text;
}

const CELL_NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** `eu2=postgres://… eu3=postgres://…`: a URL may have commas in it. */
function readCells(text: string | undefined, delivered: string | undefined): Pick<Config, 'cells' | 'cellsDelivered'> {
  const cells = (text ?? '')
    .split(/\s+/)
    .filter((part) => part !== '')
    .map((part): CellConfig => {
      const at = part.indexOf('=');
      const name = part.slice(0, at);
      if (!CELL_NAME.test(name) || name === FIRST)
        throw new ConfigError(
          'POSTHORN_CELLS',
          `write each as name=postgres://…, the name in small letters and digits, and not "${FIRST}"`,
        );
      return { name, url: readDatabaseUrl('POSTHORN_CELLS', part.slice(at + 1)) ?? '' };
    });
  const names = cells.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new ConfigError('POSTHORN_CELLS', `"${twice}" is there twice`);
  const wanted = list(delivered);
  const unknown = wanted.find((name) => name !== FIRST && !names.includes(name));
  if (unknown !== undefined)
    throw new ConfigError('POSTHORN_CELLS_DELIVERED', `"${unknown}" is none of ${[FIRST, ...names].join(', ')}`);
  return { cells, cellsDelivered: wanted.length === 0 ? undefined : wanted };
}

function readOperatorKey(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[\x21-\x7e]+$/.test(text)) {
    throw new ConfigError('POSTHORN_OPERATOR_KEY', 'use printable ASCII characters without spaces');
  }
  if (text !== undefined && text.length < OPERATOR_KEY_LENGTH_MIN) {
    throw new ConfigError(
      'POSTHORN_OPERATOR_KEY',
      `too short to be safe: use at least ${OPERATOR_KEY_LENGTH_MIN} characters`,
    );
  }
  return text;
}

function readMasterKey(text: string): Buffer {
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (bytes.length !== MASTER_KEY_BYTES) {
    throw new ConfigError(
      'POSTHORN_MASTER_KEY',
      'each key is 32 bytes, in base64 or hexadecimal (`openssl rand -base64 32` makes one)',
    );
  }
  return bytes;
}

function readNetwork(name: string, text: string): Network {
  try {
    return parseNetwork(text);
  } catch (error) {
    throw new ConfigError(name, error instanceof Error ? error.message : String(error));
  }
}

/** `none` is for a server that no proxy stands before. */
function readProxy(text: string): string[] {
  if (text === 'none') return [];
  if (!PRIVATE_NETWORKS.includes(text)) readNetwork('POSTHORN_TRUSTED_PROXIES', text);
  return [text];
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[], what: string): T {
  const found = known.find((one) => one === text);
  if (!found) throw new ConfigError(name, `"${text}" is not ${what}: use one of ${known.join(', ')}`);
  return found;
}

/** `22:00-07:00 Europe/Berlin` */
const QUIET = /^(\S+)-(\S+) (\S+)$/;

function readOperatorNotices(
  value: (name: (typeof NAMES)[number]) => string | undefined,
): OperatorAddresses | undefined {
  const email = value('POSTHORN_OPERATOR_EMAIL') ?? null;
  const chatUrl = value('POSTHORN_OPERATOR_CHAT_URL') ?? null;
  const quiet = value('POSTHORN_OPERATOR_QUIET');
  if (email === null && chatUrl === null) {
    if (quiet === undefined) return undefined;
    throw new ConfigError('POSTHORN_OPERATOR_QUIET', 'set POSTHORN_OPERATOR_EMAIL or POSTHORN_OPERATOR_CHAT_URL too');
  }
  if (email !== null && !email.includes('@')) throw new ConfigError('POSTHORN_OPERATOR_EMAIL', 'is no e-mail address');
  if (email !== null && value('POSTHORN_SMTP_URL') === undefined)
    throw new ConfigError('POSTHORN_OPERATOR_EMAIL', 'set POSTHORN_SMTP_URL too: no e-mail can be sent without it');
  if (chatUrl !== null && !URL.canParse(chatUrl))
    throw new ConfigError('POSTHORN_OPERATOR_CHAT_URL', 'use an absolute https URL');
  return { email, chatUrl, quiet: quiet === undefined ? null : readQuiet(quiet) };
}

function readQuiet(text: string): QuietHours {
  const [, from = '', to = '', timeZone = ''] = QUIET.exec(text) ?? [];
  const [fromMinute, toMinute] = [minuteOf(from), minuteOf(to)];
  if (fromMinute === undefined || toMinute === undefined || fromMinute === toMinute || !isTimeZone(timeZone))
    throw new ConfigError('POSTHORN_OPERATOR_QUIET', 'write it as "22:00-07:00 Europe/Berlin"');
  return { fromMinute, toMinute, timeZone };
}

function readOperatorWebhook(url: string | undefined, secret: string | undefined): Config['operatorWebhook'] {
  if (url === undefined && secret !== undefined) {
    throw new ConfigError('POSTHORN_OPERATOR_WEBHOOK_SECRET', 'set POSTHORN_OPERATOR_WEBHOOK_URL too');
  }
  if (url === undefined) return undefined;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new ConfigError('POSTHORN_OPERATOR_WEBHOOK_URL', 'use an absolute http or https URL');
  }
  return { url, secret };
}

const OPENID_SCOPES = 'openid profile email';
/** Who signs in opens the console: for a product's server there are keys. */
const OPENID_ROLES = ['viewer', 'support', 'admin'] as const;

function readOpenId(value: (name: string) => string | undefined): OpenIdConfig | undefined {
  const issuer = value('POSTHORN_OIDC_ISSUER');
  const clientId = value('POSTHORN_OIDC_CLIENT_ID');
  const roles = list(value('POSTHORN_OIDC_ROLES')).map(readRoleRule);
  const others = [
    'POSTHORN_OIDC_CLIENT_ID',
    'POSTHORN_OIDC_CLIENT_SECRET',
    'POSTHORN_OIDC_ROLES',
    'POSTHORN_OIDC_SCOPES',
  ];
  if (issuer === undefined) {
    const lonely = others.find((name) => value(name) !== undefined);
    if (lonely !== undefined) throw new ConfigError(lonely, 'set POSTHORN_OIDC_ISSUER too');
    return undefined;
  }
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  const isLocal = url?.protocol === 'http:' && /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (!url || (url.protocol !== 'https:' && !isLocal))
    throw new ConfigError('POSTHORN_OIDC_ISSUER', 'use the https URL of the issuer, as https://login.example.com');
  if (clientId === undefined) throw new ConfigError('POSTHORN_OIDC_CLIENT_ID', 'is needed with POSTHORN_OIDC_ISSUER');
  if (roles.length === 0)
    throw new ConfigError(
      'POSTHORN_OIDC_ROLES',
      'say who may what, as groups=ops:admin,groups=support:support,*:viewer',
    );
  return {
    issuer: url,
    clientId,
    clientSecret: value('POSTHORN_OIDC_CLIENT_SECRET'),
    scopes: value('POSTHORN_OIDC_SCOPES') ?? OPENID_SCOPES,
    roles,
  };
}

function readRoleRule(text: string): RoleRule {
  const [, claim, value = '', role = ''] = /^(?:([^=]+)=(.+)|\*):([a-z]+)$/.exec(text) ?? [];
  const known = OPENID_ROLES.find((one) => one === role);
  if (!known)
    throw new ConfigError(
      'POSTHORN_OIDC_ROLES',
      `"${text}" is neither claim=value:role nor *:role; roles are ${OPENID_ROLES.join(', ')}`,
    );
  return { claim, value, role: known };
}

function readSwitch(name: string, text: string | undefined): boolean {
  if (text === undefined || text === 'off') return false;
  if (text === 'on') return true;
  throw new ConfigError(name, `"${text}" is neither on nor off`);
}

function readProxyUrl(text: string | undefined, resolves: boolean): Config['proxy'] {
  if (text === undefined) {
    if (resolves) throw new ConfigError('POSTHORN_PROXY_RESOLVES', 'set POSTHORN_PROXY_URL too');
    return undefined;
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && !isDecodable(url)) throw new ConfigError('POSTHORN_PROXY_URL', 'write a % in the name or password as %25');
  if (url && url.username === '' && url.password !== '')
    throw new ConfigError('POSTHORN_PROXY_URL', 'has a password, and no name before it');
  const isProxy = url && /^(?:https?|socks5):$/.test(url.protocol) && url.hostname !== '' && /^\/?$/.test(url.pathname);
  if (!isProxy)
    throw new ConfigError('POSTHORN_PROXY_URL', 'use http://host:port, https://host:port or socks5://host:port');
  return { url, resolves };
}

function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

/** As it is shown: an address, or a network. */
function readSourceAddress(text: string): string {
  readNetwork('POSTHORN_SOURCE_ADDRESSES', text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`);
  return text;
}

function readExtraCa(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    const pem = readFileSync(file, 'utf8');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  } catch (error) {
    throw new ConfigError('POSTHORN_EXTRA_CA', `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  throw new ConfigError('POSTHORN_EXTRA_CA', `${file} holds no certificate in PEM form`);
}

function readOrigin(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new ConfigError(name, `"${text}" is not an origin: write it as https://example.com`);
  }
  return url.origin;
}
