/** The people of an account are told how its webhooks stand: by e-mail and by a webhook, once, and in one summary. */
import { X509Certificate } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CLIENT } from '../support/certificates.ts';
import { Mailbox } from '../support/mailbox.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount, createWebhook } from '../support/vendors.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

let node: TestNode;
let mailbox: Mailbox;
let receiver: Receiver;
let clock: VirtualClock;
let account: string;

beforeEach(async () => {
  mailbox = await Mailbox.start();
  receiver = await Receiver.start();
  clock = new VirtualClock();
  node = await startTestNode({
    clock,
    environment: { POSTHORN_SMTP_URL: mailbox.url, POSTHORN_SMTP_FROM: 'Webhooks <webhooks@example.com>' },
  });
  account = await createAccount(node, 'loop-returns');
});
afterEach(async () => {
  await node.stop();
  clock.stop();
  await receiver.stop();
  await mailbox.stop();
});

const notices = () => `/v1/accounts/${account}/notices`;

async function chooseEmail(email = 'dev@example.com'): Promise<void> {
  const { length } = mailbox.mails;
  const chosen = await node.call('PATCH', notices(), { email });
  expect(chosen).toMatchObject({ status: 200, body: { email: null, pending_email: email, can_email: true } });
  const mail = (await mailbox.received(length + 1)).at(-1);
  const code = /: (\d{6})$/m.exec(mail?.text ?? '')?.[1];
  const confirmed = await node.call('POST', `${notices()}/confirm`, { code });
  expect(confirmed).toMatchObject({ status: 200, body: { email, pending_email: null } });
}

const webhook = (path: string) =>
  createWebhook(node, account, {
    url: receiver.url(path),
    subscriptions: [{ topic: 'return', trigger: 'return.created' }],
    status: 'active',
  });

/** Fails as often in a row as switches it off. */
async function fail(times: number): Promise<void> {
  receiver.respond = (_, response) => void response.writeHead(422).end();
  const before = receiver.requests.length;
  for (let i = 0; i < times; i++) {
    const payload = { id: String(i), state: 'open', created_at: '2026-01-01T00:00:00Z' };
    await node.publish(account, 'return.created', payload);
    await receiver.received(before + i + 1);
  }
}

/** Accounts are looked at every half minute. */
async function looked(forMs = 60_000): Promise<void> {
  for (let passed = 0; passed < forMs; passed += 10_000) {
    clock.jump(10_000);
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
}

test('an address counts when the code that was sent there is given back, and codes cannot be guessed', async () => {
  const bad = await node.call('PATCH', notices(), { email: 'nobody' });
  expect(bad).toMatchObject({ status: 400, body: { errors: [{ pointer: '#/email' }] } });
  await node.call('PATCH', notices(), { email: 'dev@example.com' });
  const [mail] = await mailbox.received(1);
  expect(mail?.to).toEqual(['dev@example.com']);
  const code = /: (\d{6})$/m.exec(mail?.text ?? '')?.[1] ?? '';
  const wrong = code === '000000' ? '000001' : '000000';
  for (let i = 0; i < 5; i++) {
    expect((await node.call('POST', `${notices()}/confirm`, { code: wrong })).status).toBe(400);
  }
  expect((await node.call('POST', `${notices()}/confirm`, { code })).status).toBe(400);
  expect((await node.call('GET', notices())).body.email).toBeNull();
  await chooseEmail();
});

test('about to be switched off, switched off, recovered: told once each, with what is on hold', async () => {
  await chooseEmail();
  const { path } = await webhook('/returns');
  await looked();
  await fail(5);
  await looked();
  const [, half] = await mailbox.received(2);
  expect(half?.subject).toMatch(/1 webhook about to be switched off$/);
  expect(half?.text).toContain('5 failures in a row: at 10 it is switched off.');
  await fail(5);
  await eventually(
    async () => (await node.call('GET', path)).body,
    (one) => one.status === 'inactive' && one.status_at !== null,
  );
  await looked();
  expect(mailbox.mails).toHaveLength(2);
  await looked(11 * 60_000);
  const [, , off] = await mailbox.received(3);
  expect(off?.subject).toMatch(/1 webhook switched off$/);
  expect(off?.text).toContain(receiver.url('/returns'));
  expect(off?.text).toContain('the last request answered 422');
  expect(off?.text).toContain('messages are on hold');
  await looked(20 * 60_000);
  expect(mailbox.mails).toHaveLength(3);
  receiver.respond = (_, response) => void response.writeHead(200).end();
  await node.call('POST', `${path}/activate`);
  await node.publish(account, 'return.created', { id: 'x', state: 'open', created_at: '2026-01-01T00:00:00Z' });
  await looked(13 * 60_000);
  const [, , , again] = await mailbox.received(4);
  expect(again?.subject).toMatch(/1 webhook working again$/);
}, 60_000);

test('a chat is told as Slack takes it, and no name calls everybody or becomes a link', async () => {
  const slack = await node.call('PATCH', notices(), { url: receiver.url('/chat'), format: 'slack' });
  expect(slack.body).toMatchObject({ url: receiver.url('/chat'), format: 'slack', secret: null });
  await node.call('PATCH', `/v1/accounts/${account}`, { name: 'Shop <!channel> *&* <https://x.example|here>' });
  expect((await node.call('POST', `${notices()}/test`)).body.data).toEqual([{ channel: 'webhook', error: null }]);
  const request = receiver.requests.find(({ path }) => path === '/chat');
  expect(request?.headers['content-type']).toBe('application/json');
  const { text } = JSON.parse(request?.body.toString() ?? '');
  expect(text).toMatch(
    /^\*A test: webhooks of Shop &lt;!channel&gt; {2}&amp; {2}&lt;https:\/\/x\.example\|here&gt;\*\n/,
  );
  const back = await node.call('PATCH', notices(), { format: 'standard' });
  expect(back.body).toMatchObject({ format: 'standard', secret: expect.stringMatching(/^whsec_/) });
  const none = await node.call('PATCH', notices(), { url: null });
  expect(none.body).toMatchObject({ url: null, secret: null });
  const { body: known } = await node.call('PATCH', notices(), { url: 'https://hooks.slack.com/services/T0/B0/x' });
  expect(known.format).toBe('slack');
});

test('a storm is one summary; a webhook is told with a signature that verifies', async () => {
  const chosen = await node.call('PATCH', notices(), { url: receiver.url('/notices') });
  expect(chosen.body).toMatchObject({ url: receiver.url('/notices'), secret: expect.stringMatching(/^whsec_/) });
  const tested = await node.call('POST', `${notices()}/test`);
  expect(tested.body.data).toEqual([{ channel: 'webhook', error: null }]);
  for (let i = 0; i < 5; i++) await webhook(`/returns/${i}`);
  await looked();
  receiver.respond = ({ path }, response) => void response.writeHead(path.startsWith('/notices') ? 200 : 422).end();
  for (let i = 0; i < 10; i++) {
    const payload = { id: String(i), state: 'open', created_at: '2026-01-01T00:00:00Z' };
    await node.publish(account, 'return.created', payload);
  }
  await eventually(
    async () => (await node.call('GET', `/v1/accounts/${account}/endpoints`)).body.data,
    (list) => list.every((one: { status: string }) => one.status === 'inactive'),
  );
  await looked();
  const told = () => receiver.requests.filter((request) => request.path === '/notices');
  await eventually(
    async () => told().length,
    (count) => count === 2,
  );
  const last = told().at(-1);
  const verified = new Webhook(chosen.body.secret).verify(
    last?.body.toString() ?? '',
    last?.headers as Record<string, string>,
  ) as { type: string; data: { webhooks: { standing: string }[] } };
  expect(verified.type).toBe('webhooks.changed');
  expect(verified.data.webhooks.map((one) => one.standing)).toEqual(Array(5).fill('switched_off'));
}, 60_000);

test('what cannot be sent is tried again, and said', async () => {
  await chooseEmail();
  await webhook('/returns');
  await looked();
  mailbox.refusal = 'The mailbox is full';
  await fail(10);
  await looked();
  const shown = await eventually(
    async () => (await node.call('GET', notices())).body,
    (body) => body.last_error !== null,
  );
  expect(shown.last_error).toContain('The mailbox is full');
  mailbox.refusal = undefined;
  await looked(2 * 60_000);
  await mailbox.received(2);
  await eventually(
    async () => (await node.call('GET', notices())).body,
    (body) => body.last_error === null && body.sent_at !== null,
  );
}, 60_000);

test('what people switch off themselves is no news; what was made since is, when it fails at once', async () => {
  await chooseEmail();
  const first = await webhook('/returns');
  await looked();
  await fail(5);
  await looked();
  expect((await mailbox.received(2)).at(-1)?.subject).toMatch(/about to be switched off$/);
  await node.call('POST', `${first.path}/deactivate`);
  await looked(15 * 60_000);
  expect(mailbox.mails).toHaveLength(2);
  await webhook('/other');
  await fail(10);
  await eventually(
    async () => (await node.call('GET', `/v1/accounts/${account}/endpoints`)).body.data,
    (list) => list.every((one: { status: string }) => one.status === 'inactive'),
  );
  await looked();
  expect((await mailbox.received(3)).at(-1)?.subject).toMatch(/1 webhook switched off$/);
}, 60_000);

test('attack: an account cannot fill the mailboxes of strangers, nor tell them what it likes', async () => {
  await node.call('PATCH', `/v1/accounts/${account}`, { name: 'You have won! https://evil.example/prize' });
  const answers = [];
  for (let i = 0; i < 12; i++) {
    answers.push(await node.call('PATCH', notices(), { email: `stranger${i}@example.com` }));
  }
  expect(answers.map(({ status }) => status)).toEqual([...Array(10).fill(200), 429, 429]);
  expect(answers.at(-1)?.headers.get('retry-after')).toMatch(/^\d+$/);
  for (const { text } of await mailbox.received(10)) expect(text).not.toContain('evil');
  clock.jump(24 * 3_600_000);
  expect((await node.call('PATCH', notices(), { email: 'dev@example.com' })).status).toBe(200);
});

test('a mail server that is silent ends by itself, is no fault of the address, and does not hold up the stop', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const own = await startTestNode({
    environment: { POSTHORN_SMTP_URL: `smtp://127.0.0.1:${port}`, POSTHORN_SMTP_FROM: 'a@example.com' },
  });
  const id = await createAccount(own, 'standard');
  const change = () => own.call('PATCH', `/v1/accounts/${id}/notices`, { email: 'dev@example.com' });
  expect(await change()).toMatchObject({ status: 503, body: { code: 'mail_unavailable' } });
  expect((await own.call('GET', `/v1/accounts/${id}/notices`)).body).toMatchObject({ pending_email: null });
  const pending = change().catch(() => undefined);
  await eventually(
    async () => sockets.length,
    (count) => count === 2,
  );
  await own.stop();
  await pending;
  for (const socket of sockets) socket.destroy();
  silent.close();
  // By itself, the library would wait for half a minute each time.
}, 30_000);

test('without an SMTP server there is no e-mail to choose', async () => {
  const plain = await startTestNode();
  const own = await createAccount(plain, 'standard');
  const shown = await plain.call('GET', `/v1/accounts/${own}/notices`);
  expect(shown.body).toMatchObject({ can_email: false, email: null, url: null });
  const refused = await plain.call('PATCH', `/v1/accounts/${own}/notices`, { email: 'dev@example.com' });
  expect(refused.body.code).toBe('not_supported');
  await plain.stop();
});

test('in quiet hours nothing is told; at their end all of it is, in one message', async () => {
  await chooseEmail();
  const { path } = await webhook('/returns');
  await looked();
  const hour = (later: number) => new Date(clock.now() + later * 3_600_000).toISOString().slice(11, 16);
  const quiet = { from: hour(-1), to: hour(2), time_zone: 'UTC' };
  expect((await node.call('PATCH', notices(), { quiet })).body.quiet).toEqual(quiet);
  await fail(5);
  await looked();
  await fail(5);
  await eventually(
    async () => (await node.call('GET', path)).body,
    (one) => one.status === 'inactive' && one.status_at !== null,
  );
  await looked(20 * 60_000);
  expect(mailbox.mails).toHaveLength(1);
  clock.jump(2 * 3_600_000);
  await looked();
  const [, mail] = await mailbox.received(2);
  expect(mail?.subject).toMatch(/: 1 webhook switched off$/);
  expect(mailbox.mails).toHaveLength(2);
  expect((await node.call('PATCH', notices(), { quiet: null })).body.quiet).toBeNull();
});

test.each([
  [{ from: '24:00', to: '07:00', time_zone: 'UTC' }, '#/quiet/from'],
  [{ from: '22:00', to: '7', time_zone: 'UTC' }, '#/quiet/to'],
  [{ from: '22:00', to: '22:00', time_zone: 'UTC' }, '#/quiet/to'],
  [{ from: '22:00', to: '07:00', time_zone: 'Mars/Base' }, '#/quiet/time_zone'],
])('quiet hours that are none are refused: %j', async (quiet, pointer) => {
  const { status, body } = await node.call('PATCH', notices(), { quiet });
  expect([status, body.errors[0].pointer]).toEqual([400, pointer]);
  expect((await node.call('GET', notices())).body.quiet).toBeNull();
});

test('that a certificate of a webhook ends is told two weeks before, once', async () => {
  account = await createAccount(node, 'standard');
  await chooseEmail();
  // Twenty days before the certificate ends, a hundred years from now.
  clock.jump(Date.parse(new X509Certificate(CLIENT.cert).validTo) - 20 * 86_400_000 - clock.now());
  const { path } = await createWebhook(node, account, {
    url: receiver.url('/tls'),
    subscriptions: [{ trigger: '*' }],
    tls: { certificate: CLIENT.cert, private_key: CLIENT.key },
  });
  await looked();
  expect(mailbox.mails).toHaveLength(1);
  clock.jump(7 * 86_400_000);
  await looked();
  const [, mail] = await mailbox.received(2);
  expect(mail?.subject).toMatch(/: 1 webhook with a certificate that ends$/);
  expect(mail?.text).toContain('Its certificate ends at ');
  await looked(20 * 60_000);
  await node.call('PATCH', path, { tls: null });
  await looked(20 * 60_000);
  expect(mailbox.mails).toHaveLength(2);
});
