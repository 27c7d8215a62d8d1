import { isDeepStrictEqual } from 'node:util';
import { BrokenApiDocument, type Described, type Envelope, readApiDocument } from '../contract/api-documents.ts';
import type { Contract } from '../contract/contract.ts';
import { diffSchemas } from '../contract/diff-schemas.ts';
import { schemaFileOf, withEventTypes } from '../contract/event-types.ts';
import { BrokenSchema } from '../contract/payloads.ts';
import type { Clock } from '../domain/clock.ts';
import { invalidAt, Problem } from '../domain/errors.ts';
import type { EventType, EventTypeVersion } from '../domain/event-type.ts';
import { isTrigger } from '../domain/subscription.ts';
import type { EventTypeStore, PayloadMode } from '../storage/store.ts';

/** Of one contract. */
export const EVENT_TYPES_MAX = 1_000;
/** Of a schema or a sample, in characters. */
const TEXT_MAX = 65_536;
const VERSIONS_SHOWN = 20;
/** When types could not be read, they are read again. */
const AGAIN_MS = 1_000;

export interface WishedType {
  name: string;
  label?: string | undefined;
  description?: string | undefined;
  /** Left out: it stays as it is. */
  schema?: object | null;
  /** Left out: it stays as it is; null: it goes. */
  sample?: unknown;
  deprecated?: boolean | undefined;
}

export interface Change {
  kind: 'breaking' | 'compatible';
  path: string;
  what: string;
}

/** What becomes of one type. */
export interface PutType {
  name: string;
  version: number;
  outcome: 'created' | 'changed' | 'unchanged';
  changes: Change[];
}

export interface PutOptions {
  /** How strictly publishing is checked from now on. */
  check?: PayloadMode;
  /** Changes that readers of the schema before may fail by. */
  allowBreaking?: boolean;
  /** Nothing is stored. */
  dryRun?: boolean;
  /** A sample from before that does not fit any more goes, instead of being a mistake. */
  dropUnfitting?: boolean;
}

/** Types of events that the product declares by the API: they become part of their contract, on every node. */
export class EventTypes {
  /** As the contracts are by themselves. */
  private readonly bare: ReadonlyMap<string, Contract>;
  private loading: Promise<void> = Promise.resolve();

  /** @param parts.contracts the contracts as everybody sees them: they are replaced here */
  constructor(
    private readonly parts: {
      contracts: Map<string, Contract>;
      store: EventTypeStore;
      /** Accounts in memory have the contract of before. */
      onChanged: () => void;
      clock: Clock;
      onError: (error: unknown) => void;
    },
  ) {
    this.bare = new Map(parts.contracts);
  }

  /** Reads what is declared by now: at the start, and after a change. One after the other: the newest answer counts. */
  load(): Promise<void> {
    const before = this.loading.catch(() => {});
    this.loading = before.then(() => this.read());
    return this.loading;
  }

  /** Somebody else has changed something. */
  loadSoon(): void {
    const { clock, onError } = this.parts;
    this.load().catch((error: unknown) => {
      onError(error);
      clock.after(AGAIN_MS, () => this.loadSoon());
    });
  }

  private async read(): Promise<void> {
    const { contracts, store, onChanged } = this.parts;
    const stored = await store.all();
    for (const [name, contract] of this.bare) {
      if (!contract.eventTypes) continue;
      const { types = [], mode } = stored.get(name) ?? {};
      contracts.set(name, withEventTypes(contract, types, mode));
    }
    onChanged();
  }

  /** @throws Problem `contract_not_found`, `not_supported` */
  async list(contractName: string): Promise<EventType[]> {
    this.contractOf(contractName);
    return (await this.parts.store.all()).get(contractName)?.types ?? [];
  }

  /** @throws Problem `contract_not_found`, `not_supported`, `event_type_not_found` */
  async find(contractName: string, name: string): Promise<EventType & { versions: EventTypeVersion[] }> {
    const type = (await this.list(contractName)).find((one) => one.name === name);
    if (!type) throw new Problem('event_type_not_found');
    return { ...type, versions: await this.parts.store.versions(contractName, name, VERSIONS_SHOWN) };
  }

  /** @throws Problem `contract_not_found`, `not_supported`, `event_type_not_found` */
  async remove(contractName: string, name: string): Promise<void> {
    this.contractOf(contractName);
    if (!(await this.parts.store.remove(contractName, name))) throw new Problem('event_type_not_found');
    await this.load();
  }

  /**
   * Creates and changes types; those that are not named stay.
   * @throws Problem `contract_not_found`, `not_supported`, `invalid_request`, `limit_reached`, `breaking_change`
   */
  async put(contractName: string, wished: readonly WishedType[], options: PutOptions): Promise<PutType[]> {
    const contract = this.contractOf(contractName);
    const now = new Date(this.parts.clock.now());
    checkWishes(wished);
    const stored = new Map((await this.list(contractName)).map((type) => [type.name, type]));
    const fitting = await checkSchemas(contract, wished, stored, options.dropUnfitting ?? false);
    const results = await this.parts.store.change(contractName, (before) => {
      const known = new Map(before.map((type) => [type.name, type]));
      const decided = fitting.map((wish) => decide(known.get(wish.name), wish, now));
      for (const { type } of decided) known.set(type.name, type);
      if (known.size > EVENT_TYPES_MAX)
        throw new Problem('limit_reached', `A contract has at most ${EVENT_TYPES_MAX} event types.`);
      const answer = decided.map(({ result }) => result);
      if (!options.allowBreaking) refuseBreaking(answer);
      if (options.dryRun) return { answer, put: [] };
      const put = decided.filter(({ result }) => result.outcome !== 'unchanged').map(({ type }) => type);
      return { answer, put, ...(options.check === undefined ? {} : { mode: options.check }) };
    });
    if (!options.dryRun) await this.load();
    return results;
  }

  /**
   * The types that an OpenAPI or AsyncAPI document describes.
   * @throws Problem as `put` does
   */
  async import(contractName: string, document: unknown, options: PutOptions): Promise<PutType[]> {
    const contract = this.contractOf(contractName);
    let described: Described[];
    try {
      described = readApiDocument(document, envelopeOf(contract));
    } catch (error) {
      if (!(error instanceof BrokenApiDocument)) throw error;
      throw invalidAt(`#/document${error.pointer}`, error.message);
    }
    return this.put(
      contractName,
      described.map(({ sample, ...one }) => ({ ...one, ...(sample === undefined ? {} : { sample }) })),
      { ...options, dropUnfitting: true },
    );
  }

  /** @throws Problem `contract_not_found`, `not_supported` */
  private contractOf(name: string): Contract {
    const contract = this.bare.get(name);
    if (!contract) throw new Problem('contract_not_found');
    if (!contract.eventTypes)
      throw new Problem('not_supported', 'The event types of this contract stand in its own files.');
    return contract;
  }
}

function envelopeOf({ bodyRules: { envelope } }: Contract): Envelope | undefined {
  if (typeof envelope !== 'object' || envelope === null) return undefined;
  const payload = Object.entries(envelope).find(([, value]) => value === '{payload}')?.[0];
  return payload === undefined
    ? undefined
    : { payload, others: Object.keys(envelope).filter((name) => name !== payload) };
}

/** @throws Problem `invalid_request`, `limit_reached` */
function checkWishes(wished: readonly WishedType[]): void {
  if (wished.length > EVENT_TYPES_MAX)
    throw new Problem('limit_reached', `A contract has at most ${EVENT_TYPES_MAX} event types.`);
  const names = new Set<string>();
  wished.forEach(({ name, schema, sample }, i) => {
    const at = `#/event_types/${i}`;
    if (!isTrigger(name))
      throw invalidAt(`${at}/name`, `"${name}" is no trigger: letters, digits and _ between dots, as order.paid`);
    if (names.has(name)) throw invalidAt(`${at}/name`, `"${name}" stands there already`);
    names.add(name);
    for (const [member, value] of Object.entries({ schema, sample }))
      if (value !== undefined && JSON.stringify(value).length > TEXT_MAX)
        throw invalidAt(`${at}/${member}`, `has more than ${TEXT_MAX} characters`);
  });
}

/** @param compares whether changes of the schema are named */
function decide(
  before: EventType | undefined,
  wish: WishedType,
  now: Date,
  compares = true,
): { type: EventType; result: PutType } {
  const schema = wish.schema === undefined ? (before?.schema ?? null) : wish.schema && JSON.stringify(wish.schema);
  const isSameSchema = before !== undefined && isSameJson(before.schema, schema);
  const type: EventType = {
    name: wish.name,
    version: before ? before.version + (isSameSchema ? 0 : 1) : 1,
    label: wish.label ?? before?.label ?? '',
    description: wish.description ?? before?.description ?? '',
    schema: isSameSchema ? before.schema : schema,
    sample:
      wish.sample === undefined ? (before?.sample ?? null) : wish.sample === null ? null : JSON.stringify(wish.sample),
    deprecated: wish.deprecated ?? before?.deprecated ?? false,
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
  };
  const isSame = before !== undefined && isDeepStrictEqual({ ...type, updatedAt: 0 }, { ...before, updatedAt: 0 });
  const outcome = before ? (isSame ? 'unchanged' : 'changed') : 'created';
  const changes = compares && before && !isSameSchema ? changesOf(wish.name, before.schema, schema) : [];
  return { type, result: { name: wish.name, version: type.version, outcome, changes } };
}

function isSameJson(a: string | null, b: string | null): boolean {
  if (a === null || b === null) return a === b;
  return isDeepStrictEqual(JSON.parse(a), JSON.parse(b));
}

/** What a reader of the payloads notices. */
function changesOf(name: string, before: string | null, after: string | null): Change[] {
  if (before === null) return [];
  const path = '/schema';
  if (after === null) return [{ kind: 'breaking', path, what: 'nothing is promised of the payload any more' }];
  const file = schemaFileOf(name);
  const changes: Change[] = [];
  const placeOf = (schema: string) => ({ file, schemas: new Map([[file, JSON.parse(schema) as object]]) });
  diffSchemas(placeOf(before), placeOf(after), (kind, at, what) =>
    changes.push({ kind, path: `${path}${at.slice(at.indexOf('#') + 1)}`, what }),
  );
  return changes;
}

/** @throws Problem `breaking_change` */
function refuseBreaking(results: readonly PutType[]): void {
  const errors = results.flatMap(({ name, changes }, i) =>
    changes
      .filter(({ kind }) => kind === 'breaking')
      .map(({ path, what }) => ({ pointer: `#/event_types/${i}${path}`, detail: `${name}: ${what}` })),
  );
  const [first] = errors;
  if (first)
    throw new Problem(
      'breaking_change',
      `${first.detail}${errors.length > 1 ? `, and ${errors.length - 1} more` : ''}.`,
      errors,
    );
}

/**
 * Every schema is one, and every sample fits. What has not changed was looked at before; between two others there is time for
 * the rest of the server.
 * @returns the wishes, without samples that go
 * @throws Problem `invalid_request`
 */
async function checkSchemas(
  contract: Contract,
  wished: readonly WishedType[],
  stored: ReadonlyMap<string, EventType>,
  dropUnfitting: boolean,
): Promise<WishedType[]> {
  const fitting: WishedType[] = [];
  for (const [i, wish] of wished.entries()) {
    const before = stored.get(wish.name);
    const { type } = decide(before, wish, new Date(0), false);
    const isKnown = before?.schema === type.schema && before?.sample === type.sample;
    const mistake = isKnown ? undefined : mistakeIn(contract, type);
    const goes = mistake?.member === 'sample' && wish.sample === undefined && dropUnfitting;
    if (mistake && !goes)
      throw invalidAt(`#/event_types/${i}/${mistake.member}${mistake.pointer}`, `of ${type.name} ${mistake.detail}`);
    fitting.push(goes ? { ...wish, sample: null } : wish);
    if (!isKnown) await new Promise((resolve) => setImmediate(resolve));
  }
  return fitting;
}

interface Mistake {
  member: 'schema' | 'sample';
  pointer: string;
  detail: string;
}

function mistakeIn(contract: Contract, type: EventType): Mistake | undefined {
  const { payloads } = withEventTypes(contract, [type], 'reject');
  try {
    payloads.prepare();
  } catch (error) {
    if (!(error instanceof BrokenSchema)) throw error;
    return { member: 'schema', pointer: '', detail: `is no JSON Schema that can be used: ${error.message}` };
  }
  const event = {
    id: 'evt_sample',
    externalId: null,
    trigger: type.name,
    byTopic: false,
    payload: Buffer.from(type.sample ?? 'null'),
    createdAtMs: 0,
  };
  const facts = { event, topic: null, account: { id: 'sample', name: 'Sample', metadata: {} } };
  const [odd] = payloads.violations(facts, null);
  if (odd?.detail.startsWith('cannot be checked')) return { member: 'schema', pointer: '', detail: odd.detail };
  if (type.sample === null) return undefined;
  const [violation] = payloads.violations(facts, JSON.parse(type.sample));
  return (
    violation && {
      member: 'sample',
      pointer: violation.pointer,
      detail: `does not fit its schema: ${violation.detail}`,
    }
  );
}
