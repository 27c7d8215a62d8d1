/** The operator's own webhooks, and what a policy does to endpoints. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount, createWebhook } from '../support/vendors.ts';

const SECRET = `whsec_${Buffer.alloc(24, 3).toString('base64')}`;
const nodes: TestNode[] = [];
let operator: Receiver;
let receiver: Receiver;

beforeEach(async () => {
  [operator, receiver] = await Promise.all([Receiver.start(), Receiver.start()]);
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
  await Promise.all([operator.stop(), receiver.stop()]);
});

async function start(environment: Record<string, string> = {}): Promise<TestNode> {
  const node = await startTestNode({
    random: () => 0,
    environment: {
      POSTHORN_OPERATOR_WEBHOOK_URL: operator.url(),
      POSTHORN_OPERATOR_WEBHOOK_SECRET: SECRET,
      ...environment,
    },
  });
  nodes.push(node);
  return node;
}

/** loop-returns under another name, with another policy. */
function contractWith(policy: object): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'posthorn-contract-')), 'changed');
  cpSync(new URL('../../contracts/loop-returns', import.meta.url), folder, { recursive: true });
  const file = join(folder, 'contract.json');
  const document = JSON.parse(readFileSync(file, 'utf8'));
  document.name = 'changed';
  Object.assign(document.policy, policy);
  writeFileSync(file, JSON.stringify(document));
  return folder;
}

const heard = () =>
  operator.requests.map((request) => {
    const message = new Webhook(SECRET).verify(request.body, request.headers as Record<string, string>);
    return message as { type: string; data: Record<string, unknown> };
  });
const hook = (node: TestNode, account: string) =>
  createWebhook(node, account, {
    url: receiver.url(),
    subscriptions: [{ topic: 'restock', trigger: 'restock.requested' }],
    status: 'active',
  });
const publish = (node: TestNode, account: string) =>
  node.publish(account, 'restock.requested', { id: 1, restock_items: [] });

describe('the operator hears', () => {
  test('of an endpoint that is failing, recovers, and is switched off, and of discarded deliveries', async () => {
    const node = await start();
    const account = await createAccount(node, 'loop-returns');
    const { id, path } = await hook(node, account);
    let status = 422;
    receiver.respond = (_, response) => void response.writeHead(status).end();
    const send = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const before = receiver.requests.length;
        await publish(node, account);
        await receiver.received(before + 1);
      }
    };
    await send(5);
    await eventually(
      async () => heard().filter((m) => m.type === 'endpoint.failing').length,
      (n) => n === 1,
    );
    status = 200;
    await send(1);
    await eventually(
      async () => heard().filter((m) => m.type === 'endpoint.recovered').length,
      (n) => n === 1,
    );
    status = 422;
    await send(10);
    const all = await eventually(
      async () => heard(),
      (list) =>
        list.some((m) => m.type === 'endpoint.disabled') &&
        list.filter((m) => m.type === 'delivery.discarded').length === 15,
    );
    expect(all.find((m) => m.type === 'endpoint.failing')?.data).toEqual({
      account_id: account,
      endpoint_id: id,
      url: receiver.url(),
      failures: 5,
      limit: 10,
    });
    expect(all.find((m) => m.type === 'endpoint.disabled')?.data).toMatchObject({
      endpoint_id: id,
      reason: 'consecutive_failures',
      failures: 10,
    });
    expect(all.find((m) => m.type === 'delivery.discarded')?.data).toMatchObject({
      endpoint_id: id,
      trigger: 'restock.requested',
      reason: 'final_status',
      delivery_id: expect.stringMatching(/^dlv_/),
      event_id: expect.stringMatching(/^evt_/),
    });
    expect((await node.call('GET', path)).body.status).toBe('inactive');
    expect(all.filter((m) => m.type === 'endpoint.failing')).toHaveLength(2);
  });

  test('nothing about its own webhook, and at a new address after a change of the configuration', async () => {
    operator.respond = (_, response) => void response.writeHead(410).end();
    const node = await start();
    const account = await createAccount(node, 'loop-returns');
    await hook(node, account);
    receiver.respond = (_, response) => void response.writeHead(422).end();
    await publish(node, account);
    await operator.received(1);
    await eventually(
      () => node.call('GET', '/v1/accounts/posthorn-operator/endpoints'),
      (answer) => answer.body.data[0].status === 'inactive',
    );
    expect(operator.requests).toHaveLength(1);
    const again = await startTestNode({
      databaseUrl: node.databaseUrl,
      environment: { POSTHORN_OPERATOR_WEBHOOK_URL: operator.url('/other') },
    });
    nodes.push(again);
    const endpoints = await again.call('GET', '/v1/accounts/posthorn-operator/endpoints');
    expect(endpoints.body.data).toHaveLength(1);
    expect(endpoints.body.data[0].url).toBe(operator.url('/other'));
  });

  test('nothing when the address is not allowed: the start ends with one clear line', async () => {
    await expect(start({ POSTHORN_OPERATOR_WEBHOOK_URL: 'http://10.0.0.1/' })).rejects.toThrow(
      /POSTHORN_OPERATOR_WEBHOOK_URL: .*10\.0\.0\.1/,
    );
  });
});

describe('when retries are used up', () => {
  const exhausted = { backoff: { base_s: 0.001, factor: 1, cap_s: 1, attempts: 2 } };

  test.each([
    ['deactivate-endpoint', 'inactive'],
    ['keep', 'active'],
  ])('%s leaves the endpoint %s', async (rule, status) => {
    const policy = { ...exhausted, on_exhausted: rule };
    const node = await start({ POSTHORN_CONTRACTS: contractWith(policy) });
    const account = await createAccount(node, 'changed');
    const { path } = await hook(node, account);
    receiver.respond = (_, response) => void response.writeHead(500).end();
    await publish(node, account);
    await eventually(async () => heard().some((m) => m.type === 'delivery.discarded'), Boolean);
    await eventually(
      () => node.call('GET', path),
      (answer) => answer.body.status === status,
    );
  });

  test('delete-endpoint deletes it', async () => {
    const policy = { ...exhausted, on_exhausted: 'delete-endpoint' };
    const node = await start({ POSTHORN_CONTRACTS: contractWith(policy) });
    const account = await createAccount(node, 'changed');
    const { path } = await hook(node, account);
    receiver.respond = (_, response) => void response.writeHead(500).end();
    await publish(node, account);
    await eventually(
      () => node.call('GET', path),
      (answer) => answer.status === 404,
    );
  });

  test('counting deliveries, an attempt that is retried counts for nothing', async () => {
    const policy = { ...exhausted, auto_disable: { failures: 2, counts: 'deliveries' } };
    const node = await start({ POSTHORN_CONTRACTS: contractWith(policy) });
    const account = await createAccount(node, 'changed');
    const { path } = await hook(node, account);
    receiver.respond = (_, response, index) => void response.writeHead(index === 1 ? 200 : 500).end();
    await publish(node, account);
    await receiver.received(2);
    await publish(node, account);
    await receiver.received(4);
    expect((await node.call('GET', path)).body.status).toBe('active');
    await publish(node, account);
    await receiver.received(6);
    await eventually(
      () => node.call('GET', path),
      (answer) => answer.body.status === 'inactive',
    );
  });
});
