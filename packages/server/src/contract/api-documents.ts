/** Event types out of the documents in which APIs are described: `webhooks` of OpenAPI 3.1, messages of AsyncAPI 2 and 3. */

/** What such a document says of one type. */
export interface Described {
  name: string;
  /** What the document does not say is left out, and stays as it was. */
  label?: string | undefined;
  description?: string | undefined;
  schema: object | null;
  sample?: unknown;
  deprecated?: boolean | undefined;
}

/** A document that cannot be read: with the place in it, as a JSON pointer. */
export class BrokenApiDocument extends Error {
  constructor(
    readonly pointer: string,
    reason: string,
  ) {
    super(reason);
  }
}

type Json = Readonly<Record<string, unknown>>;

const TYPES_MAX = 1_000;
/** Of one schema, with all that it refers to: far more than what may be stored. */
const MEMBERS_MAX = 20_000;
const DEPTH_MAX = 500;

/**
 * @param envelope what bodies are made of: of schemas that describe whole bodies, the payload's part is taken
 * @throws BrokenApiDocument
 */
export function readApiDocument(document: unknown, envelope: Envelope | undefined): Described[] {
  if (!isObject(document)) throw new BrokenApiDocument('', 'is no OpenAPI or AsyncAPI document');
  const whole = new Resolver(document);
  const found =
    typeof document.openapi === 'string'
      ? readOpenApi(document, whole)
      : typeof document.asyncapi === 'string'
        ? readAsyncApi(document, whole)
        : undefined;
  if (!found) throw new BrokenApiDocument('', 'has neither `openapi` nor `asyncapi`, the version of its form');
  const byName = new Map(found.map((one) => [one.name, one]));
  if (byName.size > TYPES_MAX) throw new BrokenApiDocument('', `describes more than ${TYPES_MAX} event types`);
  return [...byName.values()].map((one) =>
    whole.selfContained(envelope === undefined ? one : inside(one, envelope, whole)),
  );
}

function readOpenApi({ openapi, webhooks }: Json, whole: Resolver): Described[] {
  if (!String(openapi).startsWith('3.') || String(openapi).startsWith('3.0'))
    throw new BrokenApiDocument('/openapi', 'is not 3.1 or later: before it there are no webhooks');
  if (!isObject(webhooks)) throw new BrokenApiDocument('/webhooks', 'is missing');
  return Object.entries(webhooks).flatMap(([name, item]) => {
    const at = `/webhooks/${pointerPart(name)}`;
    const operations = Object.entries(whole.object(item, at)).filter(([method]) => METHODS.has(method));
    return operations.slice(0, 1).map(([method, given]) => {
      const operation = whole.object(given, `${at}/${method}`);
      const body =
        operation.requestBody === undefined ? {} : whole.object(operation.requestBody, `${at}/${method}/requestBody`);
      const content = isObject(body.content) ? body.content : {};
      const media = Object.entries(content).find(([type]) => /json/i.test(type))?.[1];
      const { schema, example, examples } = isObject(media) ? media : ({} as Json);
      return {
        name,
        label: textOf(operation.summary) || undefined,
        description: textOf(operation.description) || undefined,
        schema: isObject(schema) ? schema : null,
        sample: example ?? firstValue(examples, whole, at) ?? exampleOf(schema, whole, at),
        deprecated: operation.deprecated === true || undefined,
      };
    });
  });
}

const METHODS = new Set(['post', 'put', 'patch']);

function readAsyncApi({ asyncapi, channels, components }: Json, whole: Resolver): Described[] {
  const places: [name: string, given: unknown, at: string][] = [];
  const isOld = String(asyncapi).startsWith('2.');
  for (const [name, given] of Object.entries(isObject(channels) ? channels : {})) {
    const at = `/channels/${pointerPart(name)}`;
    const channel = whole.object(given, at);
    if (!isOld) {
      for (const [key, message] of Object.entries(isObject(channel.messages) ? channel.messages : {}))
        places.push([key, message, `${at}/messages/${pointerPart(key)}`]);
      continue;
    }
    for (const operation of ['subscribe', 'publish'].map((verb) => channel[verb]).filter(isObject)) {
      const { message } = operation;
      const several = isObject(message) && Array.isArray(message.oneOf) ? message.oneOf : [message];
      for (const one of several.filter(isObject)) places.push([name, one, at]);
    }
  }
  const declared = isObject(components) && isObject(components.messages) ? components.messages : {};
  for (const [key, message] of Object.entries(declared))
    places.push([key, message, `/components/messages/${pointerPart(key)}`]);
  if (places.length === 0) throw new BrokenApiDocument('/channels', 'has no messages');
  // The same message stands in its channel and among the components: what is named is named once.
  return places.map(([key, given, at]) => {
    const message = whole.object(given, at);
    const { payload } = message;
    // From 3.0 on a payload may say what its schema is written in.
    const multi =
      isObject(payload) && isObject(payload.schema) && payload.schemaFormat !== undefined ? payload.schema : payload;
    const [first] = Array.isArray(message.examples) ? message.examples : [];
    return {
      name: textOf(message.name) || textOf(message.messageId) || nameOf(given) || key,
      label: textOf(message.title) || undefined,
      description: textOf(message.summary) || textOf(message.description) || undefined,
      schema: isObject(multi) ? multi : null,
      sample: isObject(first) ? first.payload : exampleOf(multi, whole, at),
    };
  });
}

/** A reference's last part: `#/components/messages/order.paid` is named `order.paid`. */
function nameOf(given: unknown): string {
  const ref = isObject(given) ? given.$ref : undefined;
  return typeof ref === 'string' ? nameIn(ref.slice(ref.lastIndexOf('/') + 1)) : '';
}

/** The member of bodies that holds the payload, and those beside it. */
export interface Envelope {
  payload: string;
  others: readonly string[];
}

/** Of a schema that describes a whole body, with the envelope's members beside the payload: the payload's. */
function inside(one: Described, { payload, others }: Envelope, whole: Resolver): Described {
  const at = `/${one.name}`;
  const properties = one.schema ? propertiesOf(one.schema, whole, at) : {};
  const own = properties[payload];
  if (!isObject(own) || !others.some((name) => name in properties)) return one;
  const { sample } = one;
  const definitions = one.schema && whole.object(one.schema, at).$defs;
  return {
    ...one,
    schema: isObject(definitions)
      ? { ...own, $defs: { ...definitions, ...(isObject(own.$defs) ? own.$defs : {}) } }
      : own,
    ...(isObject(sample) && payload in sample ? { sample: sample[payload] } : {}),
  };
}

/** Its own, and those of the parts of `allOf`. */
function propertiesOf(schema: object, whole: Resolver, at: string, depth = 0): Json {
  const { properties, allOf } = whole.object(schema, at);
  const parts = Array.isArray(allOf) && depth < REFERENCES_MAX ? allOf.filter(isObject) : [];
  return Object.assign(
    {},
    ...parts.map((part) => propertiesOf(part, whole, at, depth + 1)),
    isObject(properties) ? properties : {},
  );
}

function firstValue(examples: unknown, whole: Resolver, at: string): unknown {
  const [first] = isObject(examples) ? Object.values(examples) : [];
  return isObject(first) ? whole.object(first, at).value : undefined;
}

function exampleOf(given: unknown, whole: Resolver, at: string): unknown {
  if (!isObject(given)) return undefined;
  const { example, examples } = whole.object(given, at);
  return example ?? (Array.isArray(examples) ? examples[0] : undefined);
}

const REFERENCES_MAX = 32;

/** Follows references within one document. */
class Resolver {
  constructor(private readonly document: Json) {}

  /** What is given, or what its reference leads to. */
  object(given: unknown, at: string): Json {
    let value = given;
    for (let i = 0; i < REFERENCES_MAX; i++) {
      if (!isObject(value)) throw new BrokenApiDocument(at, 'is no object');
      if (typeof value.$ref !== 'string') return value;
      value = this.at(value.$ref, at);
    }
    throw new BrokenApiDocument(at, 'is a reference that leads back to itself');
  }

  /** With all that its schema refers to beside it, in `$defs`. */
  selfContained(one: Described): Described {
    if (one.schema === null) return one;
    const names = new Map<string, string>();
    const definitions: Record<string, unknown> = {};
    let members = 0;
    let depth = 0;
    const copy = (value: unknown): unknown => {
      if (++members > MEMBERS_MAX || depth > DEPTH_MAX)
        throw new BrokenApiDocument(`/${one.name}`, 'is too large a schema, with all that it refers to');
      depth++;
      const copied = copyOf(value);
      depth--;
      return copied;
    };
    const copyOf = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(copy);
      if (!isObject(value)) return value;
      const { $ref, ...others } = value;
      const copied = Object.fromEntries(Object.entries(others).map(([key, member]) => [key, copy(member)]));
      return typeof $ref === 'string' && !$ref.startsWith('#/$defs/')
        ? { ...copied, $ref: define($ref) }
        : { ...copied, ...($ref === undefined ? {} : { $ref }) };
    };
    const define = (ref: string): string => {
      const known = names.get(ref);
      if (known !== undefined) return `#/$defs/${known}`;
      const last = ref.slice(ref.lastIndexOf('/') + 1).replace(/[^A-Za-z0-9_.-]/g, '_');
      const name = last in definitions ? `${last}_${names.size}` : last;
      names.set(ref, name);
      definitions[name] = {};
      definitions[name] = copy(this.at(ref, `/${one.name}`));
      return `#/$defs/${name}`;
    };
    const schema = copy(one.schema) as Json;
    const own = isObject(schema.$defs) ? schema.$defs : {};
    const isAlone = Object.keys(definitions).length === 0;
    return { ...one, schema: isAlone ? schema : { ...schema, $defs: { ...own, ...definitions } } };
  }

  private at(ref: string, from: string): unknown {
    if (!ref.startsWith('#/'))
      throw new BrokenApiDocument(from, `refers to "${ref}", outside of the document: bundle it into one first`);
    let value: unknown = this.document;
    for (const part of ref.slice(2).split('/').map(nameIn))
      value = isObject(value) || Array.isArray(value) ? (value as Json)[part] : undefined;
    if (value === undefined) throw new BrokenApiDocument(from, `refers to "${ref}", which is not there`);
    return value;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value.trim() : '');
/** A name as a part of a JSON pointer (RFC 6901), and back, out of the fragment of a URL. */
const pointerPart = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
function nameIn(part: string): string {
  const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
