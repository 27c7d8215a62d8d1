/** Requests as no HTTP client sends them: each has an answer of ours, and none a 500. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../../packages/server/src/domain/errors.ts';
import { OPERATOR_KEY, startTestNode, type TestNode } from '../../support/node.ts';
import { sendRaw } from '../../support/raw-http.ts';

let node: TestNode;

beforeAll(async () => {
  node = await startTestNode();
  await node.call('POST', '/v1/accounts', { id: 'a', name: 'A', contract: 'standard' });
});
afterAll(async () => {
  await node.stop();
});

const AUTH = `Authorization: Bearer ${OPERATOR_KEY}\r\n`;
const get = (path: string, headers = 'Host: a\r\n') => `GET ${path} HTTP/1.1\r\n${headers}${AUTH}\r\n`;
const post = (headers: string, body: string) => `POST /v1/accounts HTTP/1.1\r\nHost: a\r\n${AUTH}${headers}\r\n${body}`;
const JSON_TYPE = 'Content-Type: application/json\r\n';

const cases: [name: string, request: string, status: number, code: keyof typeof CATALOGUE][] = [
  ['an account id of 201 characters', get(`/v1/accounts/${'a'.repeat(201)}`), 400, 'invalid_request'],
  ['an account id of 10,000 characters', get(`/v1/accounts/${'a'.repeat(10_000)}`), 400, 'invalid_request'],
  ['a long id in the audit log', get(`/v1/accounts/${'a'.repeat(500)}/audit`), 400, 'invalid_request'],
  ['a long name of a contract', get(`/v1/contracts/${'a'.repeat(500)}`), 404, 'contract_not_found'],
  ['a path out of the folder', get('/docs/static/../../../package.json'), 404, 'route_not_found'],
  ['a path out of the folder, encoded', get('/docs/static/..%2f..%2f..%2fpackage.json'), 404, 'route_not_found'],
  ['a path with a zero byte', get('/docs/static/%00'), 404, 'route_not_found'],
  ['a file whose name begins with a dot', get('/docs/static/.git'), 404, 'route_not_found'],
  ['two Host headers', get('/v1/accounts', 'Host: a\r\nhost: b\r\n'), 400, 'malformed_request'],
  ['the same Host header twice', get('/v1/accounts', 'Host: a\r\nHost: a\r\n'), 400, 'malformed_request'],
  ['no Host header', get('/v1/accounts', ''), 400, 'malformed_request'],
  ['two Host headers at the page', 'GET /console/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, 'malformed_request'],
  ['no HTTP at all', 'hello\r\n\r\n', 400, 'malformed_request'],
  ['an unknown method', 'HELLO / HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'malformed_request'],
  ['an unknown version', 'GET / HTTP/9.9\r\nHost: a\r\n\r\n', 400, 'malformed_request'],
  ['a header without a colon', get('/v1/accounts', 'Host: a\r\nnonsense\r\n'), 400, 'malformed_request'],
  ['a header with a zero byte', get('/v1/accounts', 'Host: a\r\nx: \0\r\n'), 400, 'malformed_request'],
  ['headers of 20 KB', get('/v1/accounts', `Host: a\r\nx: ${'y'.repeat(20_000)}\r\n`), 431, 'headers_too_large'],
  ['a Content-Length that is no number', post(`${JSON_TYPE}Content-Length: x\r\n`, '{}'), 400, 'malformed_request'],
  ['a negative Content-Length', post(`${JSON_TYPE}Content-Length: -1\r\n`, '{}'), 400, 'malformed_request'],
  [
    'two Content-Lengths',
    post(`${JSON_TYPE}Content-Length: 2\r\nContent-Length: 3\r\n`, '{} '),
    400,
    'malformed_request',
  ],
  [
    'Content-Length and chunks',
    post(`${JSON_TYPE}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n`, '2\r\n{}\r\n0\r\n\r\n'),
    400,
    'malformed_request',
  ],
  [
    'chunks that are none',
    post(`${JSON_TYPE}Transfer-Encoding: chunked\r\n`, 'zz\r\n{}\r\n'),
    400,
    'malformed_request',
  ],
  ['a huge Content-Length', post(`${JSON_TYPE}Content-Length: 99999999999\r\n`, '{}'), 413, 'payload_too_large'],
  ['a body without a type', post('Content-Length: 2\r\n', '{}'), 415, 'unsupported_media_type'],
  ['a type that is none', post('Content-Type: json\r\nContent-Length: 2\r\n', '{}'), 415, 'unsupported_media_type'],
  ['a path that cannot be decoded', get('/v1/accounts/%ff'), 404, 'route_not_found'],
];

test.each(cases)('%s', async (_, request, status, code) => {
  const answer = await sendRaw(node.url, request);
  expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
    status,
    type: 'application/problem+json',
  });
  expect(JSON.parse(answer.body)).toMatchObject({ status, code, title: CATALOGUE[code][1] });
  expect((await node.call('GET', '/healthz')).status).toBe(200);
});

test('an expectation that is not known is ignored (RFC 9110, 10.1.1)', async () => {
  const answer = await sendRaw(node.url, get('/v1/accounts', 'Host: a\r\nExpect: miracles\r\n'));
  expect(answer.status).toBe(200);
});

test('what becomes no request is answered once, and the connection ends', async () => {
  const answer = await sendRaw(node.url, `hello\r\n\r\n${get('/v1/accounts')}`);
  expect(answer.headers.get('connection')).toBe('close');
  expect(JSON.parse(answer.body)).toMatchObject({ code: 'malformed_request', request_id: 'none' });
});

describe('a wrong method', () => {
  test.each([
    ['PUT', '/v1/accounts/a', 'GET, PATCH, DELETE'],
    ['DELETE', '/v1/accounts/a/events', 'GET, POST'],
    ['POST', '/healthz', 'GET'],
  ])('%s %s is 405 and names the others', async (method, path, allow) => {
    const answer = await node.call(method, path);
    expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
    expect(answer.headers.get('allow')).toBe(allow);
  });
});
