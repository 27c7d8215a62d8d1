/** What an operator sees from outside: metrics, traces, the log, readiness. */
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeId, encodeId, IdSource } from '../../packages/server/src/domain/ids.ts';
import type { SettledAttempt, StoredEvent } from '../../packages/server/src/domain/model.ts';
import { newDelivery } from '../../packages/server/src/domain/new-delivery.ts';
import { openTracing } from '../../packages/server/src/tracing.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { writeContract } from '../support/vendors.ts';

const FILE = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const PUBLISHERS = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  links?: { traceId: string; spanId: string }[];
  attributes: { key: string; value: Record<string, unknown> }[];
}

/** Takes spans as a collector does. */
async function startCollector() {
  const spans: OtlpSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString());
      for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { spans, url, stop: () => new Promise((resolve) => server.close(resolve)) };
}

const lines: Record<string, unknown>[] = [];
let collector: Awaited<ReturnType<typeof startCollector>>;
let node: TestNode;
let receiver: Receiver;

beforeAll(async () => {
  collector = await startCollector();
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
  process.env.OTEL_BSP_SCHEDULE_DELAY = '50';
  const contracts = mkdtempSync(join(tmpdir(), 'posthorn-traced-'));
  writeContract(contracts, 'traced', {
    title: 'Traced',
    triggers: 'free',
    body: { encoder: 'json' },
    headers: { traceparent: '{attempt.traceparent}' },
    signature: { scheme: 'none' },
    policy: { retry_delays_s: [0.1] },
  });
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  receiver = await Receiver.start();
  node = await startTestNode({
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      POSTHORN_LOG_ATTEMPTS: 'all',
      POSTHORN_CONTRACTS: contracts,
    },
    logger: pino({ level: 'info', base: null }, stream),
  });
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
  await collector.stop();
  delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  delete process.env.OTEL_BSP_SCHEDULE_DELAY;
});

test('an event has a trace with its own id, the publisher has a span that refers to it, and receivers are told of it', async () => {
  await node.call('POST', '/v1/accounts', { id: 'traced', name: 'Traced', contract: 'traced' });
  receiver.respond = (_, response, i) => void response.writeHead(i === 0 ? 503 : 200).end();
  await node.call('POST', '/v1/accounts/traced/endpoints', {
    url: receiver.url('/hook?token=secret'),
    subscriptions: [{ trigger: '*' }],
  });
  const { body } = await node.publish('traced', 'order.created', { a: 1 }, { traceparent: PUBLISHERS });
  const requests = await receiver.received(2);
  const traceId = decodeId('evt', body.id)?.toString('hex') ?? '';
  const all = await eventually(
    async () => collector.spans,
    (spans) => spans.filter(({ name }) => name.startsWith('deliver')).length === 2,
  );
  const named = (start: string) => all.filter(({ name }) => name.startsWith(start));
  const [root] = named('event order.created');
  expect(root).toMatchObject({ traceId, spanId: traceId.slice(16) });
  const [published] = named('publish order.created');
  const [, publisherTrace, publisherSpan] = PUBLISHERS.split('-');
  expect(published).toMatchObject({ traceId: publisherTrace, parentSpanId: publisherSpan });
  expect(published?.links?.[0]).toMatchObject({ traceId, spanId: root?.spanId });
  expect(root?.links?.[0]).toMatchObject({ traceId: publisherTrace, spanId: published?.spanId });
  const attempts = named('deliver order.created');
  expect(attempts.map((span) => [span.traceId, span.parentSpanId])).toEqual([0, 1].map(() => [traceId, root?.spanId]));
  expect(requests.map(({ headers }) => headers.traceparent)).toEqual(
    attempts.map(({ spanId }) => `00-${traceId}-${spanId}-01`),
  );
  expect(JSON.stringify(attempts)).not.toContain('secret');
  expect(attempts[0]?.attributes).toContainEqual({ key: 'error.type', value: { stringValue: 'http_status' } });
});

test('what the sampler leaves out has no spans: neither the event nor its attempts, on any node', async () => {
  const variables = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' };
  Object.assign(process.env, variables);
  const ids = new IdSource(() => Date.now(), randomFillSync);
  const endpoint = { id: 'ep', uuid: ids.nextUuid(), accountId: 'a' };
  const events = Array.from({ length: 40 }, (): StoredEvent => {
    const uuid = ids.nextUuid();
    const more = { externalId: null, accountId: 'a', trigger: 'ratio', byTopic: false, test: false };
    return { id: encodeId('evt', uuid), uuid, payload: Buffer.from('{}'), createdAtMs: Date.now(), ...more };
  });
  const attemptOf = (event: StoredEvent): SettledAttempt => ({
    delivery: newDelivery(ids.nextUuid(), endpoint, null, event, false),
    startedAtMs: Date.now(),
    url: 'http://127.0.0.1:9/',
    requestHeaders: [],
    ownHeaders: { id: null, values: [] },
    outcome: { timings: { total: 1 } },
    decision: { kind: 'succeeded' },
  });
  const [first, second] = [await openTracing('1.0.0'), await openTracing('1.0.0')];
  for (const name of Object.keys(variables)) delete process.env[name];
  for (const event of events) first.accepted(event, undefined);
  for (const event of events) second.attempted(attemptOf(event));
  await Promise.all([first.stop(), second.stop()]);
  const seen = events.map(({ uuid }) => {
    const id = Buffer.from(uuid).toString('hex');
    const spans = collector.spans.filter(({ traceId }) => traceId === id);
    return spans
      .map(({ name }) => name.split(' ')[0])
      .sort()
      .join();
  });
  expect([...new Set(seen)].sort()).toEqual(['', 'deliver,event']);
});

test('each attempt is one line of the log that says everything, but for what may be secret', async () => {
  const attempts = await eventually(
    async () => lines.filter(({ msg }) => msg === 'attempt'),
    (all) => all.length >= 2,
  );
  const { port } = receiver;
  const common = {
    account: 'traced',
    trigger: 'order.created',
    host: `127.0.0.1:${port}`,
    ms: expect.any(Number),
    bytes: 7,
  };
  expect(attempts[0]).toMatchObject({
    ...common,
    attempt: 1,
    status: 503,
    error: 'http_status',
    next: 'retry',
    retry_ms: expect.any(Number),
  });
  expect(attempts[1]).toMatchObject({ ...common, attempt: 2, status: 200, next: 'succeeded' });
  expect(JSON.stringify(attempts)).not.toContain('secret');
});

describe('metrics', () => {
  const names = async () =>
    new Set([...(await node.call('GET', '/metrics')).text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));

  test('the queue by state, and how old the oldest of it is', async () => {
    await node.call('POST', '/v1/accounts', { id: 'held', name: 'Held', contract: 'standard' });
    const { text } = await node.call('GET', '/metrics');
    expect(text).toMatch(/^posthorn_queue\{state="due"\} \d+$/m);
    expect(text).toMatch(/^posthorn_queue\{state="held"\} \d+$/m);
    expect(text).toMatch(/^posthorn_oldest_undelivered_seconds \d/m);
    expect(text).toMatch(/^posthorn_publish_to_first_byte_seconds_count 1$/m);
  });

  test.each(['deploy/grafana/posthorn.json', 'deploy/prometheus/alerts.yml', 'docs/operation.md'])(
    '%s names only what there is',
    async (path) => {
      const there = await names();
      const mentioned = [...FILE(path).matchAll(/\b((?:posthorn|nodejs|process)_[a-z0-9_]+[a-z0-9])\b/g)].map(
        ([, name = '']) => name,
      );
      const known = (name: string) => there.has(name) || there.has(name.replace(/_(bucket|sum|count)$/, ''));
      // Names of other things than metrics.
      const others = new Set(['posthorn_publish', 'posthorn_session', 'posthorn_keys', 'posthorn_lanes']);
      expect(mentioned.length).toBeGreaterThan(3);
      expect(mentioned.filter((name) => !known(name) && !others.has(name))).toEqual([]);
    },
  );
});

test('readiness says how the node is', async () => {
  const { body } = await node.call('GET', '/readyz');
  expect(body).toEqual({
    status: 'ready',
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    uptime_s: expect.any(Number),
    database_ms: expect.any(Number),
    in_flight: 0,
    in_memory: expect.any(Number),
    endpoints_behind: 0,
    warnings: [],
  });
});
