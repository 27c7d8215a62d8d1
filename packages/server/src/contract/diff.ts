import { join } from 'node:path';
import { diffSchemas } from './diff-schemas.ts';
import type { ContractDocument } from './document.ts';
import { loadContract, readSchemas } from './load.ts';
import { compilePolicy } from './policy.ts';
import { readDocument } from './read-document.ts';

/** `breaking`: code that receivers run today may fail by it. `compatible`: it does not. */
export interface Change {
  kind: 'breaking' | 'compatible';
  /** A JSON pointer into `contract.json`, or into a file of `schemas/`. */
  path: string;
  what: string;
}

type Report = (kind: Change['kind'], path: string, what: string) => void;

/** Compares two contracts' folders and names what changes for receivers. @throws BrokenContract */
export function diffContracts(beforeFolder: string, afterFolder: string): Change[] {
  const [before, after] = [beforeFolder, afterFolder].map((folder) => {
    const { catalog, payloads } = loadContract(folder, { isNamedAlike: false });
    const document = readDocument(join(folder, 'contract.json'));
    return { document, schemas: readSchemas(folder), catalog, payloads };
  }) as [Side, Side];
  const changes: Change[] = [];
  const report: Report = (kind, path, what) => changes.push({ kind, path, what });
  diffCatalogs(before, after, report);
  diffWire(before.document, after.document, report);
  diffPolicies(before.document, after.document, report);
  diffLimits(before.document, after.document, report);
  return changes.sort((a, b) => Number(a.kind === 'compatible') - Number(b.kind === 'compatible'));
}

type Loaded = ReturnType<typeof loadContract>;
interface Side extends Pick<Loaded, 'catalog' | 'payloads'> {
  document: ContractDocument;
  schemas: Map<string, object>;
}

function diffLists(
  path: string,
  noun: string,
  before: readonly string[],
  after: readonly string[],
  report: Report,
): void {
  for (const value of before) if (!after.includes(value)) report('breaking', path, `${noun} "${value}" is gone`);
  for (const value of after) if (!before.includes(value)) report('compatible', path, `${noun} "${value}" is new`);
}

const values = (list: readonly { value: string }[] | undefined) => (list ?? []).map(({ value }) => value);

function diffCatalogs(before: Side, after: Side, report: Report): void {
  diffLists('/topics', 'topic', values(before.document.topics), values(after.document.topics), report);
  diffLists('/triggers', 'trigger', values(before.catalog.triggers), values(after.catalog.triggers), report);
  if (before.catalog.isFree && !after.catalog.isFree) report('breaking', '/triggers', 'triggers are not free any more');
  for (const { value, implies = [], unsent = [], order } of before.catalog.triggers) {
    const now = after.catalog.trigger(value);
    if (!now) continue;
    if (differ(order, now.order)) {
      report('breaking', '/triggers', `the order of "${value}" was ${show(order)} and is ${show(now.order)}`);
    }
    const hidden = (now.unsent ?? []).filter((member) => !unsent.includes(member));
    if (hidden.length > 0) report('breaking', '/triggers', `"${value}" does not send ${hidden.join(', ')} any more`);
    for (const { trigger } of implies) {
      const isKept = (now.implies ?? []).some((implied) => implied.trigger === trigger);
      if (!isKept) report('breaking', '/triggers', `"${value}" does not imply "${trigger}" any more`);
    }
  }
  if (before.catalog.rules.otherPairs === 'possible' && after.catalog.rules.otherPairs === 'refused') {
    report('breaking', '/other_pairs', 'pairs that are not listed are refused now');
  }
  for (const pair of before.catalog.rules.pairs) {
    const name = pair.topic === null ? `"${pair.trigger}"` : `"${pair.topic}" with "${pair.trigger}"`;
    const known = after.catalog.rules.pairs.some((p) => p.topic === pair.topic && p.trigger === pair.trigger);
    if (!known) {
      const isNamed = !after.catalog.hasTrigger(pair.trigger);
      if (!isNamed) report('breaking', '/pairs', `${name} yields no payload any more`);
      continue;
    }
    const [was, is] = [before.payloads.schemaOf(pair), after.payloads.schemaOf(pair)];
    if (was === undefined) continue;
    if (is === undefined) {
      report('breaking', '/pairs', `${name} has no schema any more: nothing is promised of its payload`);
      continue;
    }
    diffSchemas({ file: was, schemas: before.schemas }, { file: is, schemas: after.schemas }, report);
  }
}

function diffWire(before: ContractDocument, after: ContractDocument, report: Report): void {
  const headersAfter = new Map(Object.entries(after.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  for (const [name, value] of Object.entries(before.headers ?? {})) {
    const now = headersAfter.get(name.toLowerCase());
    if (now === undefined) report('breaking', `/headers/${name}`, `header ${name} is gone`);
    else if (now !== value) report('breaking', `/headers/${name}`, `header ${name} was "${value}" and is "${now}"`);
    headersAfter.delete(name.toLowerCase());
  }
  for (const name of headersAfter.keys()) report('compatible', `/headers/${name}`, `header ${name} is new`);
  for (const part of ['encoder', 'numbers', 'envelope', 'set', 'defaults', 'order', 'integers'] as const) {
    if (differ(before.body[part], after.body[part])) {
      report('breaking', `/body/${part}`, `was ${show(before.body[part])} and is ${show(after.body[part])}`);
    }
  }
  const signatures = [before.signature, after.signature] as [Record<string, unknown>, Record<string, unknown>];
  for (const part of new Set(signatures.flatMap((signature) => Object.keys(signature)))) {
    const [was, is] = signatures.map((signature) => signature[part]);
    // Names of headers are the same in upper and lower case.
    const [wasName, isName] = [was, is].map((name) => String(name ?? 'webhook-signature').toLowerCase());
    const isSame = part === 'header' && wasName === isName;
    if (!isSame && differ(was, is)) report('breaking', `/signature/${part}`, `was ${show(was)} and is ${show(is)}`);
  }
}

function diffPolicies(before: ContractDocument, after: ContractDocument, report: Report): void {
  const [was, is] = [before.policy, after.policy];
  for (const [name, ms] of Object.entries(was.timeouts ?? {})) {
    const now = is.timeouts?.[name as keyof typeof is.timeouts] ?? ms;
    const path = `/policy/timeouts/${name}`;
    if (now < ms) report('breaking', path, `was ${ms} and is ${now}: receivers that need longer fail now`);
    if (now > ms) report('compatible', path, `was ${ms} and is ${now}`);
  }
  const [wasCompiled, isCompiled] = [compilePolicy(was), compilePolicy(is)];
  for (const [name, key] of [
    ['gone_statuses', 'goneStatuses'],
    ['final_statuses', 'finalStatuses'],
  ] as const) {
    const added = [...isCompiled[key]].filter((status) => !wasCompiled[key].has(status));
    if (added.length > 0) report('breaking', `/policy/${name}`, `${added.join(', ')} ends a delivery now`);
  }
  for (const name of [
    'retry_delays_s',
    'window_s',
    'backoff',
    'retry_after',
    'retryable_statuses',
    'rate_limit',
    'auto_disable',
    'on_exhausted',
    'retention_days',
    'concurrency',
    'jitter',
  ] as const) {
    if (differ(was[name], is[name])) {
      report('compatible', `/policy/${name}`, `was ${show(was[name])} and is ${show(is[name])}`);
    }
  }
}

/** What a contract may have allowed. */
const OPTIONS = [
  ['own_concurrency', 'choose how many requests they get at a time'],
  ['thin_events', 'get events without payloads'],
  ['ordered_delivery', 'have deliveries in order'],
] as const;

function diffLimits(before: ContractDocument, after: ContractDocument, report: Report): void {
  const [was, is] = [before.limits ?? {}, after.limits ?? {}];
  if (before.event_types && !after.event_types)
    report('breaking', '/event_types', 'event types that were declared by the API are gone');
  if (!before.ownership_proof && after.ownership_proof)
    report('breaking', '/ownership_proof', 'receivers have to echo a challenge from now on');
  if (!was.https_only && is.https_only) report('breaking', '/limits/https_only', 'plain HTTP is refused now');
  if (was.wildcards !== false && is.wildcards === false) {
    report('breaking', '/limits/wildcards', 'subscriptions to `*` and prefixes are refused now');
  }
  if (was.filters !== false && is.filters === false) report('breaking', '/limits/filters', 'filters are refused now');
  if (was.authentication !== false && is.authentication === false)
    report('breaking', '/limits/authentication', 'endpoints may not authenticate any more');
  if (was.transformations !== false && is.transformations === false)
    report('breaking', '/limits/transformations', 'transformations are refused from now on');
  for (const [name, what] of OPTIONS)
    if (was[name] === true && is[name] !== true)
      report('breaking', `/limits/${name}`, `endpoints may not ${what} any more`);
  for (const name of ['endpoints_per_account', 'subscriptions_per_endpoint', 'payload_bytes'] as const) {
    const [old, now] = [was[name], is[name]];
    if (old === undefined || now === undefined) continue;
    if (now < old) report('breaking', `/limits/${name}`, `was ${old} and is ${now}`);
    if (now > old) report('compatible', `/limits/${name}`, `was ${old} and is ${now}`);
  }
  diffLists('/versions', 'version', before.versions?.values ?? [], after.versions?.values ?? [], report);
  diffLists('/scopes', 'scope', values(before.scopes), values(after.scopes), report);
}

function differ(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

function show(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}
