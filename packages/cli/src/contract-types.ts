import { join, resolve } from 'node:path';
import type { Contract } from '@posthorn/server/dist/contract/contract.js';
import { loadContract } from '@posthorn/server/dist/contract/load.js';
import { readDocument } from '@posthorn/server/dist/contract/read-document.js';
import { compile, type JSONSchema } from 'json-schema-to-typescript';

/** Where a contract says what, in a request; as the SDK's `WebhookContract` has it. */
type Place = { header: string } | { member: string };

export interface TypesOptions {
  /** Of the module with `WebhookContract`. */
  importFrom?: string;
}

/**
 * A module of TypeScript for receivers: the payloads of a contract as types, its events as a union that is told apart by
 * `trigger` and `topic`, and where requests hold what.
 * @throws BrokenContract
 */
export async function contractTypes(folder: string, { importFrom = '@posthorn/sdk/webhook' }: TypesOptions = {}) {
  const contract = loadContract(resolve(folder));
  const { bodyRules } = contract;
  const { headers = {} } = readDocument(join(contract.folder, 'contract.json'));
  const placeOf = (field: string) => findPlace(headers, bodyRules, `{${field}}`);
  const trigger = placeOf('trigger') ?? placeOf('topic');
  const topic = placeOf('topic');
  const payload = isMembers(bodyRules.envelope)
    ? Object.entries(bodyRules.envelope).find(([, value]) => value === '{payload}')?.[0]
    : undefined;
  const wire = {
    name: contract.name,
    signature: contract.signatureRules,
    id: placeOf('event.id') ?? null,
    trigger: trigger ?? { member: 'trigger' },
    topic: topic ?? null,
    payload: payload ?? null,
  };
  const constant = contract.name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const events = `${pascal(contract.name)}Event`;
  return [
    `// Written by \`posthorn contract types\` from the contract "${contract.name}": write it anew when that changes.`,
    `import type { WebhookContract, WebhookEvent } from '${importFrom}';\n`,
    `/** ${contract.title}: what its receivers get. */`,
    `export type ${events} =\n${eventTypes(contract, topic !== undefined).join('\n')};\n`,
    `export const ${constant}: WebhookContract<${events}> = ${JSON.stringify(wire, null, 2)};\n`,
    await payloadTypes(contract),
  ].join('\n');
}

/** One member of the union for each topic and payload type. */
function eventTypes({ catalog, payloads }: Contract, hasTopic: boolean): string[] {
  if (catalog.isFree) return ['  WebhookEvent<string, null>'];
  const groups = new Map<string, { topic: string | null; schema: string | undefined; triggers: string[] }>();
  for (const pair of catalog.rules.pairs) {
    const schema = payloads.schemaOf(pair);
    const topic = hasTopic ? pair.topic : null;
    const key = JSON.stringify([topic, schema]);
    const group = groups.get(key) ?? { topic, schema, triggers: [] };
    group.triggers.push(pair.trigger);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ topic, schema, triggers }) => {
    const names = [...new Set(triggers)].map((name) => JSON.stringify(name)).join(' | ');
    return `  | WebhookEvent<${names}, ${JSON.stringify(topic)}, ${schema === undefined ? 'unknown' : payloadName(schema)}>`;
  });
}

/** All schemas in one, so that what several of them refer to is written once. */
async function payloadTypes({ payloads, catalog }: Contract): Promise<string> {
  if (payloads.schemas.size === 0) return '';
  const used = new Set(catalog.rules.pairs.map((pair) => payloads.schemaOf(pair)));
  const files = [...payloads.schemas.keys()];
  const definitions = Object.fromEntries(
    [...payloads.schemas].map(([file, schema]) => [file, { ...moveRefs(schema, file), title: payloadName(file) }]),
  );
  const whole: JSONSchema = {
    title: 'Payloads',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(
      files.filter((file) => used.has(file)).map((file) => [payloadName(file), { $ref: `#/definitions/${file}` }]),
    ),
    definitions,
  } as JSONSchema;
  const text = await compile(whole, 'Payloads', {
    bannerComment: '',
    additionalProperties: true,
    style: { singleQuote: true, printWidth: 120 },
  });
  // Only a way to name them all.
  return text.replace(/export interface Payloads \{[^}]*\}\n/, '');
}

/** `common.json#/$defs/a`, and `#/$defs/a` within a file, point into the definitions. */
function moveRefs(schema: unknown, file: string): Record<string, unknown> {
  const move = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(move);
    if (!isMembers(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => key !== '$id' && key !== '$schema')
        .map(([key, part]) => [key, key === '$ref' && typeof part === 'string' ? movedRef(part, file) : move(part)]),
    );
  };
  return move(schema) as Record<string, unknown>;
}

function movedRef(ref: string, file: string): string {
  const [target = '', pointer = ''] = ref.split('#');
  return `#/definitions/${target === '' ? file : target}${pointer}`;
}

function findPlace(
  headers: Readonly<Record<string, string>>,
  bodyRules: Contract['bodyRules'],
  template: string,
): Place | undefined {
  const header = Object.entries(headers).find(([, value]) => value === template)?.[0];
  if (header !== undefined) return { header };
  const members = { ...bodyRules.set, ...(isMembers(bodyRules.envelope) ? bodyRules.envelope : {}) };
  const member = Object.entries(members).find(([, value]) => value === template)?.[0];
  return member === undefined ? undefined : { member };
}

function isMembers(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const pascal = (text: string) =>
  text.replace(/(^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, _between, letter: string) => letter.toUpperCase());
const payloadName = (file: string) => `${pascal(file.replace(/\.json$/, ''))}Payload`;
