/** Ownership: receivers echo a challenge before anything else is sent to them, in contracts that ask for that. */
import { createHmac } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { type Received, Receiver } from '../support/receiver.ts';
import { createAccount, writeContract } from '../support/vendors.ts';

let node: TestNode;
let receiver: Receiver;
let account: string;

/** What the receiver answers a challenge with. */
let echo: (challenge: string) => string;
const challengeOf = ({ body }: Received): string | undefined => {
  const { type, data } = JSON.parse(body.toString());
  return type === 'endpoint.challenge' ? data.challenge : undefined;
};

beforeAll(async () => {
  const folder = writeContract(mkdtempSync(join(tmpdir(), 'posthorn-ownership-')), 'proven', {
    title: 'Proven',
    triggers: 'free',
    body: { encoder: 'json', envelope: { type: '{trigger}', timestamp: '{event.time}', data: '{payload}' } },
    headers: { 'webhook-id': '{event.id}', 'webhook-timestamp': '{attempt.unix}' },
    signature: { scheme: 'standard-webhooks' },
    policy: { retry_delays_s: [5], jitter: 'none' },
    ownership_proof: true,
  });
  node = await startTestNode({ environment: { POSTHORN_CONTRACTS: folder } });
  receiver = await Receiver.start();
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});
beforeEach(async () => {
  account = await createAccount(node, 'proven');
  receiver.requests.splice(0);
  echo = (challenge) => challenge;
  receiver.respond = (request, response) => {
    const challenge = challengeOf(request);
    response.writeHead(200).end(challenge === undefined ? 'ok' : echo(challenge));
  };
});

const create = async (more: object = {}) =>
  (
    await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      url: receiver.url(),
      subscriptions: [{ trigger: '*' }],
      status: 'active',
      ...more,
    })
  ).body;
const at = (id: string) => `/v1/accounts/${account}/endpoints/${id}`;
const activate = (id: string) => node.call('POST', `${at(id)}/activate`);

test('an endpoint begins inactive; its receiver echoes a signed challenge, then it is active', async () => {
  const endpoint = await create({ headers: { 'X-Gateway': 'yes' } });
  expect(endpoint).toMatchObject({ status: 'inactive', inactive_reason: 'new', ownership_proven: false });
  expect(receiver.requests).toEqual([]);
  expect((await activate(endpoint.id)).body).toMatchObject({ status: 'active', ownership_proven: true });
  const [{ headers, body }] = receiver.requests as [Received];
  expect(headers['x-gateway']).toBe('yes');
  const key = Buffer.from(endpoint.secret.replace('whsec_', ''), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  await node.publish(account, 'a.b', { n: 1 });
  await receiver.received(2);
});

test('the echo may stand in JSON', async () => {
  echo = (challenge) => JSON.stringify({ challenge });
  expect((await activate((await create()).id)).body.status).toBe('active');
});

test.each([
  ['another text', () => 'no', 200, /its answer is not the challenge/],
  ['nothing', () => '', 200, /its answer is not the challenge/],
  ['the challenge within something else', (challenge: string) => `you sent ${challenge}`, 200, /is not the challenge/],
  ['an error with the challenge', (challenge: string) => challenge, 500, /status 500/],
])('attack: %s proves nothing, and nothing changes', async (_, answer, status, detail) => {
  receiver.respond = (request, response) => void response.writeHead(status).end(answer(challengeOf(request) ?? ''));
  const { id } = await create();
  const refused = await activate(id);
  expect([refused.status, refused.body.code]).toEqual([409, 'ownership_unproven']);
  expect(refused.body.detail).toMatch(detail);
  expect((await node.call('GET', at(id))).body).toMatchObject({ status: 'inactive', ownership_proven: false });
});

test('attack: nothing else goes to a URL that is not proven, not by a test, not by hand', async () => {
  echo = () => 'no';
  const { id } = await create();
  const tried = await node.call('POST', `${at(id)}/test`);
  expect(tried.body).toMatchObject({ succeeded: false });
  await node.publish(account, 'a.b', { n: 1 });
  const [delivery] = await eventually(
    async () => (await node.call('GET', `/v1/accounts/${account}/deliveries?test=false`)).body.data,
    (list) => list.length === 1,
  );
  await node.call('POST', `/v1/accounts/${account}/deliveries/${delivery.id}/retry`);
  await eventually(
    async () => (await node.call('GET', `/v1/accounts/${account}/deliveries/${delivery.id}`)).body,
    ({ reason }) => reason === 'ownership_unproven',
  );
  expect(receiver.requests).toEqual([]);
});

test('an active endpoint moves only to a URL whose receiver wants it', async () => {
  const { id } = await create();
  await activate(id);
  echo = () => 'no';
  const refused = await node.call('PATCH', at(id), { url: receiver.url('/other') });
  expect(refused.body.code).toBe('ownership_unproven');
  expect((await node.call('GET', at(id))).body.url).toBe(receiver.url());
  echo = (challenge) => challenge;
  expect((await node.call('PATCH', at(id), { url: receiver.url('/other') })).body).toMatchObject({
    url: receiver.url('/other'),
    status: 'active',
    ownership_proven: true,
  });
});

test('attack: what an endpoint authenticated with does not go to another address, whoever asks', async () => {
  const { id } = await create({ auth: { type: 'bearer', token: 'old-token' }, headers: { 'X-Old': 'old' } });
  await activate(id);
  const change = {
    url: receiver.url('/other'),
    auth: { type: 'bearer', token: 'new-token' },
    headers: { 'X-New': 'new' },
  };
  expect((await node.call('PATCH', at(id), change)).body.ownership_proven).toBe(true);
  const { headers } = receiver.requests.at(-1) as Received;
  expect([headers.authorization, headers['x-old'], headers['x-new']]).toEqual(['Bearer new-token', undefined, 'new']);
});

test('attack: whatever happens at the same moment, nothing is sent to a URL that is not proven', async () => {
  const { id } = await create();
  await activate(id);
  receiver.respond = (request, response) =>
    void response.writeHead(200).end(request.path.startsWith('/victim') ? 'no' : (challengeOf(request) ?? 'ok'));
  for (let i = 0; i < 10; i++) {
    await node.call('POST', `${at(id)}/deactivate`);
    await node.call('PATCH', at(id), { url: receiver.url() });
    const victim = receiver.url(`/victim-${i}`);
    await Promise.all([activate(id), node.call('PATCH', at(id), { url: victim, transformation: null })]);
    await node.publish(account, 'a.b', { i });
  }
  const sent = receiver.requests.filter((request) => challengeOf(request) === undefined);
  expect(sent.filter(({ path }) => path.startsWith('/victim'))).toEqual([]);
});

test('what was proven is not asked again; an inactive one that moved is', async () => {
  const { id } = await create();
  await activate(id);
  await node.call('POST', `${at(id)}/deactivate`);
  await activate(id);
  expect(receiver.requests.filter(challengeOf)).toHaveLength(1);
  await node.call('POST', `${at(id)}/deactivate`);
  expect((await node.call('PATCH', at(id), { url: receiver.url('/other') })).body.ownership_proven).toBe(false);
  await activate(id);
  expect(receiver.requests.filter(challengeOf).map(({ path }) => path)).toEqual(['/hook', '/other']);
});

test('other contracts ask for nothing', async () => {
  account = await createAccount(node, 'standard');
  expect((await create()).status).toBe('active');
  expect(receiver.requests).toEqual([]);
});
