/** Certificates of endpoints: mutual TLS, and authorities of their own. */
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AUTHORITY, CLIENT, RECEIVER } from '../support/certificates.ts';
import { createDatabase, query } from '../support/database.ts';
import { startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';
import { createAccount } from '../support/vendors.ts';

const CLIENT_TLS = { certificate: CLIENT.cert, private_key: CLIENT.key, certificate_authority: AUTHORITY };

let databaseUrl: string;
let node: TestNode;
let receiver: Receiver;
let url: string;
/** Of each request that came, the name in the client's certificate. */
let clients: (string | undefined)[];
let account: string;

beforeAll(async () => {
  databaseUrl = await createDatabase();
  node = await startTestNode({ databaseUrl, environment: { POSTHORN_ENDPOINT_CA: 'on' } });
  account = await createAccount(node, 'standard');
  const server = createServer({ ...RECEIVER, ca: AUTHORITY, requestCert: true, rejectUnauthorized: true });
  clients = [];
  server.on('request', ({ socket }) =>
    clients.push((socket as TLSSocket).getPeerCertificate().subject?.CN?.toString()),
  );
  receiver = await Receiver.start(server);
  url = `https://127.0.0.1:${receiver.port}/hook`;
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

const create = (tls?: object) =>
  node.call('POST', `/v1/accounts/${account}/endpoints`, {
    url,
    subscriptions: [{ trigger: '*' }],
    ...(tls ? { tls } : {}),
  });
const pathOf = (id: string) => `/v1/accounts/${account}/endpoints/${id}`;
const attemptOf = async (endpoint: string) =>
  (await node.call('POST', `${pathOf(endpoint)}/test`, { trigger: 'a.b', payload: {} })).body.attempt;

test('a receiver sees the client certificate, and is trusted by its own authority', async () => {
  const { body } = await create(CLIENT_TLS);
  expect((await attemptOf(body.id)).response.status).toBe(200);
  expect(clients.at(-1)).toBe('deliveries');
  expect(body.tls).toMatchObject({
    certificate: { subject: 'O=Posthorn, CN=deliveries', issuer: 'O=Example, CN=Example Authority' },
    certificate_authority: { subject: 'O=Example, CN=Example Authority' },
  });
  expect(new Date(body.tls.certificate.expires_at).getUTCFullYear()).toBe(2126);
  await node.call('DELETE', pathOf(body.id));
});

test('without a certificate there is no connection, also where another endpoint has one open to the same place', async () => {
  const { body: one } = await create(CLIENT_TLS);
  const { body: other } = await create({ certificate_authority: AUTHORITY });
  await attemptOf(one.id);
  const attempt = await attemptOf(other.id);
  expect(attempt.error).toBe('tls_failed');
  expect(attempt.error_detail).toBe('The TLS handshake failed: the server wants to see a client certificate');
  const { body: none } = await create();
  expect((await attemptOf(none.id)).error_detail).toContain("The server's certificate comes");
  for (const { id } of [one, other, none]) await node.call('DELETE', pathOf(id));
});

test('an authority of its own is trusted, and nobody else', async () => {
  const { body } = await create({ ...CLIENT_TLS, certificate_authority: SELF_SIGNED.cert });
  expect((await attemptOf(body.id)).error).toBe('tls_failed');
  const changed = await node.call('PATCH', pathOf(body.id), { tls: CLIENT_TLS });
  expect(changed.status).toBe(200);
  expect((await attemptOf(body.id)).response.status).toBe(200);
  // What is not named stays.
  await node.call('PATCH', pathOf(body.id), { description: 'x' });
  expect((await attemptOf(body.id)).response.status).toBe(200);
  expect((await node.call('PATCH', pathOf(body.id), { tls: null })).body.tls).toBeNull();
  expect((await attemptOf(body.id)).error).toBe('tls_failed');
  await node.call('DELETE', pathOf(body.id));
});

describe('what cannot be used is refused with its place', () => {
  test.each([
    [{ certificate: CLIENT.cert }, '/tls/private_key', 'is missing'],
    [{ private_key: CLIENT.key }, '/tls/certificate', 'is missing'],
    [{ certificate: 'x', private_key: CLIENT.key }, '/tls/certificate', 'is no certificate in PEM form'],
    [{ certificate: CLIENT.cert, private_key: 'x' }, '/tls/private_key', 'is no private key in PEM form'],
    [{ certificate: CLIENT.cert, private_key: RECEIVER.key }, '/tls/private_key', 'does not belong to the certificate'],
    [{ certificate_authority: CLIENT.key }, '/tls/certificate_authority', 'is no certificate in PEM form'],
    [{}, '/tls', 'has neither a certificate nor an authority'],
  ])('%#', async (tls, pointer, reason) => {
    const { status, body } = await create(tls);
    expect(status).toBe(400);
    expect(body.errors[0].pointer).toBe(`#${pointer}`);
    expect(body.errors[0].detail).toContain(reason);
  });

  test('a contract without authentication has none; without the setting there are no authorities', async () => {
    const vendors = await createAccount(node, 'loop-returns');
    const refused = await node.call('POST', `/v1/accounts/${vendors}/endpoints`, {
      url,
      subscriptions: [],
      tls: CLIENT_TLS,
    });
    expect(refused.body.code).toBe('not_supported');
    const plain = await startTestNode({ databaseUrl });
    const answer = await plain.call('POST', `/v1/accounts/${account}/endpoints`, {
      url,
      subscriptions: [],
      tls: CLIENT_TLS,
    });
    expect(answer.body).toMatchObject({
      code: 'not_supported',
      detail: 'This server trusts no certificate authorities of endpoints.',
    });
    expect((await plain.call('GET', '/v1/page')).body.egress).toEqual({ addresses: [], own_authorities: false });
    await plain.stop();
  });
});

test('the key is stored sealed, and shown nowhere', async () => {
  const { body, text } = await create(CLIENT_TLS);
  const secret = CLIENT.key.split('\n')[1] ?? '';
  const audit = await node.call('GET', `/v1/accounts/${account}/audit`);
  const shown = await node.call('GET', pathOf(body.id));
  for (const answer of [text, audit.text, shown.text]) expect(answer).not.toContain(secret);
  const rows = await query<{ ciphertext: Buffer }>(databaseUrl, 'SELECT ciphertext FROM endpoint_tls');
  for (const { ciphertext } of rows) expect(ciphertext.includes(secret)).toBe(false);
  await node.call('DELETE', pathOf(body.id));
  expect(await query(databaseUrl, 'SELECT FROM endpoint_tls')).toEqual([]);
});
