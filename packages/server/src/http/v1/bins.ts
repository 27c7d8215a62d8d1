import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { isPublicHeader } from '../../domain/header-names.ts';
import { decodeId, timeOfId } from '../../domain/ids.ts';
import { ERROR_CODES } from '../../domain/outcome.ts';
import type { Bin, BinRequest } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { callerOf, seesCredentials } from '../caller.ts';
import { hideUnless, presentBody, toRecord } from '../present-http.ts';
import { AccountParams, closed, Nullable, named, responses, Time } from '../schemas.ts';
import { Url } from './endpoint-schemas.ts';

const DELAY_MAX_MS = 30_000;
const DEFAULT_ANSWER = { status: 200, delay_ms: 0, body: 'ok', headers: {} };

/** Names that a proxy in front of this server, or a browser, acts on. */
const STEERING = /^x-(?:accel-|sendfile|lighttpd-|reproxy-|content-|frame-|xss-|permitted-|dns-|ua-|robots-)/i;

/** @throws Problem `invalid_request` */
function checkHeaders(headers: Readonly<Record<string, string>> | undefined): void {
  const name = Object.keys(headers ?? {}).find((one) => STEERING.test(one));
  if (name === undefined) return;
  const detail = 'proxies and browsers act on this header: a bin may not send it';
  throw new Problem('invalid_request', `#/headers/${name}: ${detail}`, [{ pointer: `#/headers/${name}`, detail }]);
}

/** Bins answer on this server's own origin: nothing that a browser acts on. */
const BinHeaders = Type.Record(
  Type.String({ pattern: '^([Xx]-[A-Za-z0-9-]{1,60}|[Rr]etry-[Aa]fter)$' }),
  Type.String({ pattern: '^[\\x20-\\x7e]*$', maxLength: 1_000 }),
  { additionalProperties: false, maxProperties: 20, description: '`Retry-After`, and those that begin with `X-`' },
);

const Answer = {
  status: Type.Optional(Type.Integer({ minimum: 200, maximum: 599, description: 'What it answers; 200 by default' })),
  delay_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: DELAY_MAX_MS })),
  body: Type.Optional(Type.String({ maxLength: 4096 })),
  headers: Type.Optional(BinHeaders),
};
const BinView = named(
  'Bin',
  Type.Object({
    id: Type.String(),
    url: Type.String({ description: 'Point a webhook here' }),
    status: Type.Integer(),
    delay_ms: Type.Integer(),
    body: Type.String(),
    headers: Type.Record(Type.String(), Type.String()),
    expires_at: Time,
  }),
);
const BinDetail = named(
  'BinDetail',
  Type.Object({
    ...BinView.properties,
    requests: Type.Array(
      named(
        'BinRequest',
        Type.Object({
          id: Type.String(),
          at: Time,
          method: Type.String(),
          path: Type.String(),
          headers: Type.Record(Type.String(), Type.String()),
          body: Type.String(),
          body_encoding: Type.Enum(['utf8', 'base64']),
          truncated: Type.Boolean(),
          verified_by: Type.Union([Type.String(), Type.Null()], {
            description: 'The endpoint of this account whose secret signed it',
          }),
        }),
      ),
    ),
  }),
);
const BinParams = Type.Object({ account: Type.String({ maxLength: 128 }), bin: Type.String({ maxLength: 64 }) });

/** The inspector: request bins of an account. */
export function binRoutes(app: App, parts: HttpParts): void {
  const { inspector, endpoints, sessions, binForwards, pageOrigin } = parts;
  const present = (bin: Bin) => ({
    id: bin.id,
    url: inspector.urlOf(bin),
    status: bin.status,
    delay_ms: bin.delayMs,
    body: bin.body,
    headers: bin.headers,
    expires_at: bin.expiresAt.toISOString(),
  });

  app.post(
    '/accounts/:account/bins',
    {
      schema: {
        operationId: 'createBin',
        summary: 'Create a request bin',
        description:
          'An address that keeps what it is sent and answers as you like. Only for this account; it expires.',
        tags: ['Inspector'],
        params: AccountParams,
        body: Type.Optional(Nullable(closed(Answer))),
        response: responses({ 201: BinView }, 409),
      },
    },
    async (request, reply) => {
      const account = await endpoints.accountOf(request.params.account);
      const { status, delay_ms: delayMs, body, headers } = { ...DEFAULT_ANSWER, ...request.body };
      checkHeaders(headers);
      return reply.code(201).send(present(await inspector.create(account.id, { status, delayMs, body, headers })));
    },
  );

  app.get(
    '/accounts/:account/bins',
    {
      schema: {
        operationId: 'listBins',
        summary: "List an account's bins",
        tags: ['Inspector'],
        params: AccountParams,
        response: responses({ 200: Type.Object({ data: Type.Array(BinView) }) }),
      },
    },
    async (request) => {
      const { id } = await endpoints.accountOf(request.params.account);
      return { data: (await inspector.list(id)).map(present) };
    },
  );

  app.get(
    '/accounts/:account/bins/:bin',
    {
      schema: {
        operationId: 'getBin',
        summary: 'Show a bin with the newest requests',
        tags: ['Inspector'],
        params: BinParams,
        querystring: closed({
          from: Type.Optional({ ...Time, description: 'Only requests that came since; to poll without reading all' }),
        }),
        response: responses({ 200: BinDetail }),
      },
    },
    async (request) => {
      const { account, bin } = request.params;
      const [{ contract }, found] = await Promise.all([endpoints.accountOf(account), inspector.find(account, bin)]);
      const { from } = request.query;
      const requests = await inspector.requests(found, from === undefined ? undefined : Date.parse(from));
      const sees = seesCredentials(request) ? () => true : (name: string) => isPublicHeader(name, contract.headerNames);
      return { ...present(found), requests: requests.map((one) => presentRequest(one, sees)) };
    },
  );

  app.patch(
    '/accounts/:account/bins/:bin',
    {
      schema: {
        operationId: 'changeBin',
        summary: 'Change how a bin answers',
        tags: ['Inspector'],
        params: BinParams,
        body: closed(Answer),
        response: responses({ 200: BinView }),
      },
    },
    async (request) => {
      const { account, bin: id } = request.params;
      checkHeaders(request.body.headers);
      const before = await inspector.find(account, id);
      const { delay_ms: delayMs = before.delayMs, ...rest } = request.body;
      return present(await inspector.change(account, id, { ...before, ...rest, delayMs }));
    },
  );

  app.post(
    '/accounts/:account/bins/:bin/share',
    {
      schema: {
        operationId: 'shareBin',
        summary: 'Make a link that shows this bin, and nothing else',
        description: 'Read-only, without what may be a credential, for as long as the bin is there.',
        tags: ['Inspector'],
        params: BinParams,
        response: responses({ 201: Type.Object({ url: Type.String(), expires_at: Time }) }),
      },
    },
    async (request, reply) => {
      const { account, bin } = request.params;
      const { id, expiresAt } = await inspector.find(account, bin);
      // Who made it: what ends their sessions ends their links, too.
      const { session: own } = callerOf(request);
      const session = {
        accountId: account,
        operator: null,
        permissions: [],
        theme: {},
        userName: own?.userName ?? null,
        binId: id,
      };
      const token = await sessions.create({ ...session, expiresAtMs: expiresAt.getTime() });
      const url = `${pageOrigin()}/page/#token=${token}`;
      return reply.code(201).send({ url, expires_at: expiresAt.toISOString() });
    },
  );

  app.post(
    '/accounts/:account/bins/:bin/requests/:request/forward',
    {
      schema: {
        operationId: 'forwardBinRequest',
        summary: 'Send a request that came into a bin once more, to the bin itself or somewhere else',
        tags: ['Inspector'],
        params: Type.Object({ ...BinParams.properties, request: Type.String({ maxLength: 64 }) }),
        body: closed({ url: Type.Optional(Url) }),
        response: responses(
          {
            200: Type.Object({
              error: Nullable(Type.Enum([...ERROR_CODES])),
              error_detail: Nullable(Type.String()),
              duration_ms: Type.Number(),
              response: Nullable(
                Type.Object({
                  status: Type.Integer(),
                  headers: Type.Record(Type.String(), Type.String()),
                  body: Type.String(),
                  body_encoding: Type.Enum(['utf8', 'base64']),
                }),
              ),
            }),
          },
          409,
          422,
        ),
      },
    },
    async (request) => {
      const { account, bin, request: id } = request.params;
      const { error, errorDetail, response, timings } = await binForwards.send(account, bin, id, request.body.url);
      return {
        error: error ?? null,
        error_detail: errorDetail ?? null,
        duration_ms: timings.total,
        response: response
          ? {
              status: response.status,
              headers: toRecord(response.headers),
              ...presentBody(response.body, response.truncated),
            }
          : null,
      };
    },
  );

  app.delete(
    '/accounts/:account/bins/:bin',
    {
      schema: {
        operationId: 'deleteBin',
        summary: 'Delete a bin with its requests',
        tags: ['Inspector'],
        params: BinParams,
        response: responses({ 204: Type.Null() }),
      },
    },
    async (request, reply) => {
      await inspector.remove(request.params.account, request.params.bin);
      return reply.code(204).send(null);
    },
  );
}

function presentRequest(request: BinRequest, mayBeSeen: (name: string) => boolean) {
  return {
    id: request.id,
    at: new Date(timeOfId(decodeId('req', request.id) ?? new Uint8Array(16))).toISOString(),
    method: request.method,
    path: request.path,
    headers: toRecord(hideUnless([...request.headers, ...request.secretHeaders], mayBeSeen)),
    ...presentBody(request.body, request.truncated),
    truncated: request.truncated,
    verified_by: request.verifiedBy,
  };
}
