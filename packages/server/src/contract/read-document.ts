import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { lastPart } from '../domain/window.ts';
import { ContractDocument } from './document.ts';

/** Made when it is needed: contracts that come with Posthorn do without it. */
const validator = () =>
  new Ajv2020({ strict: false, allErrors: true, discriminator: true }).compile<ContractDocument>(ContractDocument);
let made: ReturnType<typeof validator> | undefined;

const SCHEMES = ['standard-webhooks', 'hmac', 'timestamped-hmac', 'none'];

/** A contract that cannot be used. The message names the file, the place in it and the reason. */
export class BrokenContract extends Error {
  constructor(file: string, reason: string) {
    super(`${file}: ${reason}`);
    this.name = 'BrokenContract';
  }
}

/** @throws BrokenContract */
export function readJson(file: string): { text: string; value: unknown } {
  try {
    const text = readFileSync(file, 'utf8');
    return { text, value: JSON.parse(text) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new BrokenContract(file, code === 'ENOENT' ? 'the file is missing' : jsonMistake(file, error));
  }
}

/** What the parser says, with line and column where it names a position. */
function jsonMistake(file: string, error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  const position = /at position (\d+)/.exec(said)?.[1];
  if (position === undefined) return said;
  const before = readFileSync(file, 'utf8').slice(0, Number(position)).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${said.replace(/ in JSON at position.*| at position.*/, '')}`;
}

/** They say where a request goes and where it ends: egress writes them, and refuses to send others. */
const FRAMING_HEADERS = /^(?:host|connection|content-length|transfer-encoding)$/i;
const NOT_IN_HEADER_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** @throws BrokenContract */
export function readDocument(file: string): ContractDocument {
  const { value } = readJson(file);
  made ??= validator();
  const isDocument = made;
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
  if (document.event_types && triggers !== 'free') fail('/event_types', 'needs "triggers": "free"');
  if ((policy.retry_delays_s === undefined) === (policy.backoff === undefined)) {
    fail('/policy', 'has either retry_delays_s or backoff');
  }
  if (policy.backoff && policy.backoff.attempts === undefined && policy.backoff.window_s === undefined) {
    fail('/policy/backoff', 'needs attempts, window_s or both');
  }
  checkWindow(policy, fail);
  for (const [name, value] of Object.entries(document.headers ?? {})) {
    if (FRAMING_HEADERS.test(name)) fail(`/headers/${name}`, 'is written by the HTTP client');
    if (NOT_IN_HEADER_VALUE.test(value)) {
      fail(`/headers/${name}`, 'has a character outside Latin-1, or a control character');
    }
  }
  if (versions && !versions.values.includes(versions.default)) fail('/versions/default', 'is not one of the values');
  const hasUnsent = Array.isArray(triggers) && triggers.some((t) => t.unsent !== undefined && t.unsent.length > 0);
  if (body.envelope !== undefined && hasUnsent)
    fail('/body/envelope', 'cannot stand with "unsent" members of a trigger');
  if (body.envelope !== undefined && (body.set || body.defaults || body.order || body.integers)) {
    fail('/body', 'has either an envelope, or set, defaults, order and integers');
  }
  const hasOrder = Array.isArray(triggers) && triggers.some((t) => t.order !== undefined);
  if (body.envelope !== undefined && hasOrder) fail('/body/envelope', 'cannot stand with an "order" of a trigger');
  if (body.numbers !== undefined && body.encoder !== 'php-json') {
    fail('/body/numbers', 'can stand with "encoder": "php-json" only');
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

/** A window promises when the last try is made: the schedule has to keep that. */
function checkWindow(
  { retry_delays_s: delays, window_s: windowS, backoff, jitter = 'tenth' }: ContractDocument['policy'],
  fail: (path: string, reason: string) => never,
): void {
  if (backoff && windowS !== undefined) fail('/policy/window_s', 'goes with retry_delays_s; backoff has its own');
  const hasWindow = windowS !== undefined || backoff?.window_s !== undefined;
  if (hasWindow && jitter !== 'tenth' && jitter !== 'none') {
    fail('/policy/jitter', 'must be tenth or none: in a window, every try has its time');
  }
  if (!delays || windowS === undefined) return;
  if (delays.some((delay) => delay === 0)) fail('/policy/retry_delays_s', 'has a wait of 0, and a window');
  const { fromMs, toMs } = lastPart(windowS * 1000);
  const sumS = delays.reduce((sum, delay) => sum + delay, 0);
  if (sumS * 1000 < fromMs || sumS * 1000 > toMs) {
    const part = `${Math.ceil(fromMs / 1000)} s and ${Math.floor(toMs / 1000)} s`;
    fail('/policy/retry_delays_s', `ends after ${sumS} s; in a window of ${windowS} s it ends between ${part}`);
  }
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
