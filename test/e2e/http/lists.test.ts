/** Pages, filters, and nothing of other accounts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';

let node: TestNode;
let receiver: Receiver;
let account: string;
let endpoint: string;

beforeAll(async () => {
  node = await startTestNode();
  receiver = await Receiver.start();
  ({ account, endpoint } = await node.createEndpoint(receiver.url()));
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

describe('lists', () => {
  test('are paged without gaps or repeats', async () => {
    const { account: own } = await node.createEndpoint(receiver.url());
    for (let i = 0; i < 7; i++) await node.publish(own, 'a', i);
    await eventually(
      () => node.call('GET', `/v1/accounts/${own}/deliveries?status=succeeded`),
      (answer) => answer.body.data.length === 7,
    );
    for (const kind of ['events', 'deliveries']) {
      const seen: string[] = [];
      let path = `/v1/accounts/${own}/${kind}?limit=3`;
      for (let pages = 1; ; pages++) {
        const { body } = await node.call('GET', path);
        seen.push(...body.data.map((d: { id: string }) => d.id));
        if (body.next_cursor === null) {
          expect(pages).toBe(3);
          break;
        }
        path = `/v1/accounts/${own}/${kind}?limit=3&cursor=${body.next_cursor}`;
      }
      expect(new Set(seen).size).toBe(7);
      expect([...seen].sort().reverse()).toEqual(seen);
    }
  });

  test('go on where they were, although what was seen last has been deleted', async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i++) {
      made.push((await node.call('POST', '/v1/accounts', { name: `Gone ${i}`, contract: 'standard' })).body.id);
    }
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await node.call('GET', `/v1/accounts?q=Gone&limit=2${cursor && `&cursor=${cursor}`}`);
      for (const { id } of body.data) {
        seen.push(id);
        await node.call('DELETE', `/v1/accounts/${id}`);
      }
      cursor = body.next_cursor ?? '';
    } while (cursor !== '');
    expect(seen).toEqual(made.toReversed());
  });

  test('a delivery that was sent many times holds the newest attempts’ bodies; each other is asked for alone', async () => {
    const { account: own } = await node.createEndpoint(receiver.url());
    await node.publish(own, 'order.created', { a: 1 });
    const attempts = () =>
      eventually(
        () => node.call('GET', `/v1/accounts/${own}/deliveries`),
        (answer) => answer.body.data[0]?.status === 'succeeded',
      ).then((answer) => answer.body.data[0]);
    const { id } = await attempts();
    for (let i = 0; i < 4; i++) {
      await node.call('POST', `/v1/accounts/${own}/deliveries/${id}/retry`);
      await attempts();
    }
    const path = `/v1/accounts/${own}/deliveries/${id}`;
    const { body } = await node.call('GET', path);
    const shown = body.attempts.map((one: { bodies_omitted: boolean; request: { body: string }; response: object }) => [
      one.bodies_omitted,
      one.request.body === '',
    ]);
    expect(shown).toEqual([
      [true, true],
      [true, true],
      [false, false],
      [false, false],
      [false, false],
    ]);
    const first = await node.call('GET', `${path}/attempts/1`);
    expect(first.body).toMatchObject({ number: 1, bodies_omitted: false, response: { status: 200, body: 'ok' } });
    expect(JSON.parse(first.body.request.body)).toMatchObject({ data: { a: 1 } });
    expect(await node.call('GET', `${path}/attempts/99`)).toMatchObject({ body: { code: 'attempt_not_found' } });
    const largest = `/v1/accounts/${own}/deliveries/dlv_7zzzzzzzzzzzzzzzzzzzzzzzzz`;
    expect(await node.call('GET', largest)).toMatchObject({ status: 404, body: { code: 'delivery_not_found' } });
  });

  test('filter by endpoint, status, trigger, event and time', async () => {
    const { account: own, endpoint: ep } = await node.createEndpoint(receiver.url());
    const { body: event } = await node.publish(own, 'order.created', 1);
    await node.publish(own, 'order.paid', 2);
    const path = `/v1/accounts/${own}/deliveries`;
    await eventually(
      () => node.call('GET', `${path}?status=succeeded`),
      (answer) => answer.body.data.length === 2,
    );
    await node.call('POST', `/v1/accounts/${own}/endpoints/${ep}/test`);
    const count = async (filter: string) => (await node.call('GET', `${path}?${filter}`)).body.data.length;
    expect([await count('test=true'), await count('test=false'), await count('')]).toEqual([1, 2, 3]);
    await node.call('GET', `${path}?test=maybe`).then((answer) => expect(answer.status).toBe(400));
    expect(await count(`endpoint=${ep}&test=false`)).toBe(2);
    expect(await count(`endpoint=${endpoint}`)).toBe(0);
    expect(await count('trigger=order.paid')).toBe(1);
    expect(await count(`event=${event.id}`)).toBe(1);
    expect(await count('status=failed')).toBe(0);
    expect(await count(`from=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`)).toBe(0);
    expect(await count(`to=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`)).toBe(3);
  });

  test('filter by what the receiver answered; charts count failures and show latency by time', async () => {
    const strict = await Receiver.start();
    const answers = [200, 422, 422, 410];
    strict.respond = (_, response, index) => void response.writeHead(answers[index] ?? 200).end();
    const { account: own, endpoint: ep } = await node.createEndpoint(strict.url());
    for (const [i] of answers.entries()) {
      await node.publish(own, 'a', i);
      await strict.received(i + 1);
    }
    const path = `/v1/accounts/${own}/deliveries`;
    const count = async (filter: string) => (await node.call('GET', `${path}?${filter}`)).body.data.length;
    await eventually(
      () => count('last_error=http_status'),
      (found) => found === 3,
    );
    expect(await count('last_status=422')).toBe(2);
    expect(await count('last_status=200')).toBe(1);
    expect(await count('last_error=timeout')).toBe(0);
    expect((await node.call('GET', `${path}?last_status=7`)).status).toBe(400);
    const { body: stats } = await node.call('GET', `/v1/accounts/${own}/stats`);
    expect(stats.failures).toContainEqual(
      expect.objectContaining({ endpoint_id: ep, status: 410, error: 'http_status', count: 1 }),
    );
    expect(stats.failures).toContainEqual(expect.objectContaining({ status: 422, count: 2 }));
    // All of it happened in this quarter of an hour, or in this one and the one before.
    expect(stats.latency.length).toBeGreaterThanOrEqual(1);
    expect(stats.latency.length).toBeLessThanOrEqual(2);
    for (const { at, p50, p95, p99 } of stats.latency) {
      expect(stats.volume.map((bucket: { at: string }) => bucket.at)).toContain(at);
      expect(0 < p50 && p50 <= p95 && p95 <= p99).toBe(true);
    }
    await strict.stop();
  });

  test('what is being retried is counted before it is given up', async () => {
    const broken = await Receiver.start();
    broken.respond = (_, response) => void response.writeHead(503).end();
    const { account: own, endpoint: ep } = await node.createEndpoint(broken.url());
    for (let i = 1; i <= 3; i++) {
      await node.publish(own, 'a', i);
      await broken.received(i);
    }
    const days = await eventually(
      () => node.call('GET', `/v1/accounts/${own}/endpoint-stats`),
      ({ body }) => body.data[0].retrying === 3,
    );
    expect(days.body.data[0]).toMatchObject({
      endpoint_id: ep,
      failing: { last_status: 503, last_error: 'http_status' },
      last_delivery_at: expect.any(String),
    });
    const { body: stats } = await node.call('GET', `/v1/accounts/${own}/stats`);
    const sum = (buckets: { retrying: number }[]) => buckets.reduce((total, bucket) => total + bucket.retrying, 0);
    expect(sum(stats.volume)).toBe(3);
    expect(sum(days.body.data[0].hours)).toBe(3);
    expect(stats.failures).toEqual([
      expect.objectContaining({ endpoint_id: ep, status: 503, count: 3, first_at: expect.any(String) }),
    ]);
    expect(Date.parse(stats.failures[0].last_at)).toBeGreaterThanOrEqual(Date.parse(stats.failures[0].first_at));
    const { body: overview } = await node.call('GET', '/v1/overview');
    expect(overview.failing).toContainEqual(expect.objectContaining({ endpoint_id: ep, retrying: 3 }));
    await broken.stop();
  });

  test('attack: nothing of another account is shown', async () => {
    const other = await node.createEndpoint(receiver.url());
    const { body: event } = await node.publish(other.account, 'a', 1);
    const list = await eventually(
      () => node.call('GET', `/v1/accounts/${other.account}/deliveries`),
      (answer) => answer.body.data.length === 1,
    );
    const delivery = list.body.data[0].id;
    for (const path of [`endpoints/${other.endpoint}`, `events/${event.id}`, `deliveries/${delivery}`]) {
      expect((await node.call('GET', `/v1/accounts/${account}/${path}`)).status, path).toBe(404);
    }
    for (const path of [
      `endpoints/${other.endpoint}/deactivate`,
      `endpoints/${other.endpoint}/rotate-secret`,
      `endpoints/${other.endpoint}/test`,
      `deliveries/${delivery}/retry`,
    ]) {
      expect((await node.call('POST', `/v1/accounts/${account}/${path}`)).status, path).toBe(404);
    }
    expect((await node.call('DELETE', `/v1/accounts/${account}/endpoints/${other.endpoint}`)).status).toBe(404);
  });
});

test('the overview tells how many deliveries are finished a second, as of the last heartbeat', async () => {
  const { account: own } = await node.createEndpoint(receiver.url());
  const { body } = await eventually(
    async () => {
      await node.publish(own, 'a', 1);
      return node.call('GET', '/v1/overview');
    },
    (answer) => answer.body.finished_per_s > 0,
  );
  expect(body.nodes[0]).toMatchObject({ is_this: true, finished_per_s: body.finished_per_s });
});
