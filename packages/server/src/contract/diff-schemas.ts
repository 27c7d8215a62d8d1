type Schema = Readonly<Record<string, unknown>>;

/** A schema, and the files that its references lead to. */
interface Place {
  file: string;
  schemas: ReadonlyMap<string, object>;
}

type Report = (kind: 'breaking' | 'compatible', path: string, what: string) => void;

const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'integer', 'string'];
const DEPTH_MAX = 32;
/** Schemas that refer to each other in many ways could be compared for ever. */
const STEPS_MAX = 50_000;

/** A comparison under way. */
interface Walk {
  readonly before: Place;
  readonly after: Place;
  /** What is being compared further out: schemas may refer back to themselves. */
  readonly active: Map<Schema, Set<Schema>>;
  steps: number;
}

/**
 * Names what a reader of payloads notices between two JSON Schemas: fields gone or possibly missing, types and values
 * that were not there before. A narrower promise is compatible: readers of the old one can read it.
 */
export function diffSchemas(before: Place, after: Place, report: Report): void {
  const seen = new Set<string>();
  const once: Report = (kind, path, what) => {
    const key = `${path} ${what}`;
    if (!seen.has(key)) report(kind, path, what);
    seen.add(key);
  };
  const [was, is] = [before, after].map(({ file, schemas }) => toSchema(schemas.get(file)));
  const walk: Walk = { before, after, active: new Map(), steps: 0 };
  const root = `schemas/${after.file}#`;
  if (was && is) compare(was, is, walk, root, once, 0);
  if (walk.steps > STEPS_MAX) once('breaking', root, 'refers to itself in too many ways to be compared');
}

function compare(wasGiven: Schema, isGiven: Schema, walk: Walk, path: string, report: Report, depth: number): void {
  if (depth > DEPTH_MAX || ++walk.steps > STEPS_MAX) return;
  const others = walk.active.get(wasGiven) ?? new Set();
  if (others.has(isGiven)) return;
  walk.active.set(wasGiven, others.add(isGiven));
  compareOnce(wasGiven, isGiven, walk, path, report, depth);
  others.delete(isGiven);
}

function compareOnce(wasGiven: Schema, isGiven: Schema, walk: Walk, path: string, report: Report, depth: number): void {
  const { before, after } = walk;
  const [wasFound, isFound] = [resolve(wasGiven, before), resolve(isGiven, after)];
  if (!isFound) {
    if (wasFound) report('breaking', path, `refers to ${String(isGiven.$ref)}, which is not there`);
    return;
  }
  if (!wasFound) return;
  const was = flatten(wasFound, before);
  const is = flatten(isFound, after);
  if (alternativesOf(was) || alternativesOf(is)) {
    compareAlternatives(was, is, walk, path, report, depth);
    return;
  }
  compareTypes(was, is, path, report);
  compareValues(was, is, path, report);
  if (was.format !== undefined && was.format !== is.format)
    report('breaking', path, `format was ${String(was.format)} and is ${String(is.format ?? 'any')}`);
  const [wasFields, isFields] = [fieldsOf(was), fieldsOf(is)];
  for (const [name, field] of Object.entries(wasFields)) {
    const now = Object.hasOwn(isFields, name) ? isFields[name] : undefined;
    const at = `${path}/properties/${name}`;
    if (now === undefined) report('breaking', at, `field "${name}" is gone`);
    else {
      if (isRequired(was, name) && !isRequired(is, name)) report('breaking', at, `field "${name}" may be missing now`);
      compare(field, now, walk, at, report, depth + 1);
    }
  }
  for (const name of Object.keys(isFields)) {
    if (!Object.hasOwn(wasFields, name)) report('compatible', `${path}/properties/${name}`, `field "${name}" is new`);
  }
  const [wasOthers, isOthers] = [was.additionalProperties, is.additionalProperties];
  if (isSchema(wasOthers) && isSchema(isOthers))
    compare(wasOthers, isOthers, walk, `${path}/additionalProperties`, report, depth + 1);
  const [wasItems, isItems] = [toSchema(was.items), toSchema(is.items)];
  if (!wasItems) return;
  if (isItems) compare(wasItems, isItems, walk, `${path}/items`, report, depth + 1);
  else if (typesOf(is).includes('array')) report('breaking', `${path}/items`, 'may be anything now');
}

/** Everything that may come now must be something that could come before. */
function compareAlternatives(was: Schema, is: Schema, walk: Walk, path: string, report: Report, depth: number): void {
  const [wasAll, isAll] = [spread(was, walk.before), spread(is, walk.after)];
  const used = new Set<Schema>();
  isAll.forEach((alternative, i) => {
    const fitting = wasAll.filter((one) => fits(one, alternative, walk, depth));
    for (const one of fitting) used.add(one);
    const { word } = alternativesOf(is) ?? {};
    const at = word === undefined ? path : `${path}/${word}/${i}`;
    if (fitting.length === 0) report('breaking', at, 'allows what was not allowed before');
  });
  if (used.size < wasAll.length) report('compatible', path, 'one of the alternatives is gone');
}

function fits(was: Schema, is: Schema, walk: Walk, depth: number): boolean {
  let isBroken = false;
  const note: Report = (kind) => {
    isBroken ||= kind === 'breaking';
  };
  compare(was, is, walk, '', note, depth + 1);
  return !isBroken;
}

/** The alternatives of a schema, each with what holds for all of them; itself where it has none. */
function spread(schema: Schema, place: Place): Schema[] {
  const found = alternativesOf(schema);
  if (!found) return [schema];
  const { anyOf: _, oneOf: __, ...common } = schema;
  return found.list.map((alternative) => merge(common, flatten(resolve(alternative, place) ?? {}, place)));
}

function alternativesOf({ anyOf, oneOf }: Schema): { word: 'anyOf' | 'oneOf'; list: Schema[] } | undefined {
  if (Array.isArray(anyOf)) return { word: 'anyOf', list: anyOf.filter(isSchema) };
  return Array.isArray(oneOf) ? { word: 'oneOf', list: oneOf.filter(isSchema) } : undefined;
}

/** The parts of `allOf` as one schema. */
function flatten(schema: Schema, place: Place, depth = 0): Schema {
  if (!Array.isArray(schema.allOf) || depth > DEPTH_MAX) return schema;
  const { allOf, ...rest } = schema;
  return allOf
    .filter(isSchema)
    .reduce<Schema>((all, part) => merge(all, flatten(resolve(part, place) ?? {}, place, depth + 1)), rest);
}

function merge(one: Schema, other: Schema): Schema {
  const required = [one.required, other.required].flatMap((names) => (Array.isArray(names) ? names : []));
  return {
    ...one,
    ...other,
    properties: { ...fieldsOf(one), ...fieldsOf(other) },
    required: [...new Set(required)],
  };
}

function compareTypes(was: Schema, is: Schema, path: string, report: Report): void {
  const [wasTypes, isTypes] = [typesOf(was), typesOf(is)];
  const added = isTypes.filter(
    (type) => !wasTypes.includes(type) && !(type === 'integer' && wasTypes.includes('number')),
  );
  if (added.length > 0) report('breaking', path, `type was ${wasTypes.join(' or ')} and is ${isTypes.join(' or ')}`);
  else if (isTypes.length < wasTypes.length) {
    report('compatible', path, `type was ${wasTypes.join(' or ')} and is ${isTypes.join(' or ')}`);
  }
}

function compareValues(was: Schema, is: Schema, path: string, report: Report): void {
  const [wasValues, isValues] = [valuesOf(was), valuesOf(is)];
  if (!wasValues) return;
  if (!isValues) {
    report('breaking', path, `values were ${wasValues.join(', ')} and are free now`);
    return;
  }
  const added = isValues.filter((value) => !wasValues.includes(value));
  if (added.length > 0) report('breaking', path, `${added.join(', ')} is a new value`);
}

const REFERENCES_MAX = 32;

/** Follows `$ref`, however often; undefined where it leads nowhere. */
function resolve(schema: Schema, place: Place): Schema | undefined {
  let found: Schema | undefined = schema;
  for (let i = 0; i < REFERENCES_MAX && found && typeof found.$ref === 'string'; i++)
    found = follow(found, found.$ref, place);
  return found;
}

/** In this file or another of the folder. */
function follow(schema: Schema, ref: string, { file, schemas }: Place): Schema | undefined {
  const [target = '', pointer = ''] = ref.split('#');
  const root = schemas.get(target === '' ? file : target);
  const parts = pointer.split('/').filter((part) => part !== '');
  // `#name` is an anchor; anything else a JSON pointer.
  const found = pointer === '' || pointer.startsWith('/') ? atPointer(root, parts) : anchored(root, pointer);
  const { $ref: _, ...rest } = schema;
  const known = toSchema(found);
  return known && { ...known, ...rest };
}

function atPointer(root: unknown, parts: readonly string[]): unknown {
  let found: unknown = root;
  for (const part of parts) {
    const name = memberIn(part);
    found =
      typeof found === 'object' && found !== null && Object.hasOwn(found, name) ? (found as Schema)[name] : undefined;
  }
  return found;
}

/** A part of a JSON pointer in a URL (RFC 6901, 6). */
function memberIn(part: string): string {
  let name = part;
  try {
    name = decodeURIComponent(part);
  } catch {
    // Not encoded, then.
  }
  return name.replaceAll('~1', '/').replaceAll('~0', '~');
}

function anchored(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  if ((value as Schema).$anchor === name) return value;
  for (const member of Object.values(value)) {
    const found = anchored(member, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function typesOf({ type, nullable }: Schema): string[] {
  if (typeof type === 'string') return nullable === true ? [type, 'null'] : [type];
  return Array.isArray(type) ? type.map(String) : TYPES;
}

function valuesOf(schema: Schema): string[] | undefined {
  if ('const' in schema) return [JSON.stringify(schema.const)];
  return Array.isArray(schema.enum) ? schema.enum.map((value) => JSON.stringify(value)) : undefined;
}

function fieldsOf({ properties }: Schema): Record<string, Schema> {
  if (!isSchema(properties)) return {};
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, given]) => {
      const schema = toSchema(given);
      return schema ? [[name, schema]] : [];
    }),
  );
}

const ANYTHING: Schema = {};
const NOTHING: Schema = { enum: [] };

/** `true` allows anything, `false` nothing; undefined for what is no schema. */
function toSchema(value: unknown): Schema | undefined {
  if (typeof value === 'boolean') return value ? ANYTHING : NOTHING;
  return isSchema(value) ? value : undefined;
}

function isRequired({ required }: Schema, name: string): boolean {
  return Array.isArray(required) && required.includes(name);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
