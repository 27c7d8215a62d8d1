/** "Why does my signature fail": each answer for the mistake that it names. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';
import { createAccount, createWebhook, type Webhook } from '../../support/vendors.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const clock = new VirtualClock();
let node: TestNode;
let receiver: Receiver;
let webhook: Webhook;
/** What arrived. */
let headers: Record<string, string>;
let body: string;

beforeAll(async () => {
  [node, receiver] = await Promise.all([startTestNode({ clock }), Receiver.start()]);
  const account = await createAccount(node, 'standard');
  webhook = await createWebhook(node, account, { url: receiver.url(), subscriptions: [{ trigger: '*' }] });
  await node.publish(account, 'order.created', { city: 'Zürich/West', n: 1 });
  const [request] = await receiver.received(1);
  headers = Object.fromEntries(
    Object.entries(request?.headers ?? {}).filter(([name]) => name.startsWith('webhook-')),
  ) as typeof headers;
  body = request?.body.toString() ?? '';
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
  clock.stop();
});

const diagnose = async (given: object, text: string, path = webhook.path) =>
  (await node.call('POST', `${path}/verify`, { headers: given, body: text })).body.diagnosis as string;

describe('a request that arrived', () => {
  test.each<[string, () => [object, string]]>([
    ['valid', () => [headers, body]],
    ['valid', () => [Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toUpperCase(), ` ${v} `])), body]],
    ['signature_missing', () => [{ ...headers, 'webhook-signature': undefined }, body]],
    ['id_or_timestamp_missing', () => [{ 'webhook-signature': headers['webhook-signature'] }, body]],
    ['body_trimmed', () => [headers, `${body}\n`]],
    ['body_trimmed', () => [headers, `  ${body}`]],
    ['body_reserialized', () => [headers, JSON.stringify(JSON.parse(body), null, 2)]],
    ['body_reserialized', () => [headers, body.replaceAll('/', '\\/').replaceAll('ü', '\\u00fc')]],
    ['header_truncated', () => [{ ...headers, 'webhook-signature': headers['webhook-signature']?.slice(0, 20) }, body]],
    ['wrong_secret_or_body', () => [headers, body.replace('Zürich', 'Bern')]],
    ['wrong_secret_or_body', () => [{ ...headers, 'webhook-id': 'evt_other' }, body]],
  ])('%s', async (diagnosis, given) => {
    expect(await diagnose(...given())).toBe(diagnosis);
  });

  test('attack: a small body that would be huge when it is indented costs next to nothing', async () => {
    const tower = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    const text = `[${Array(7).fill(tower(4_000)).join(',')}]`;
    const grown = process.memoryUsage().rss;
    expect(await Promise.all(Array.from({ length: 5 }, () => diagnose(headers, text)))).toEqual(
      Array(5).fill('wrong_secret_or_body'),
    );
    expect(process.memoryUsage().rss - grown).toBeLessThan(200 * 1024 * 1024);
  });

  test('valid, but so old that libraries refuse it', async () => {
    clock.jump(3_600_000);
    expect(await diagnose(headers, body)).toBe('valid_but_old');
  });
});
