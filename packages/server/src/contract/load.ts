import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compact } from '../domain/raw-json.ts';
import { type BodyRules, compileAdded, compileBody, computedDefaults, ruledMembers } from './body.ts';
import { Catalog, type CatalogRules, type Pair, type Topic, type Trigger } from './catalog.ts';
import type { Contract, Words } from './contract.ts';
import type { ContractDocument } from './document.ts';
import { UnknownField } from './fields.ts';
import { compileHeaders } from './headers.ts';
import { BrokenSchema, Payloads } from './payloads.ts';
import { compilePolicy } from './policy.ts';
import { BrokenContract, readDocument, readJson } from './read-document.ts';
import { compileSignature, type SignatureRules } from './signatures.ts';
import { compileWireCheck } from './wire.ts';

/**
 * Reads every folder in `root` that holds a `contract.json`, and `folders`: each is a contract, or holds contracts.
 * Those of `root` come with Posthorn and are proven by its tests; they are read as they are, which makes a start faster.
 * @throws BrokenContract
 */
export function loadContracts(root: string, folders: readonly string[] = []): Map<string, Contract> {
  const contracts = new Map<string, Contract>();
  const own = folders.flatMap(contractFolders);
  for (const folder of [...contractFoldersIn(root), ...own]) {
    const contract = loadContract(folder, { isProven: !own.includes(folder) });
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
 * @param isProven whether its form, its schemas and its samples are known to be right
 * @throws BrokenContract
 */
export function loadContract(folder: string, { isNamedAlike = true, isProven = false } = {}): Contract {
  const file = join(folder, 'contract.json');
  const document = isProven ? (readJson(file).value as ContractDocument) : readDocument(file);
  if (isNamedAlike && document.name !== basename(folder)) {
    throw new BrokenContract(file, `/name must be the folder's name, ${basename(folder)}`);
  }
  return compileContract(document, folder, isProven);
}

function compileContract(document: ContractDocument, folder: string, isProven: boolean): Contract {
  const file = join(folder, 'contract.json');
  const schemas = readSchemas(folder);
  const catalog = new Catalog(catalogRules(document, schemas, file));
  const body: BodyRules = document.body;
  const signature = compileSignature(document.signature as SignatureRules);
  const names = headerNames(document);
  try {
    const samples = readSamples(folder, catalog);
    const payloads = new Payloads(
      catalog,
      schemas,
      samples,
      compileAdded(body),
      computedDefaults(body),
      ruledMembers(body),
    );
    const contract: Contract = {
      name: document.name,
      folder,
      title: document.title,
      description: document.description ?? '',
      words: { ...WORDS, ...document.words },
      catalog,
      payloads,
      payloadCheck: document.payload_check ?? 'off',
      wireViolations: compileWireCheck(body, document.payload_check ?? 'off'),
      policy: compilePolicy(document.policy),
      limits: {
        httpsOnly: document.limits?.https_only ?? false,
        endpointsPerAccount: document.limits?.endpoints_per_account ?? 100,
        subscriptionsPerEndpoint: document.limits?.subscriptions_per_endpoint ?? 100,
        payloadBytes: document.limits?.payload_bytes ?? 1024 * 1024,
        ownRateLimit: document.limits?.own_rate_limit ?? false,
        ownConcurrency: document.limits?.own_concurrency ?? false,
        thinEvents: document.limits?.thin_events ?? false,
        orderedDelivery: document.limits?.ordered_delivery ?? false,
        filters: document.limits?.filters ?? true,
        authentication: document.limits?.authentication ?? true,
        transformations: document.limits?.transformations ?? true,
      },
      scopes: document.scopes ?? [],
      versions: document.versions,
      testTrigger: document.test_trigger,
      eventTypes: document.event_types ?? false,
      newEndpoint: document.new_endpoint ?? 'active',
      ownershipProof: document.ownership_proof ?? false,
      page: {
        keys: document.page?.keys ?? 'section',
        links: document.page?.links ?? [],
        keyHeader: keyHeaderOf(document.page?.key_header ?? 'Authorization: Bearer {key}'),
      },
      languages: document.languages ?? {},
      keyPrefix: document.key_prefix ?? 'phk',
      signature,
      signatureRules: document.signature as SignatureRules,
      headerNames: names,
      defaultHeaders: DEFAULT_HEADERS.filter(([name]) => !names.has(name)),
      bodyRules: body,
      encodeBody: compileBody(body, catalog),
      writeHeaders: compileHeaders(document.headers ?? {}, signature),
    };
    if (!isProven) checkSamples(contract, folder);
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
    wildcards: document.limits?.wildcards ?? true,
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
function checkSamples({ catalog, payloads, wireViolations }: Contract, folder: string): void {
  payloads.prepare();
  for (const pair of catalog.rules.pairs) {
    const text = payloads.sampleOf(pair)?.toString('utf8') ?? 'null';
    const event = {
      id: 'evt_sample',
      externalId: null,
      trigger: pair.trigger,
      byTopic: false,
      payload: Buffer.from(text),
      createdAtMs: 0,
    };
    const facts = { event, topic: pair.topic, account: { id: 'sample', name: 'Sample', metadata: {} } };
    const value: unknown = JSON.parse(text);
    const [unwritable] = wireViolations(event.payload, false);
    const [violation] = payloads.violations(facts, value);
    const first = unwritable ?? violation;
    if (first) {
      const by = unwritable ? '' : ` (by schemas/${payloads.schemaOf(pair)})`;
      throw new BrokenContract(sampleFile(folder, pair), `${first.pointer || '/'} ${first.detail}${by}`);
    }
  }
}

/** `Authorization: Bearer {key}` is a name, and what stands before the key. */
function keyHeaderOf(text: string): { name: string; before: string } {
  const [name = '', value = ''] = text.split(': ');
  return { name, before: value.replace('{key}', '') };
}
