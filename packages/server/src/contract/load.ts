import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { compact } from '../domain/raw-json.ts';
import { type BodyRules, compileAdded, compileBody } from './body.ts';
import { Catalog, type CatalogRules, type Pair, type Topic, type Trigger } from './catalog.ts';
import type { Contract, Words } from './contract.ts';
import { ContractDocument } from './document.ts';
import { UnknownField } from './fields.ts';
import { compileHeaders } from './headers.ts';
import { BrokenSchema, Payloads } from './payloads.ts';
import { compilePolicy } from './policy.ts';
import { compileSignature, type SignatureRules } from './signatures.ts';

const isDocument = new Ajv2020({ strict: false, allErrors: true, discriminator: true }).compile<ContractDocument>(
  ContractDocument,
);
const SCHEMES = ['standard-webhooks', 'hmac', 'timestamped-hmac', 'none'];

/** A contract that cannot be used. The message names the file, the place in it and the reason. */
export class BrokenContract extends Error {
  constructor(file: string, reason: string) {
    super(`${file}: ${reason}`);
    this.name = 'BrokenContract';
  }
}

/**
 * Reads every folder in `root` that holds a `contract.json`, and `folders`: each is a contract, or holds contracts.
 * @throws BrokenContract
 */
export function loadContracts(root: string, folders: readonly string[] = []): Map<string, Contract> {
  const contracts = new Map<string, Contract>();
  for (const folder of [...contractFoldersIn(root), ...folders.flatMap(contractFolders)]) {
    const contract = loadContract(folder);
    if (contracts.has(contract.name)) {
      throw new BrokenContract(join(folder, 'contract.json'), `/name there is another contract "${contract.name}"`);
    }
    contracts.set(contract.name, contract);
  }
  return contracts;
}

function contractFoldersIn(root: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(root, name))
    .filter((folder) => existsSync(join(folder, 'contract.json')));
}

/** The folder itself, or the contracts in it. @throws BrokenContract */
export function contractFolders(folder: string): string[] {
  if (!existsSync(folder)) throw new BrokenContract(folder, 'there is no such folder');
  if (existsSync(join(folder, 'contract.json'))) return [folder];
  const found = contractFoldersIn(folder);
  if (found.length === 0) throw new BrokenContract(folder, 'holds no contract.json, nor folders that do');
  return found;
}

/**
 * Reads one contract's folder.
 * @param isNamedAlike whether the folder has the contract's name; a copy to compare with may have another
 * @throws BrokenContract
 */
export function loadContract(folder: string, isNamedAlike = true): Contract {
  const file = join(folder, 'contract.json');
  const document = readDocument(file);
  if (isNamedAlike && document.name !== basename(folder)) {
    throw new BrokenContract(file, `/name must be the folder's name, ${basename(folder)}`);
  }
  return compileContract(document, folder);
}

function readJson(file: string): { text: string; value: unknown } {
  try {
    const text = readFileSync(file, 'utf8');
    return { text, value: JSON.parse(text) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'the file is missing' : error instanceof Error ? error.message : String(error);
    throw new BrokenContract(file, reason);
  }
}

/** @throws BrokenContract */
export function readDocument(file: string): ContractDocument {
  const { value } = readJson(file);
  if (!isDocument(value)) throw new BrokenContract(file, explain(isDocument.errors ?? []));
  checkTogether(value, (path, reason) => {
    throw new BrokenContract(file, `${path} ${reason}`);
  });
  return value;
}

const MISTAKES_SHOWN = 10;

/** Every mistake, the deepest at each place: the others only say that no variant fits. */
function explain(errors: readonly ErrorObject[]): string {
  const byPlace = new Map<string, string>();
  for (const error of errors) {
    if (error.keyword === 'anyOf' || error.keyword === 'oneOf') continue;
    const isInside = errors.some((other) => other.instancePath.startsWith(`${error.instancePath}/`));
    if (isInside && ['const', 'type'].includes(error.keyword)) continue;
    const key = `${error.instancePath} ${'missingProperty' in error.params ? error.params.missingProperty : ''}${'additionalProperty' in error.params ? error.params.additionalProperty : ''}`;
    if (!byPlace.has(key)) byPlace.set(key, explainOne(error, errors));
  }
  const all = [...byPlace.values()];
  const more = all.length > MISTAKES_SHOWN ? [`and ${all.length - MISTAKES_SHOWN} more`] : [];
  return [...all.slice(0, MISTAKES_SHOWN), ...more].join('; ') || '/ has the wrong form';
}

function explainOne({ keyword, params, message, instancePath }: ErrorObject, all: readonly ErrorObject[]): string {
  const path = instancePath || '/';
  if (/_statuses\/\d+$/.test(path)) return `${path} must be a status as 404, or "3xx", "4xx" or "5xx"`;
  switch (keyword) {
    case 'required':
      return `${path} lacks ${params.missingProperty}`;
    case 'additionalProperties':
      return `${path} has ${params.additionalProperty}, which is not known here`;
    case 'enum':
      return `${path} must be one of ${(params.allowedValues as unknown[]).join(', ')}`;
    case 'const': {
      const values = all.filter((e) => e.instancePath === instancePath && 'allowedValue' in e.params);
      return `${path} must be ${values.map((e) => JSON.stringify(e.params.allowedValue)).join(', ')} or a list`;
    }
    case 'discriminator':
      return `${path}/${params.tag} must be one of ${SCHEMES.join(', ')}`;
    default:
      return path === '/name'
        ? '/name has small letters, digits and single - between them'
        : `${path} ${message ?? 'has the wrong form'}`;
  }
}

/** What the form alone does not say. */
function checkTogether(document: ContractDocument, fail: (path: string, reason: string) => never): void {
  const { triggers, topics = [], policy, versions, body } = document;
  if (triggers === 'topics' && topics.length === 0) fail('/topics', 'is empty, and "triggers" is "topics"');
  if ((policy.retry_delays_s === undefined) === (policy.backoff === undefined)) {
    fail('/policy', 'has either retry_delays_s or backoff');
  }
  if (policy.backoff && policy.backoff.attempts === undefined && policy.backoff.window_s === undefined) {
    fail('/policy/backoff', 'needs attempts, window_s or both');
  }
  if (versions && !versions.values.includes(versions.default)) fail('/versions/default', 'is not one of the values');
  const hasUnsent = Array.isArray(triggers) && triggers.some((t) => t.unsent !== undefined && t.unsent.length > 0);
  if (body.envelope !== undefined && hasUnsent)
    fail('/body/envelope', 'cannot stand with "unsent" members of a trigger');
  if (body.envelope !== undefined && (body.set || body.defaults)) {
    fail('/body', 'has either an envelope, or set and defaults');
  }
  const known = new Set(Array.isArray(triggers) ? triggers.map((t) => t.value) : topics.map((t) => t.value));
  const knownTopics = new Set(topics.map((t) => t.value));
  const checkTrigger = (trigger: string, path: string) => {
    if (!known.has(trigger)) fail(path, `names "${trigger}", which is not a trigger of this contract`);
  };
  noRepeats(topics, '/topics', fail);
  if (Array.isArray(triggers)) {
    noRepeats(triggers, '/triggers', fail);
    triggers.forEach(({ implies = [] }, i) => {
      implies.forEach(({ trigger }, k) => {
        checkTrigger(trigger, `/triggers/${i}/implies/${k}/trigger`);
      });
    });
  }
  document.groups?.forEach((group, i) => {
    group.triggers.forEach((trigger, k) => {
      checkTrigger(trigger, `/groups/${i}/triggers/${k}`);
    });
  });
  for (const list of ['pairs', 'empty_pairs'] as const) {
    document[list]?.forEach(({ topic, trigger }, i) => {
      if (!knownTopics.has(topic))
        fail(`/${list}/${i}/topic`, `names "${topic}", which is not a topic of this contract`);
      checkTrigger(trigger, `/${list}/${i}/trigger`);
    });
  }
  if (document.test_trigger !== undefined && triggers !== 'free') checkTrigger(document.test_trigger, '/test_trigger');
  if (!Array.isArray(triggers) || topics.length === 0) return;
  if (!document.pairs) {
    fail('/pairs', 'is missing: a contract with topics and triggers says which pairs yield a payload');
  }
  triggers.forEach(({ value }, i) => {
    const isUsed = document.pairs?.some((pair) => pair.trigger === value);
    if (!isUsed) fail(`/triggers/${i}`, `"${value}" stands in no pair: nothing would ever be sent`);
  });
}

function noRepeats(
  list: readonly { value: string }[],
  path: string,
  fail: (path: string, reason: string) => never,
): void {
  const seen = new Set<string>();
  list.forEach(({ value }, i) => {
    if (seen.has(value)) fail(`${path}/${i}/value`, `"${value}" stands there twice`);
    seen.add(value);
  });
}

function compileContract(document: ContractDocument, folder: string): Contract {
  const file = join(folder, 'contract.json');
  const schemas = readSchemas(folder);
  const catalog = new Catalog(catalogRules(document, schemas, file));
  const body: BodyRules = document.body;
  const signature = compileSignature(document.signature as SignatureRules);
  const names = headerNames(document);
  try {
    const payloads = new Payloads(catalog, schemas, readSamples(folder, catalog), compileAdded(body));
    const contract: Contract = {
      name: document.name,
      folder,
      title: document.title,
      description: document.description ?? '',
      words: { ...WORDS, ...document.words },
      catalog,
      payloads,
      payloadCheck: document.payload_check ?? 'off',
      policy: compilePolicy(document.policy),
      limits: {
        httpsOnly: document.limits?.https_only ?? false,
        endpointsPerAccount: document.limits?.endpoints_per_account ?? 100,
        subscriptionsPerEndpoint: document.limits?.subscriptions_per_endpoint ?? 100,
        payloadBytes: document.limits?.payload_bytes ?? 1024 * 1024,
        ownRateLimit: document.limits?.own_rate_limit ?? false,
      },
      scopes: document.scopes ?? [],
      versions: document.versions,
      testTrigger: document.test_trigger,
      newEndpoint: document.new_endpoint ?? 'active',
      keyPrefix: document.key_prefix ?? 'phk',
      signature,
      signatureRules: document.signature as SignatureRules,
      headerNames: names,
      defaultHeaders: DEFAULT_HEADERS.filter(([name]) => !names.has(name)),
      encodeBody: compileBody(body, (trigger) => catalog.unsent(trigger)),
      writeHeaders: compileHeaders(document.headers ?? {}, signature),
    };
    checkSamples(contract, folder);
    return contract;
  } catch (error) {
    if (error instanceof UnknownField) throw new BrokenContract(file, error.message);
    if (error instanceof BrokenSchema) throw new BrokenContract(join(folder, 'schemas', error.file), error.message);
    throw error;
  }
}

const DEFAULT_HEADERS: readonly [string, string][] = [
  ['content-type', 'application/json'],
  ['user-agent', 'Posthorn/1.0 (webhooks)'],
];

const WORDS: Words = {
  endpoint: 'Endpoint',
  url: 'URL',
  topic: 'Topic',
  trigger: 'Event',
  secret: 'Signing secret',
};

function headerNames(document: ContractDocument): Set<string> {
  const signed = 'header' in document.signature ? [document.signature.header] : [];
  return new Set([...Object.keys(document.headers ?? {}), ...signed].map((name) => name.toLowerCase()));
}

function catalogRules(document: ContractDocument, schemas: ReadonlyMap<string, object>, file: string): CatalogRules {
  const withSchema = (
    words: { value: string; label?: string; description?: string; schema?: string },
    path: string,
  ) => {
    const schema =
      words.schema ?? (schemas.has(`${fileNameOf(words.value)}.json`) ? `${fileNameOf(words.value)}.json` : undefined);
    if (schema !== undefined && !schemas.has(schema))
      throw new BrokenContract(file, `${path}/schema names "${schema}", which is not in schemas/`);
    return { label: words.value, description: '', ...words, ...(schema === undefined ? {} : { schema }) };
  };
  const topics: Topic[] = (document.topics ?? []).map((topic, i) => withSchema(topic, `/topics/${i}`));
  const triggers: Trigger[] | 'free' =
    document.triggers === 'free'
      ? 'free'
      : document.triggers === 'topics'
        ? topics
        : document.triggers.map((trigger, i) => withSchema(trigger, `/triggers/${i}`));
  return {
    topics,
    triggers,
    groups: document.groups ?? [],
    pairs: pairsOf(document, triggers),
    emptyPairs: document.empty_pairs ?? [],
    otherPairs: document.other_pairs ?? 'refused',
  };
}

function pairsOf(
  { triggers: rule, topics = [], pairs }: ContractDocument,
  triggers: readonly Trigger[] | 'free',
): Pair[] {
  if (triggers === 'free') return [];
  if (rule === 'topics') return topics.map(({ value }) => ({ topic: value, trigger: value }));
  return pairs ?? triggers.map(({ value }) => ({ topic: null, trigger: value }));
}

/** @throws BrokenContract */
export function readSchemas(folder: string): Map<string, object> {
  const schemas = join(folder, 'schemas');
  if (!existsSync(schemas)) return new Map();
  return new Map(
    readdirSync(schemas)
      .filter((file) => file.endsWith('.json'))
      .sort()
      .map((file) => {
        const { value } = readJson(join(schemas, file));
        if (typeof value !== 'object' || value === null)
          throw new BrokenContract(join(schemas, file), 'is not a JSON Schema');
        return [file, value];
      }),
  );
}

/** `/` cannot stand in a file's name. */
function fileNameOf(value: string): string {
  return value.replaceAll('/', '.');
}

/** Where the sample of a pair lies: `samples/<trigger>.json`, or `samples/<topic>/<trigger>.json` where they differ. */
export function sampleFile(folder: string, { topic, trigger }: Pair): string {
  const name = `${fileNameOf(trigger)}.json`;
  return topic === null || topic === trigger
    ? join(folder, 'samples', name)
    : join(folder, 'samples', fileNameOf(topic), name);
}

function readSamples(folder: string, catalog: Catalog): (Pair & { text: string })[] {
  const known = new Set(catalog.rules.pairs.map((pair) => sampleFile(folder, pair)));
  const samples = join(folder, 'samples');
  for (const entry of existsSync(samples) ? readdirSync(samples, { recursive: true, encoding: 'utf8' }) : []) {
    const file = join(samples, entry);
    if (file.endsWith('.json') && !known.has(file)) throw new BrokenContract(file, 'is the sample of no pair');
  }
  return catalog.rules.pairs.map((pair) => ({
    ...pair,
    text: compact(readJson(sampleFile(folder, pair)).text).trim(),
  }));
}

/** A sample that the contract itself would refuse is a mistake in one of the two. */
function checkSamples({ catalog, payloads }: Contract, folder: string): void {
  for (const pair of catalog.rules.pairs) {
    const text = payloads.sampleOf(pair)?.toString('utf8') ?? 'null';
    const event = {
      id: 'evt_sample',
      uuid: new Uint8Array(16),
      externalId: null,
      accountId: 'sample',
      trigger: pair.trigger,
      byTopic: false,
      test: true,
      payload: Buffer.from(text),
      createdAtMs: 0,
    };
    const facts = { event, topic: pair.topic, account: { id: 'sample', name: 'Sample', metadata: {} } };
    const [first] = payloads.misfits(facts, JSON.parse(text));
    if (first) {
      throw new BrokenContract(
        sampleFile(folder, pair),
        `${first.pointer || '/'} ${first.detail} (by schemas/${payloads.schemaOf(pair)})`,
      );
    }
  }
}
