/** People of the operator are told of all accounts' webhooks: by e-mail and in a chat, in summaries, not in quiet hours. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { Mailbox } from '../support/mailbox.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount, createWebhook } from '../support/vendors.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

let node: TestNode | undefined;
let mailbox: Mailbox;
let receiver: Receiver;
let chat: Receiver;
let clock: VirtualClock;

beforeEach(async () => {
  mailbox = await Mailbox.start();
  receiver = await Receiver.start();
  chat = await Receiver.start();
  clock = new VirtualClock();
});
afterEach(async () => {
  await node?.stop();
  node = undefined;
  clock.stop();
  await receiver.stop();
  await chat.stop();
  await mailbox.stop();
});

async function start(environment: Record<string, string>): Promise<TestNode> {
  node = await startTestNode({
    clock,
    environment: {
      POSTHORN_SMTP_URL: mailbox.url,
      POSTHORN_SMTP_FROM: 'Posthorn <posthorn@example.com>',
      ...environment,
    },
  });
  return node;
}

/** An account whose webhook is switched off by ten failures. */
async function switchedOff(on: TestNode, path: string): Promise<string> {
  const account = await createAccount(on, 'loop-returns');
  const hook = await createWebhook(on, account, {
    url: receiver.url(path),
    subscriptions: [{ topic: 'return', trigger: 'return.created' }],
    status: 'active',
  });
  receiver.respond = (_, response) => void response.writeHead(422).end();
  for (let i = 0; i < 10; i++) {
    const before = receiver.requests.length;
    await on.publish(account, 'return.created', { id: String(i), state: 'open', created_at: '2026-01-01T00:00:00Z' });
    await receiver.received(before + 1);
  }
  await eventually(
    async () => (await on.call('GET', hook.path)).body,
    (one) => one.status === 'inactive',
  );
  return account;
}

async function looked(forMs: number): Promise<void> {
  for (let passed = 0; passed < forMs; passed += 10_000) {
    clock.jump(10_000);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

test('by e-mail and in a chat: whose webhook it is, once, and those of several accounts in one message', async () => {
  const on = await start({ POSTHORN_OPERATOR_EMAIL: 'ops@example.com', POSTHORN_OPERATOR_CHAT_URL: chat.url() });
  const accounts = [await switchedOff(on, '/a'), await switchedOff(on, '/b')];
  await looked(12 * 60_000);
  const [mail] = await mailbox.received(1);
  expect([mail?.to, mail?.subject]).toEqual([['ops@example.com'], 'Posthorn: 2 webhooks switched off']);
  for (const account of accounts) expect(mail?.text).toContain(`Account: ${account}`);
  expect(mail?.text).toContain(receiver.url('/a'));
  expect(mail?.text).toContain('chosen in the configuration of the server');
  const [message] = await chat.received(1);
  expect(JSON.parse(message?.body.toString() ?? '').text).toContain('*Posthorn: 2 webhooks switched off*');
  await looked(25 * 60_000);
  expect([mailbox.mails.length, chat.requests.length]).toEqual([1, 1]);
});

test('not in quiet hours; at their end', async () => {
  const hour = (later: number) => new Date(clock.now() + later * 3_600_000).toISOString().slice(11, 16);
  const on = await start({
    POSTHORN_OPERATOR_EMAIL: 'ops@example.com',
    POSTHORN_OPERATOR_QUIET: `${hour(-1)}-${hour(2)} UTC`,
  });
  await switchedOff(on, '/a');
  await looked(15 * 60_000);
  expect(mailbox.mails).toEqual([]);
  clock.jump(2 * 3_600_000);
  await looked(60_000);
  expect((await mailbox.received(1))[0]?.subject).toBe('Posthorn: 1 webhook switched off');
});

test('a chat that is away gets it later', async () => {
  const on = await start({ POSTHORN_OPERATOR_CHAT_URL: chat.url() });
  chat.respond = (_, response, index) => void response.writeHead(index === 0 ? 503 : 200).end();
  await switchedOff(on, '/a');
  await looked(12 * 60_000);
  await chat.received(1);
  await looked(2 * 60_000);
  const [first, second] = await chat.received(2);
  expect(second?.body).toEqual(first?.body);
});

test('what cannot be sent is not tried again in quiet hours', async () => {
  const hour = (later: number) => new Date(clock.now() + later * 60_000).toISOString().slice(11, 16);
  const on = await start({
    POSTHORN_OPERATOR_CHAT_URL: chat.url(),
    POSTHORN_OPERATOR_QUIET: `${hour(25)}-${hour(240)} UTC`,
  });
  chat.respond = (_, response) => void response.writeHead(503).end();
  await switchedOff(on, '/a');
  await looked(23 * 60_000);
  const before = chat.requests.length;
  expect(before).toBeGreaterThan(0);
  clock.jump(30 * 60_000);
  await looked(60 * 60_000);
  expect(chat.requests).toHaveLength(before);
  clock.jump(3 * 3_600_000);
  await looked(6 * 60_000);
  await chat.received(before + 1);
});

test('addresses that the configuration does not name any more are told nothing', async () => {
  const databaseUrl = await createDatabase();
  const environment = { POSTHORN_SMTP_URL: mailbox.url, POSTHORN_SMTP_FROM: 'Posthorn <posthorn@example.com>' };
  const before = await startTestNode({
    databaseUrl,
    clock,
    environment: { ...environment, POSTHORN_OPERATOR_EMAIL: 'left@example.com' },
  });
  await before.stop();
  const webhook = { POSTHORN_OPERATOR_WEBHOOK_URL: chat.url() };
  node = await startTestNode({ databaseUrl, clock, environment: { ...environment, ...webhook } });
  await switchedOff(node, '/a');
  await looked(15 * 60_000);
  expect(mailbox.mails).toEqual([]);
  expect(chat.requests.length).toBeGreaterThan(0);
});

test.each([
  [{ POSTHORN_OPERATOR_EMAIL: 'ops' }, /POSTHORN_OPERATOR_EMAIL: is no e-mail address/],
  [{ POSTHORN_OPERATOR_CHAT_URL: 'http://10.0.0.1/' }, /POSTHORN_OPERATOR_CHAT_URL: .*10\.0\.0\.1/],
  [{ POSTHORN_OPERATOR_QUIET: '22:00-07:00 UTC' }, /POSTHORN_OPERATOR_QUIET: set POSTHORN_OPERATOR_EMAIL/],
  [
    { POSTHORN_OPERATOR_EMAIL: 'ops@example.com', POSTHORN_OPERATOR_QUIET: '22-7' },
    /POSTHORN_OPERATOR_QUIET: write it as/,
  ],
])('settings that cannot be used end the start: %j', async (environment, expected) => {
  await expect(start(environment)).rejects.toThrow(expected);
});
