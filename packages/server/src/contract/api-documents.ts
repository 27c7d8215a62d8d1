/** Event types out of the documents in which APIs are described: `webhooks` of OpenAPI 3.1, messages of AsyncAPI 2 and 3. */

/** What such a document says of one type. */
export interface Described {
  name: string;
  label: string;
  description: string;
  schema: object | null;
  sample: unknown;
  deprecated: boolean;
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

/**
 * @param payloadAt the member of the body that holds the payload: schemas that describe whole bodies are taken from there
 * @throws BrokenApiDocument
 */
export function readApiDocument(document: unknown, payloadAt: string | undefined): Described[] {
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
  return [...byName.values()].map((one) =>
    whole.selfContained(payloadAt === undefined ? one : inside(one, payloadAt, whole)),
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
        label: textOf(operation.summary),
        description: textOf(operation.description),
        schema: isObject(schema) ? schema : null,
        sample: example ?? firstValue(examples, whole, at) ?? exampleOf(schema, whole, at),
        deprecated: operation.deprecated === true,
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
      name: textOf(message.name) || nameOf(given) || key,
      label: textOf(message.title),
      description: textOf(message.summary) || textOf(message.description),
      schema: isObject(multi) ? multi : null,
      sample: isObject(first) ? first.payload : exampleOf(multi, whole, at),
      deprecated: false,
    };
  });
}

/** A reference's last part: `#/components/messages/order.paid` is named `order.paid`. */
function nameOf(given: unknown): string {
  const ref = isObject(given) ? given.$ref : undefined;
  return typeof ref === 'string' ? nameIn(ref.slice(ref.lastIndexOf('/') + 1)) : '';
}

/** Of a schema that describes a whole body, with its type beside the payload: the payload's. */
function inside(one: Described, payloadAt: string, whole: Resolver): Described {
  const schema = one.schema && whole.object(one.schema, `/${one.name}`);
  const { properties } = schema ?? {};
  if (!isObject(properties) || !isObject(properties[payloadAt]) || Object.keys(properties).length < 2) return one;
  const { sample } = one;
  return {
    ...one,
    schema: properties[payloadAt],
    sample: isObject(sample) && payloadAt in sample ? sample[payloadAt] : sample,
  };
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
    const copy = (value: unknown): unknown => {
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
