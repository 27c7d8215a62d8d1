import { brotliCompressSync, gzipSync } from 'node:zlib';
import fc, { type Arbitrary } from 'fast-check';
import { fromSchema, type Known, type Schema } from './from-schema.ts';
import { type Change, change, toTree, writeTree } from './json-tree.ts';
import { CURSORS, idsOf, NAMES, TEXTS, TIMES, TOKENS, text } from './values.ts';

export interface Operation {
  method: string;
  path: string;
  operationId: string;
  parameters?: { in: string; name: string; schema: Schema }[];
  requestBody?: { content: { 'application/json': { schema: Schema } } };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

export interface FuzzRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

/** What exists: its ids by the names of parameters, and keys of every kind of caller. */
export interface World {
  ids: Readonly<Record<string, readonly string[]>>;
  operatorKey: string;
  tokens: readonly string[];
  known: Known;
}

const PREFIXES: Readonly<Record<string, string>> = {
  endpoint: 'ep',
  event: 'evt',
  delivery: 'dlv',
  key: 'key',
  bin: 'bin',
  replay: 'rpl',
  scheduled_event: 'sch',
  dead_letter: 'ddl',
  operator_key: 'opk',
  account: 'acc',
};

/** Requests of one operation: most of them almost right, and none of them harmless by intention. */
export function requestsOf(operation: Operation, world: World): Arbitrary<FuzzRequest> {
  const parameters = operation.parameters ?? [];
  const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
  const path = fc
    .tuple(...inPath.map((name) => pathValue(name, world)))
    .map((values) => inPath.reduce((url, name, i) => url.replace(`{${name}}`, values[i] ?? ''), operation.path));
  const query = fc.array(
    queryPart(
      parameters.filter((one) => one.in === 'query'),
      world,
    ),
    { maxLength: 4 },
  );
  const isRead = operation.method === 'get';
  const body = isRead ? fc.constant(NO_BODY) : bodyOf(operation.requestBody?.content['application/json'].schema, world);
  return fc
    .record({ path, query, body, headers: headersOf(world) })
    .map(({ path: url, query: parts, body: sent, headers }) =>
      legible({
        method: operation.method.toUpperCase(),
        path: parts.length === 0 ? url : `${url}?${parts.join('&')}`,
        headers: { ...headers, ...sent.headers },
        body: sent.bytes,
      }),
    );
}

/** A failure shows it as text, not as a list of bytes. */
export function legible(request: FuzzRequest): FuzzRequest {
  const shown = () => JSON.stringify({ ...request, body: request.body.toString('latin1') });
  return Object.assign(request, { [fc.toStringMethod]: shown });
}

/** Lone surrogates cannot be encoded; they arrive as what UTF-8 has for them. */
const encode = (value: string) => encodeURIComponent(Buffer.from(value).toString());

function pathValue(name: string, { ids }: World): Arbitrary<string> {
  const real = ids[name] ?? [];
  return fc.oneof(
    ...(real.length > 0 ? [{ weight: 12, arbitrary: fc.constantFrom(...real).map(encode) }] : []),
    { weight: 2, arbitrary: fc.constantFrom(...idsOf(PREFIXES[name] ?? name)).map(encode) },
    { weight: 2, arbitrary: text.map(encode) },
    { weight: 1, arbitrary: fc.constantFrom('%00', '%zz', '%', '%ff', '%c0%80', '%2e%2e%2f', '..', 'y'.repeat(8_000)) },
  );
}

function queryPart(known: readonly { name: string; schema: Schema }[], world: World): Arbitrary<string> {
  const real = (name: string, { format }: Schema) => {
    if (name === 'cursor') return CURSORS;
    return name === 'to' && format === undefined ? world.ids.contract : world.ids[name];
  };
  const value = (name: string, schema: Schema) =>
    fc.oneof(
      { weight: 4, arbitrary: fromSchema(schema, {}).map(String) },
      { weight: 3, arbitrary: fc.constantFrom(...(real(name, schema) ?? TIMES)) },
      { weight: 1, arbitrary: fc.constantFrom(...TEXTS) },
      { weight: 1, arbitrary: text },
      { weight: 1, arbitrary: fc.constantFrom('-1', '0', '1e3', '1.5', '9'.repeat(30), 'Infinity', '0x10', ' 1') },
    );
  const parts = known.map(({ name, schema }) => value(name, schema).map((one) => `${name}=${encode(one)}`));
  const odd = fc.constantFrom(
    'x=1',
    '=',
    '&',
    'limit',
    'limit=',
    'limit[]=1',
    'cursor=%zz',
    '__proto__=1',
    'q=%00',
    '%',
  );
  return fc.oneof(...parts.map((arbitrary) => ({ weight: 5, arbitrary })), { weight: 1, arbitrary: odd });
}

interface Body {
  bytes: Buffer;
  headers: Record<string, string>;
}
const NO_BODY: Body = { bytes: Buffer.alloc(0), headers: {} };
const JSON_TYPE = { 'content-type': 'application/json' };

const aChange: Arbitrary<Change> = fc.record({
  place: fc.nat(200),
  way: fc.constantFrom('replace', 'replace', 'remove', 'repeat', 'add', 'wrap'),
  token: fc.constantFrom(...TOKENS),
  name: fc.constantFrom(...NAMES),
});

function bodyOf(schema: Schema | undefined, { known }: World): Arbitrary<Body> {
  const value = schema ? fromSchema(schema, known) : fc.constantFrom(null, {}, []);
  const json = fc
    .tuple(value, fc.oneof(fc.constant([]), fc.array(aChange, { minLength: 1, maxLength: 3 })))
    .map(([right, changes]) => writeTree(changes.reduce(change, toTree(right))));
  return fc.oneof(
    { weight: 30, arbitrary: json.map((sent) => ({ bytes: Buffer.from(sent), headers: JSON_TYPE })) },
    { weight: 5, arbitrary: fc.tuple(json, encodings).map(([sent, encoded]) => encoded(Buffer.from(sent))) },
    {
      weight: 3,
      arbitrary: fc.tuple(json, broken).map(([sent, broke]) => ({ bytes: broke(sent), headers: JSON_TYPE })),
    },
    { weight: 2, arbitrary: fc.constantFrom(NO_BODY, { bytes: NO_BODY.bytes, headers: JSON_TYPE }) },
  );
}

/** Ways in which a body is sent otherwise than as it is. */
const encodings = fc.constantFrom<((bytes: Buffer) => Body)[]>(
  (bytes) => ({ bytes: gzipSync(bytes), headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } }),
  (bytes) => ({ bytes: brotliCompressSync(bytes), headers: { ...JSON_TYPE, 'content-encoding': 'br' } }),
  (bytes) => ({ bytes: gzipSync(bytes).subarray(0, -5), headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } }),
  (bytes) => ({ bytes, headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } }),
  (bytes) => ({ bytes, headers: { ...JSON_TYPE, 'content-encoding': 'zstd' } }),
  (bytes) => ({ bytes, headers: { ...JSON_TYPE, 'content-encoding': '__proto__' } }),
  (bytes) => ({ bytes: BOMB, headers: { ...JSON_TYPE, 'content-encoding': 'gzip', 'x-size': String(bytes.length) } }),
  (bytes) => ({ bytes: Buffer.from(bytes.toString(), 'utf16le'), headers: JSON_TYPE }),
  (bytes) => ({ bytes, headers: { 'content-type': 'application/json; charset=utf-16' } }),
  (bytes) => ({ bytes, headers: { 'content-type': 'application/json; charset=UTF-8' } }),
  (bytes) => ({ bytes, headers: { 'content-type': 'text/plain' } }),
  (bytes) => ({ bytes, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
  (bytes) => ({ bytes, headers: { 'content-type': 'multipart/form-data; boundary=x' } }),
  (bytes) => ({ bytes, headers: { 'content-type': 'application/json/json' } }),
  (bytes) => ({ bytes, headers: { 'content-type': '' } }),
  (bytes) => ({ bytes, headers: {} }),
);
const BOMB = gzipSync(Buffer.alloc(20 * 1024 * 1024));

const broken = fc.constantFrom<((json: string) => Buffer)[]>(
  (json) => Buffer.from(json.slice(0, -1)),
  (json) => Buffer.from(`${json}${json}`),
  (json) => Buffer.from(`\ufeff${json}`),
  (json) => Buffer.from(`\n\t ${json} \r\n`),
  (json) => Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.from([0xff, 0xfe]), Buffer.from(json.slice(-1))]),
  (json) => Buffer.from(json.replaceAll('"', "'")),
  (json) => Buffer.from(json.padEnd(300 * 1024)),
  () => Buffer.alloc(100),
  () => Buffer.from('NaN'),
);

function headersOf({ operatorKey, tokens }: World): Arbitrary<Record<string, string>> {
  const operator = { authorization: `Bearer ${operatorKey}` };
  const callers = [
    {},
    { authorization: 'Bearer' },
    { authorization: `bearer   ${operatorKey}` },
    { authorization: `Bearer ${'x'.repeat(2_000)}` },
    { authorization: 'Basic YTpi' },
    { cookie: 'posthorn_session=x; a=b' },
    ...tokens.map((token) => ({ authorization: `Bearer ${token}` })),
    ...tokens.map((token) => ({ cookie: `posthorn_session=${token}` })),
    { ...operator, 'idempotency-key': 'again' },
    { ...operator, 'idempotency-key': 'x'.repeat(257) },
    { ...operator, 'idempotency-key': '' },
    { ...operator, 'x-forwarded-for': 'nobody', 'x-forwarded-host': 'a, b', 'x-forwarded-proto': 'gopher' },
    { ...operator, accept: 'image/png', 'accept-encoding': 'identity;q=0', range: 'bytes=5-1', expect: 'nothing' },
    { ...operator, 'if-none-match': '*', 'if-modified-since': 'never', 'x-http-method-override': 'DELETE' },
  ];
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant(operator) },
    { weight: 1, arbitrary: fc.constantFrom(...callers) },
  );
}
