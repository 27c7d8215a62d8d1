/** PostgreSQL under Patroni, whose primary is killed again and again: nothing that was accepted is lost. */
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { hasPatroni, startCluster } from '../support/brokers/patroni.ts';
import { cutConnections } from '../support/faults.ts';
import { eventually, startTestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

const KILLS = 10;
/** What was acknowledged a moment after the kill may have been on its way before. */
const KILLED_WITHIN_MS = 200;

describe.skipIf(!hasPatroni)('a cluster that fails over (skipped without Patroni and etcd: npm run brokers)', () => {
  test('ten times under load: each accepted event is delivered, and publishing goes on by itself', async () => {
    const cluster = await startCluster();
    const receiver = await Receiver.start();
    const node = await startTestNode({ databaseUrl: cluster.url });
    const { account } = await node.createEndpoint(receiver.url('/hook'));
    /** When each was acknowledged. */
    const accepted = new Map<string, number>();
    let isPublishing = true;
    const publish = async (n: number) => {
      for (let i = 0; isPublishing; i++) {
        const answer = await node.publish(account, 'order.created', { n, i }, { 'idempotency-key': `${n}-${i}` });
        if (answer.status === 202) accepted.set(answer.body.id, performance.now());
        else await setTimeout(20);
      }
    };
    const publishers = Array.from({ length: 4 }, (_, n) => publish(n));
    const delays: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const before = await cluster.primary();
      const count = accepted.size;
      await eventually(
        async () => accepted.size,
        (size) => size > count + 20,
      );
      await cluster.killPrimary();
      const killedMs = performance.now();
      await eventually(
        () => cluster.promoted(),
        (port) => port !== undefined && port !== before,
        60_000,
      );
      const promotedMs = performance.now();
      const firstMs = await eventually(
        async () => [...accepted.values()].find((ms) => ms > killedMs + KILLED_WITHIN_MS),
        (ms) => ms !== undefined,
        30_000,
      );
      delays.push(Math.round(Number(firstMs) - promotedMs));
    }
    isPublishing = false;
    await Promise.all(publishers);
    const missing = () => {
      const delivered = new Set(receiver.requests.map(({ headers }) => String(headers['webhook-id'])));
      return [...accepted.keys()].filter((id) => !delivered.has(id));
    };
    await eventually(
      async () => missing().length,
      (count) => count === 0,
      60_000,
    );
    expect(accepted.size).toBeGreaterThan(KILLS * 20);
    // For whoever runs it: from the moment when another one said that it is the primary.
    console.info(`${accepted.size} accepted; publishing went on after ${delays.join(', ')} ms`);
    await node.stop();
    await receiver.stop();
    await cluster.stop();
  }, 400_000);

  test('a primary that stands still, and does not know that another was chosen, is not believed when it goes on', async () => {
    const cluster = await startCluster();
    const receiver = await Receiver.start();
    const node = await startTestNode({ databaseUrl: cluster.url });
    const { account } = await node.createEndpoint(receiver.url('/hook'));
    const accepted: string[] = [];
    const publish = async (count: number) => {
      for (const goal = accepted.length + count; accepted.length < goal; ) {
        const { status, body } = await node.publish(account, 'order.created', { n: accepted.length });
        if (status === 202) accepted.push(body.id);
        else await setTimeout(50);
      }
    };
    await publish(20);
    const before = await cluster.primary();
    const goOn = await cluster.freezePrimary();
    // What is sent there hangs, until the other one has been promoted.
    await publish(20);
    goOn();
    const after = await eventually(
      () => cluster.promoted(),
      (port) => port !== undefined,
    );
    expect(after).not.toBe(before);
    // Long enough for several looks at who takes writes; connections that break look anew, too.
    for (let round = 0; round < 4; round++) {
      await publish(50);
      await cutConnections(
        `postgres://postgres:x@127.0.0.1:${after}/postgres`,
        "application_name LIKE 'posthorn% hot'",
      );
      await setTimeout(1_000);
    }
    await eventually(
      async () => new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])),
      (delivered) => accepted.every((id) => delivered.has(id)),
      60_000,
    );
    await node.stop();
    await receiver.stop();
    await cluster.stop();
  }, 200_000);
});
