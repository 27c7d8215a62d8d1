type Schema = Readonly<Record<string, unknown>>;

/** A schema, and the files that its references lead to. */
interface Place {
  file: string;
  schemas: ReadonlyMap<string, object>;
}

type Report = (kind: 'breaking' | 'compatible', path: string, what: string) => void;

const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'integer', 'string'];
const DEPTH_MAX = 32;

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
  const [was, is] = [before, after].map(({ file, schemas }) => schemas.get(file) as Schema | undefined);
  if (was && is) compare(was, is, before, after, `schemas/${after.file}#`, once, 0);
}

function compare(
  wasGiven: Schema,
  isGiven: Schema,
  before: Place,
  after: Place,
  path: string,
  report: Report,
  depth: number,
): void {
  if (depth > DEPTH_MAX) return;
  const was = flatten(resolve(wasGiven, before), before);
  const is = flatten(resolve(isGiven, after), after);
  if (alternativesOf(was) || alternativesOf(is)) {
    compareAlternatives(was, is, before, after, path, report, depth);
    return;
  }
  compareTypes(was, is, path, report);
  compareValues(was, is, path, report);
  const [wasFields, isFields] = [fieldsOf(was), fieldsOf(is)];
  for (const [name, field] of Object.entries(wasFields)) {
    const now = isFields[name];
    const at = `${path}/properties/${name}`;
    if (now === undefined) report('breaking', at, `field "${name}" is gone`);
    else {
      if (isRequired(was, name) && !isRequired(is, name)) report('breaking', at, `field "${name}" may be missing now`);
      compare(field, now, before, after, at, report, depth + 1);
    }
  }
  for (const name of Object.keys(isFields)) {
    if (wasFields[name] === undefined) report('compatible', `${path}/properties/${name}`, `field "${name}" is new`);
  }
  if (isSchema(was.items) && isSchema(is.items)) {
    compare(was.items, is.items, before, after, `${path}/items`, report, depth + 1);
  }
}

/** Everything that may come now must be something that could come before. */
function compareAlternatives(
  was: Schema,
  is: Schema,
  before: Place,
  after: Place,
  path: string,
  report: Report,
  depth: number,
): void {
  const [wasAll, isAll] = [spread(was, before), spread(is, after)];
  const used = new Set<Schema>();
  isAll.forEach((alternative, i) => {
    const fitting = wasAll.filter((one) => fits(one, alternative, before, after, depth));
    for (const one of fitting) used.add(one);
    const { word } = alternativesOf(is) ?? {};
    const at = word === undefined ? path : `${path}/${word}/${i}`;
    if (fitting.length === 0) report('breaking', at, 'allows what was not allowed before');
  });
  if (used.size < wasAll.length) report('compatible', path, 'one of the alternatives is gone');
}

function fits(was: Schema, is: Schema, before: Place, after: Place, depth: number): boolean {
  let isBroken = false;
  const note: Report = (kind) => {
    isBroken ||= kind === 'breaking';
  };
  compare(was, is, before, after, '', note, depth + 1);
  return !isBroken;
}

/** The alternatives of a schema, each with what holds for all of them; itself where it has none. */
function spread(schema: Schema, place: Place): Schema[] {
  const found = alternativesOf(schema);
  if (!found) return [schema];
  const { anyOf: _, oneOf: __, ...common } = schema;
  return found.list.map((alternative) => merge(common, flatten(resolve(alternative, place), place)));
}

function alternativesOf({ anyOf, oneOf }: Schema): { word: 'anyOf' | 'oneOf'; list: Schema[] } | undefined {
  if (Array.isArray(anyOf)) return { word: 'anyOf', list: anyOf.filter(isSchema) };
  return Array.isArray(oneOf) ? { word: 'oneOf', list: oneOf.filter(isSchema) } : undefined;
}

/** The parts of `allOf` as one schema. */
function flatten(schema: Schema, place: Place): Schema {
  if (!Array.isArray(schema.allOf)) return schema;
  const { allOf, ...rest } = schema;
  return allOf.filter(isSchema).reduce<Schema>((all, part) => merge(all, flatten(resolve(part, place), place)), rest);
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

/** Follows `$ref`, in this file or another of the folder. */
function resolve(schema: Schema, { file, schemas }: Place): Schema {
  if (typeof schema.$ref !== 'string') return schema;
  const [target = '', pointer = ''] = schema.$ref.split('#');
  let found: unknown = schemas.get(target === '' ? file : target);
  for (const part of pointer.split('/').filter((p) => p !== '')) found = isSchema(found) ? found[part] : undefined;
  const { $ref: _, ...rest } = schema;
  return isSchema(found) ? { ...found, ...rest } : rest;
}

function typesOf({ type }: Schema): string[] {
  if (typeof type === 'string') return [type];
  return Array.isArray(type) ? type.map(String) : TYPES;
}

function valuesOf(schema: Schema): string[] | undefined {
  if ('const' in schema) return [JSON.stringify(schema.const)];
  return Array.isArray(schema.enum) ? schema.enum.map((value) => JSON.stringify(value)) : undefined;
}

function fieldsOf({ properties }: Schema): Record<string, Schema> {
  return isSchema(properties) ? (properties as Record<string, Schema>) : {};
}

function isRequired({ required }: Schema, name: string): boolean {
  return Array.isArray(required) && required.includes(name);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
