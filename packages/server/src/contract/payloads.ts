import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { LRUCache } from 'lru-cache';
import { Problem } from '../domain/errors.ts';
import { eachMember } from '../domain/raw-json.ts';
import { type Catalog, keyOf, type Pair } from './catalog.ts';
import type { BodyFacts } from './fields.ts';

/** `reject`: 422, nothing is stored. `warn`: accepted, and the answer says what is wrong. */
export type PayloadCheck = 'reject' | 'warn' | 'off';

const ERRORS_MAX = 20;

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)$/;
/** Seconds have eleven digits from the year 5138 on, milliseconds had twelve in 1973. */
const UNIX_SECONDS_MAX = 99_999_999_999;

const FORMATS: Readonly<Record<string, Format>> = {
  uri: (text) => URL.canParse(text),
  email: (text) => /^[^@\s]+@[^@\s]+$/.test(text),
  'date-time': isDateTime,
  date: isDate,
  'iso-8601': (text) => isDate(text) || isDateTime(text),
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  'unix-seconds': { type: 'number', validate: (value) => value >= 0 && value <= UNIX_SECONDS_MAX },
};
type Format = ((text: string) => boolean) | { type: 'number'; validate: (value: number) => boolean };

const FORMAT_DETAILS: Readonly<Record<string, string>> = {
  'date-time': 'must be a date and time of ISO 8601, as 2024-11-05T19:21:29.348Z',
  date: 'must be a date of ISO 8601, as 2024-11-05',
  'iso-8601': 'must be a date, or a date and time, of ISO 8601, as 2024-11-05T19:21:29.348Z',
  'unix-seconds': 'must be a Unix time in seconds, not in milliseconds',
};

/** Of RFC 3339 and ISO 8601, with a day that exists. */
function isDateTime(text: string): boolean {
  const [, year, month, day, hour, minute, second] = DATE_TIME.exec(text)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const days = month >= 1 && month <= 12 ? new Date(Date.UTC(year, month, 0)).getUTCDate() : 0;
  return day >= 1 && day <= days && Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
}

function isDate(text: string): boolean {
  return isDateTime(`${text}T00:00:00Z`);
}

/** A schema that cannot be used. */
export class BrokenSchema extends Error {
  constructor(
    readonly file: string,
    reason: string,
  ) {
    super(reason);
  }
}

/** One place where a payload does not fit. `pointer` begins at the payload. */
export interface Violation {
  pointer: string;
  detail: string;
}

/** The schemas and samples of a contract's payloads. */
export class Payloads {
  /** Each when it is needed: to compile the schemas of a contract takes a tenth of a second. */
  private readonly validators: Validators;
  private readonly samples = new Map<string, Buffer>();

  /**
   * @param schemas file name in `schemas/` -> its JSON
   * @param samples pair -> compact JSON text
   * @param computed members that bodies get from the event where the payload lacks them
   * @param ruled members that the contract has rules for, whoever the payload is from
   */
  constructor(
    private readonly catalog: Catalog,
    readonly schemas: ReadonlyMap<string, object>,
    samples: readonly (Pair & { text: string })[],
    private readonly added: (facts: BodyFacts, payload: unknown) => unknown,
    private readonly computed: ReadonlySet<string>,
    private readonly ruled: ReadonlySet<string>,
    isStrict = true,
  ) {
    this.validators = new Validators(schemas, isStrict);
    for (const { text, ...pair } of samples) this.samples.set(keyOf(pair), Buffer.from(text));
  }

  /** Compiles the schemas, those that are not yet. @throws BrokenSchema */
  prepare(): void {
    for (const file of this.schemas.keys()) this.validators.of(file);
  }

  /** The same with other schemas and samples: of the product's own, which may hold what this code does not know. */
  replacedBy(
    catalog: Catalog,
    schemas: ReadonlyMap<string, object>,
    samples: readonly (Pair & { text: string })[],
  ): Payloads {
    return new Payloads(catalog, schemas, samples, this.added, this.computed, this.ruled, false);
  }

  /** A sample payload as a publisher would send it; for a pair without its own, the topic's sample. */
  sampleOf({ topic, trigger }: Pair): Buffer | undefined {
    return this.samples.get(keyOf({ topic, trigger })) ?? this.sampleOfTopic(topic);
  }

  /** The sample as a test sends it: without members that the event itself gives, as the time at which it happens. */
  testOf(pair: Pair): Buffer | undefined {
    const sample = this.sampleOf(pair);
    return sample && this.computed.size > 0 ? without(sample, this.computed) : sample;
  }

  /** The file in `schemas/` that a pair's payload is checked against. */
  schemaOf({ topic, trigger }: Pair): string | undefined {
    const { topics } = this.catalog.rules;
    return this.catalog.trigger(trigger)?.schema ?? topics.find((t) => t.value === topic)?.schema;
  }

  /** Where a payload does not fit its schema; empty when it fits, or has none. */
  violations(facts: BodyFacts, payload: unknown): Violation[] {
    const file = this.schemaOf({ topic: facts.topic, trigger: facts.event.trigger });
    const validate = file === undefined ? undefined : this.validators.of(file);
    if (!validate) return [];
    try {
      if (validate(this.added(facts, payload))) return [];
    } catch (error) {
      // A schema can refer to itself without end.
      if (error instanceof RangeError) return [{ pointer: '', detail: 'cannot be checked: its schema has no end' }];
      throw error;
    }
    return (validate.errors ?? []).slice(0, ERRORS_MAX).map(toViolation);
  }

  /**
   * The same for a test with a payload of somebody's own: it may be any, but what the contract has rules for is as always.
   */
  testViolations(facts: BodyFacts, payload: unknown): Violation[] {
    if (this.ruled.size === 0) return [];
    if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
      return [{ pointer: '', detail: 'must be an object' }];
    }
    const isRuled = (name = '') => this.ruled.has(name) && Object.hasOwn(payload, name);
    return this.violations(facts, payload).filter(({ pointer }) => isRuled(pointer.split('/')[1]));
  }

  private sampleOfTopic(topic: string | null): Buffer | undefined {
    if (topic === null) return undefined;
    const pair = this.catalog.rules.pairs.find((p) => p.topic === topic);
    return pair && this.samples.get(keyOf(pair));
  }
}

function without(payload: Buffer, names: ReadonlySet<string>): Buffer {
  const text = payload.toString('utf8');
  if (!text.startsWith('{')) return payload;
  const kept: string[] = [];
  eachMember(text, 0, (name, from, to) => {
    if (!names.has(name)) kept.push(`${JSON.stringify(name)}:${text.slice(from, to)}`);
  });
  return Buffer.from(`{${kept.join(',')}}`);
}

class Validators {
  private readonly compiled = new Map<string, ValidateFunction>();
  private ajv: Ajv2020 | undefined;

  /** @param isStrict whether a word that is not known is a mistake, and files refer to each other */
  constructor(
    private readonly schemas: ReadonlyMap<string, object>,
    private readonly isStrict: boolean,
  ) {}

  /** @throws BrokenSchema */
  of(file: string): ValidateFunction | undefined {
    const known = this.compiled.get(file);
    const schema = this.schemas.get(file);
    if (known || !schema) return known;
    try {
      const validate = this.isStrict ? this.ofFolder(file) : alone(schema);
      this.compiled.set(file, validate);
      return validate;
    } catch (error) {
      throw error instanceof BrokenSchema ? error : new BrokenSchema(file, messageOf(error));
    }
  }

  private ofFolder(file: string): ValidateFunction {
    this.ajv ??= this.readFolder();
    return this.ajv.getSchema(file) as ValidateFunction;
  }

  /** The file's name is what other files of the folder refer to it by. */
  private readFolder(): Ajv2020 {
    const ajv = new Ajv2020({ ...OPTIONS, strict: true });
    for (const [file, schema] of this.schemas) {
      try {
        ajv.addSchema({ ...schema, $id: file }, file);
      } catch (error) {
        throw new BrokenSchema(file, messageOf(error));
      }
    }
    return ajv;
  }
}

const OPTIONS = { allErrors: true, strictTypes: false, strictRequired: false, formats: FORMATS } as const;

/** A schema from outside: whatever it calls itself, it is by itself. */
function alone(schema: object): ValidateFunction {
  // Dialects of before 2020-12 differ in what is seldom used.
  const { $schema: _, $id: __, ...others } = schema as { $schema?: unknown; $id?: unknown };
  if (holdsMember(others, '$async')) throw new Error('$async is not supported');
  const text = JSON.stringify(others);
  const known = compiledAlone.get(text);
  if (known) return known;
  metaAjv ??= new Ajv2020({ strict: false, logger: false });
  if (!metaAjv.validateSchema(others)) throw new Error(metaAjv.errorsText(metaAjv.errors));
  const validate = new Ajv2020({ ...OPTIONS, strict: false, logger: false, validateSchema: false }).compile(others);
  compiledAlone.set(text, validate);
  return validate;
}

/** They are the same whatever else is declared, and a change of one is no reason to compile the others anew. */
const compiledAlone = new LRUCache<string, ValidateFunction>({ max: 2_000 });
/** Knows what a schema is; to make one takes longer than to compile a schema. */
let metaAjv: Ajv2020 | undefined;

function holdsMember(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, name) || Object.values(value).some((member) => holdsMember(member, name));
}

export function invalidPayload(violations: readonly Violation[], pointer: string): Problem {
  const places = violations.map((m) => ({ pointer: pointer + m.pointer, detail: m.detail }));
  const [first] = places;
  return new Problem('invalid_payload', first && `${first.pointer}: ${first.detail}`, places);
}

function toViolation({ instancePath, keyword, params, message }: ErrorObject): Violation {
  const missing = keyword === 'required' ? String(params.missingProperty) : undefined;
  const allowed = keyword === 'enum' ? `: ${(params.allowedValues as unknown[]).join(', ')}` : '';
  const exactly = keyword === 'const' ? `: ${JSON.stringify(params.allowedValue)}` : '';
  if (missing !== undefined) return { pointer: `${instancePath}/${missing}`, detail: 'is missing' };
  const format = keyword === 'format' ? FORMAT_DETAILS[String(params.format)] : undefined;
  if (format !== undefined) return { pointer: instancePath, detail: format };
  return { pointer: instancePath, detail: `${message ?? 'is wrong'}${allowed}${exactly}` };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
