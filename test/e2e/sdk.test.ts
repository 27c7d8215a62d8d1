/** The SDK against a real server, and its verifiers against what that server sends. */
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import {
  Posthorn,
  PosthornError,
  PosthornUnreachable,
  standard,
  Webhook,
  type WebhookContract,
  type WebhookEvent,
} from '@posthorn/sdk';
import { loopReturns } from '@posthorn/sdk/contracts/loop-returns';
import { loopSubscriptions } from '@posthorn/sdk/contracts/loop-subscriptions';
import { loops } from '@posthorn/sdk/contracts/loops';
import { webhookExpress } from '@posthorn/sdk/express';
import { webhookFastify } from '@posthorn/sdk/fastify';
import { webhookHandler } from '@posthorn/sdk/fetch';
import { webhookHono } from '@posthorn/sdk/hono';
import { webhookRoute } from '@posthorn/sdk/next';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { Webhook as PublishedWebhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, OPERATOR_KEY, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount, samplesOf, tlsReceiver, trustingEnvironment } from '../support/vendors.ts';

let node: TestNode;
let posthorn: Posthorn;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  node = await startTestNode({ environment: trustingEnvironment() });
  posthorn = new Posthorn({ key: OPERATOR_KEY, url: node.url });
});
afterAll(async () => {
  for (const stop of stops) await stop();
  await node.stop();
});

async function receiver(): Promise<Receiver> {
  const one = await Receiver.start();
  stops.push(() => one.stop());
  return one;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Stands before the server, and does to some requests what networks do. */
async function proxy(spoil: (count: number, path: string) => 'refuse' | 'lose answer' | number | undefined) {
  let count = 0;
  const seen: { path: string; idempotencyKey: unknown }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const { method = '', url = '', headers } = request;
      seen.push({ path: `${method} ${url}`, idempotencyKey: headers['idempotency-key'] });
      const spoiled = spoil(++count, `${method} ${url}`);
      if (spoiled === 'refuse') return void request.socket.destroy();
      if (typeof spoiled === 'number') return void response.writeHead(spoiled, { 'retry-after': '0' }).end('busy');
      const body = Buffer.concat(chunks);
      const { authorization = '', 'content-type': type, 'idempotency-key': key } = headers;
      const answer = await fetch(`${node.url}${url}`, {
        method,
        headers: {
          authorization,
          ...(type ? { 'content-type': type } : {}),
          ...(key ? { 'idempotency-key': String(key) } : {}),
        },
        ...(body.length > 0 ? { body } : {}),
      });
      const text = await answer.text();
      if (spoiled === 'lose answer') return void request.socket.destroy();
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
    });
  });
  return { url: await listen(server), seen };
}

describe('the client', () => {
  test('does everything of an account: endpoints, events, deliveries, replays, keys, page sessions', async () => {
    const target = await receiver();
    const account = await posthorn.accounts.create({ name: 'Shop', contract: 'standard' });
    const shop = posthorn.account(account.id);
    const endpoint = await shop.endpoints.create({ url: target.url(), subscriptions: [{ trigger: '*' }] });
    expect(await shop.publish({ trigger: 'order.created', payload: { id: 1 } })).toMatchObject({ deliveries: 1 });
    const [request] = await target.received(1);
    const event = await new Webhook(endpoint.secret).verify(request?.body ?? '', request?.headers ?? {});
    expect(event).toMatchObject({ trigger: 'order.created', payload: { id: 1 } });

    const { data } = await eventually(
      () => shop.deliveries.list({ status: 'succeeded' }),
      ({ data: found }) => found.length === 1,
    );
    expect((await shop.deliveries.get(data[0]?.id ?? '')).attempts[0]?.response?.status).toBe(200);
    await shop.deliveries.retry(data[0]?.id ?? '');
    await target.received(2);
    expect((await shop.events.get(event.id ?? '')).trigger).toBe('order.created');
    expect(await shop.endpoints.secret(endpoint.id)).toEqual({ secret: endpoint.secret });
    expect((await shop.endpoints.change(endpoint.id, { description: 'Ours' })).description).toBe('Ours');
    expect((await shop.endpoints.deactivate(endpoint.id)).status).toBe('inactive');
    expect((await shop.endpoints.activate(endpoint.id)).status).toBe('active');
    expect(await shop.endpoints.test(endpoint.id)).toMatchObject({ succeeded: true });
    expect((await shop.endpoints.rotateSecret(endpoint.id)).secret).not.toBe(endpoint.secret);
    const plan = { from: '2026-01-01T00:00:00Z', to: '2099-01-01T00:00:00Z', dry_run: true };
    expect(await shop.replays.create(plan)).toMatchObject({ status: 'planned' });
    const key = await shop.keys.create({ label: 'CI', scopes: ['orders'] });
    expect(await posthorn.keys.verify({ key: key.key, scopes: ['orders'] })).toMatchObject({ valid: true });
    expect((await shop.keys.list()).data).toHaveLength(1);
    expect((await shop.pageSessions.create({ permissions: ['read'] })).url).toContain('/page/');
    await shop.keys.delete(key.id);
    await shop.endpoints.delete(endpoint.id);
    expect((await posthorn.contracts.get('standard')).title).toBeTruthy();
    await posthorn.accounts.delete(account.id);
  });

  test('lists go over page after page as they are read', async () => {
    const shop = posthorn.account(await createAccount(node, 'standard'));
    for (let i = 0; i < 5; i++) await shop.publish({ trigger: 'a.b', payload: { i } });
    const found: unknown[] = [];
    for await (const event of shop.events.all({ limit: 2 })) found.push(event.payload);
    expect(found).toEqual([4, 3, 2, 1, 0].map((i) => ({ i })));
  });

  test('the feed is followed from a cursor on, and can be left', async () => {
    const shop = posthorn.account(await createAccount(node, 'standard'));
    await shop.publish({ trigger: 'a.b', payload: { i: 0 } });
    const controller = new AbortController();
    const seen: unknown[] = [];
    const following = (async () => {
      for await (const page of shop.feed.follow({ limit: 2 }, controller.signal)) {
        seen.push(...page.data.map(({ payload }) => payload));
        expect(page.missed, `behind ${JSON.stringify(seen)}`).toBe(0);
        if (seen.length >= 4) controller.abort(new Error('enough'));
      }
    })();
    for (let i = 1; i < 4; i++) await shop.publish({ trigger: 'a.b', payload: { i } });
    await expect(following).rejects.toThrow('enough');
    expect(seen).toEqual([0, 1, 2, 3].map((i) => ({ i })));
  });

  test('an event for later is listed and cancelled', async () => {
    const shop = posthorn.account(await createAccount(node, 'standard'));
    const later = new Date(Date.now() + 60_000).toISOString();
    const { scheduled_for } = await shop.publish({ trigger: 'a.b', payload: {}, scheduled_for: later });
    expect(scheduled_for).toBe(later);
    const { data } = await shop.scheduledEvents.list();
    await shop.scheduledEvents.cancel(data[0]?.scheduled_id ?? '');
    expect((await shop.scheduledEvents.list()).data).toEqual([]);
  });

  test('a refusal is an error with code, status, and where it is wrong', async () => {
    const refused = posthorn.account('nobody').publish({ trigger: 'a.b', payload: {} });
    await expect(refused).rejects.toMatchObject({ code: 'account_not_found', status: 404 });
    const wrong = posthorn.account(await createAccount(node, 'standard')).publish({ trigger: 'no good', payload: {} });
    const error = await wrong.catch((e: PosthornError) => e);
    expect(error).toBeInstanceOf(PosthornError);
    expect(error).toMatchObject({ code: 'unknown_trigger', errors: [{ pointer: '#/trigger' }] });
  });

  test('publishing is tried again under one idempotency key: one event, whatever the network did', async () => {
    const account = await createAccount(node, 'standard');
    const { url, seen } = await proxy((count) => (['refuse', 'lose answer', 503] as const)[count - 1]);
    const accepted = await new Posthorn({ key: OPERATOR_KEY, url })
      .account(account)
      .publish({ trigger: 'a.b', payload: {} });
    expect(seen).toHaveLength(4);
    expect(new Set(seen.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    const { data } = await posthorn.account(account).events.list();
    expect(data.map(({ id }) => id)).toEqual([accepted.id]);
  });

  test('what is not safe to repeat is not repeated, and it is told', async () => {
    const account = await createAccount(node, 'standard');
    const { url, seen } = await proxy(() => 'lose answer');
    const shop = new Posthorn({ key: OPERATOR_KEY, url, retries: 3 }).account(account);
    const lost = shop.keys.create({ label: 'x', scopes: [] });
    await expect(lost).rejects.toBeInstanceOf(PosthornUnreachable);
    expect(seen).toHaveLength(1);
    await expect(shop.events.list()).rejects.toBeInstanceOf(PosthornUnreachable);
    expect(seen).toHaveLength(5);
  });

  test('a deletion whose answer was lost succeeds', async () => {
    const account = await createAccount(node, 'standard');
    const key = await posthorn.account(account).keys.create({ label: 'x', scopes: [] });
    const { url } = await proxy((count) => (count === 1 ? 'lose answer' : undefined));
    await new Posthorn({ key: OPERATOR_KEY, url }).account(account).keys.delete(key.id);
  });

  test('a call can be given up', async () => {
    const { url } = await proxy(() => 503);
    const controller = new AbortController();
    const shop = new Posthorn({ key: OPERATOR_KEY, url, retries: 1_000 }).account('any');
    const published = shop.publish({ trigger: 'a.b', payload: {} }, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(published).rejects.toThrow('enough');
  });
});

describe('a batcher', () => {
  test('sends together what is published one by one, and answers each', async () => {
    const account = await createAccount(node, 'standard');
    const { url, seen } = await proxy(() => undefined);
    const batcher = new Posthorn({ key: OPERATOR_KEY, url }).account(account).batcher({ maxEvents: 100 });
    const ids = await Promise.all(
      Array.from({ length: 250 }, (_, i) => batcher.publish({ id: `own-${i}`, trigger: 'a.b', payload: { i } })),
    );
    expect(ids.map(({ id }) => id)).toEqual(Array.from({ length: 250 }, (_, i) => `own-${i}`));
    expect(seen.length).toBeLessThanOrEqual(4);
  });

  test('an event that is refused takes no other with it', async () => {
    const account = await createAccount(node, 'standard');
    const batcher = posthorn.account(account).batcher();
    const answers = await Promise.allSettled([
      batcher.publish({ trigger: 'a.b', payload: {} }),
      batcher.publish({ trigger: 'no good', payload: {} }),
      batcher.publish({ trigger: 'c.d', payload: {} }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await posthorn.account(account).events.list()).data).toHaveLength(2);
  });

  test('a lost answer makes no second events', async () => {
    const account = await createAccount(node, 'standard');
    const { url } = await proxy((count) => (count === 1 ? 'lose answer' : undefined));
    const batcher = new Posthorn({ key: OPERATOR_KEY, url }).account(account).batcher();
    await Promise.all([1, 2, 3].map((i) => batcher.publish({ trigger: 'a.b', payload: { i } })));
    expect((await posthorn.account(account).events.list()).data).toHaveLength(3);
  });

  test('chunk after chunk is sent, and what is published at the end of one', async () => {
    const account = await createAccount(node, 'standard');
    const batcher = posthorn.account(account).batcher({ maxEvents: 10, maxWaitMs: 60_000 });
    for (let chunk = 0; chunk < 3; chunk++) {
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => batcher.publish({ trigger: 'a.b', payload: { chunk, i } })),
      );
    }
    const publish = async (payload: number) => batcher.publish({ trigger: 'a.b', payload });
    const first = publish(1);
    await batcher.flush();
    await first;
    const second = publish(2);
    await batcher.flush();
    await second;
    expect((await posthorn.account(account).events.list()).data.length).toBeGreaterThan(31);
  });

  test('an event that is refused as a whole takes no other with it, and what is changed afterwards is not sent', async () => {
    const account = await createAccount(node, 'standard');
    const batcher = posthorn.account(account).batcher();
    let deep: unknown = 1;
    for (let i = 0; i < 2_000; i++) deep = [deep];
    const payload = { as: 'published' };
    const answers = [
      batcher.publish({ trigger: 'a.b', payload }),
      batcher.publish({ trigger: 'a.b', payload: deep }),
      batcher.publish({ trigger: 'a.b', payload: {} }),
    ];
    payload.as = 'changed';
    const settled = await Promise.allSettled(answers);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const { id } = await (answers[0] as Promise<{ id: string }>);
    expect((await posthorn.account(account).events.get(id)).payload).toEqual({ as: 'published' });
  });

  test('what may wait is bounded, and flush waits for all of it', async () => {
    const account = await createAccount(node, 'standard');
    const batcher = posthorn.account(account).batcher({ maxPending: 2, maxWaitMs: 60_000 });
    const published = [1, 2].map((i) => batcher.publish({ trigger: 'a.b', payload: { i } }));
    await expect(batcher.publish({ trigger: 'a.b', payload: {} })).rejects.toThrow('2 events wait');
    await batcher.flush();
    expect(await Promise.all(published)).toHaveLength(2);
  });
});

test('a key verifier asks once for a while, once for all who ask at the same time, and forgets errors', async () => {
  const account = await createAccount(node, 'standard');
  const { key } = await posthorn.account(account).keys.create({ label: 'x', scopes: ['a', 'b'] });
  const { url, seen } = await proxy((count) => (count === 1 ? 400 : undefined));
  let nowMs = 0;
  const verifier = new Posthorn({ key: OPERATOR_KEY, url }).keys.verifier({
    cacheMs: 1_000,
    maxEntries: 2,
    now: () => nowMs,
  });
  await expect(verifier.verify({ key })).rejects.toMatchObject({ status: 400 });
  const answers = await Promise.all([verifier.verify({ key }), verifier.verify({ key }), verifier.verify({ key })]);
  expect(answers.map(({ valid }) => valid)).toEqual([true, true, true]);
  expect(seen).toHaveLength(2);
  await verifier.verify({ key, scopes: ['a', 'b'] });
  await verifier.verify({ key, scopes: ['b', 'a'] });
  expect(seen).toHaveLength(3);
  nowMs = 1_001;
  await verifier.verify({ key });
  expect(seen).toHaveLength(4);
  for (const scope of ['1', '2', '3']) await verifier.verify({ key, scopes: [scope] });
  await verifier.verify({ key });
  expect(seen).toHaveLength(8);
});

const CONTRACTS: { contract: WebhookContract; metadata?: object; more?: object }[] = [
  { contract: standard },
  { contract: loopReturns },
  { contract: loopSubscriptions, metadata: { myshopifyDomain: 'a.myshopify.com' } },
  { contract: loops },
];

describe.each(CONTRACTS)('$contract.name', ({ contract, metadata = {} }) => {
  /** One of each framework, on its own path or port. */
  const frameworks: [name: string, serve: (webhook: Webhook<WebhookEvent>, seen: string[]) => Promise<string>][] = [
    [
      'Express',
      async (webhook, seen) => {
        const app = express();
        app.post(
          '/hook',
          webhookExpress(webhook, (event) => seen.push(event.trigger)),
        );
        return `${await listen(createServer(app))}/hook`;
      },
    ],
    [
      'Express, with the body read by express.raw',
      async (webhook, seen) => {
        const app = express();
        app.post(
          '/hook',
          express.raw({ type: '*/*' }),
          webhookExpress(webhook, (event) => seen.push(event.trigger)),
        );
        return `${await listen(createServer(app))}/hook`;
      },
    ],
    [
      'Fastify',
      async (webhook, seen) => {
        const app = Fastify();
        await app.register(
          webhookFastify(webhook, (event) => seen.push(event.trigger)),
          { prefix: '/hook' },
        );
        stops.push(() => app.close());
        return `${await app.listen({ port: 0 })}/hook`;
      },
    ],
    [
      'Hono',
      async (webhook, seen) => {
        const app = new Hono();
        app.post(
          '/hook',
          webhookHono(webhook, (event) => seen.push(event.trigger)),
        );
        return `${await listen(serveFetch(app.fetch))}/hook`;
      },
    ],
    [
      'Next.js',
      async (webhook, seen) => listen(serveFetch(webhookRoute(webhook, (event) => seen.push(event.trigger)))),
    ],
    [
      'the Fetch API',
      async (webhook, seen) => listen(serveFetch(webhookHandler(webhook, (event) => seen.push(event.trigger)))),
    ],
  ];

  test.each(frameworks)('is verified and read in %s, from a real delivery', async (_, serve) => {
    const account = await createAccount(node, contract.name, metadata);
    const samples =
      contract.name === 'standard'
        ? [{ topic: null, trigger: 'order.created', text: '{"n":5.0}' }]
        : samplesOf(contract.name);
    const [sample] = samples.filter(({ trigger }) => trigger !== 'testing.testEvent');
    if (!sample) throw new Error('every contract has samples');
    const target = await tlsReceiver();
    stops.push(() => target.stop());
    const created = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      url: target.url().replace('http:', 'https:'),
      status: 'active',
      subscriptions: [
        {
          trigger: sample.trigger,
          ...(sample.topic === null ? {} : { topic: sample.topic }),
        },
      ],
    });
    expect(created.status, created.text).toBe(201);
    const seen: string[] = [];
    const address = await serve(new Webhook(created.body.secret, { contract }), seen);
    const body =
      contract.topic === null || sample.topic === null
        ? `{"trigger":"${sample.trigger}","payload":${sample.text}}`
        : `{"trigger":"${sample.trigger}","payloads":{"${sample.topic}":${sample.text}}}`;
    expect((await node.call('POST', `/v1/accounts/${account}/events`, body)).status).toBe(202);
    const [request] = await target.received(1);
    if (!request) throw new Error('nothing came');
    const send = (bytes: Uint8Array<ArrayBuffer>) => {
      const headers = Object.entries(request.headers).filter(
        ([name]) => !['host', 'connection', 'content-length'].includes(name),
      );
      return fetch(address, { method: 'POST', headers: headers as [string, string][], body: bytes });
    };
    expect((await send(new Uint8Array(request.body))).status).toBe(204);
    expect(seen).toEqual([sample.trigger]);
    const forged = await send(new Uint8Array([...request.body, 32]));
    expect([forged.status, ((await forged.json()) as { error: string }).error]).toEqual([400, 'signature_mismatch']);
    expect(seen).toHaveLength(1);
  });
});

test('an Express app that has parsed the body before is told so', async () => {
  const app = express();
  app.use(express.json());
  app.post(
    '/hook',
    webhookExpress(new Webhook(`whsec_${Buffer.alloc(24).toString('base64')}`), () => {}),
  );
  const url = await listen(createServer(app));
  const answer = await fetch(`${url}/hook`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'body_not_raw' }]);
});

test("Node's own server outlives a request that breaks off, and answers 500 when the handler throws", async () => {
  const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
  const handler = webhookExpress(new Webhook(secret), () => {
    throw new Error('not now');
  });
  const answers: Promise<void>[] = [];
  const url = await listen(createServer((request, response) => void answers.push(handler(request, response))));
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc', () => socket.destroy());
  await eventually(
    async () => answers.length,
    (length) => length === 1,
  );
  // Not rejected: nobody would catch it.
  await answers[0];
  const at = new Date();
  const body = '{"type":"a.b","timestamp":"2026-01-01T00:00:00Z","data":{}}';
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new PublishedWebhook(secret).sign('evt_1', at, body),
    },
    body,
  });
  expect(answer.status).toBe(500);
});

test('events of a contract are told apart by their trigger, by the compiler', async () => {
  const webhook = new Webhook('0123456789abcdef', { contract: loopReturns });
  const read = (event: Awaited<ReturnType<typeof webhook.verify>>): string | number | null => {
    // What compiles here is the test: a payload has the members of its trigger.
    if (event.trigger === 'giftcard.requested') return event.payload.total_credit_issued;
    return event.trigger === 'label.created' ? event.topic : null;
  };
  expect(read).toBeTypeOf('function');
});

/** Node's own server in front of a handler of the Fetch API. */
function serveFetch(handle: (request: Request) => Response | Promise<Response>): Server {
  return createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const answer = await handle(
        new Request(`http://localhost${request.url}`, {
          method: 'POST',
          headers: request.headers as Record<string, string>,
          body: Buffer.concat(chunks),
        }),
      );
      response
        .writeHead(answer.status, Object.fromEntries(answer.headers))
        .end(Buffer.from(await answer.arrayBuffer()));
    });
  });
}
