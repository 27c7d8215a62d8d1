/** Endpoints that hang, however many, take nothing away from those that answer. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

const REQUESTS_MAX = 40;
let node: TestNode;
let good: Receiver;
let silent: Receiver;

beforeEach(async () => {
  [good, silent] = await Promise.all([Receiver.start(), Receiver.start()]);
  silent.respond = () => {};
  node = await startTestNode({ environment: { POSTHORN_REQUESTS_MAX: String(REQUESTS_MAX) } });
});
afterEach(async () => {
  silent.dropConnections();
  await node.stop();
  await Promise.all([good.stop(), silent.stop()]);
});

/** Accounts whose endpoints do not answer, each with more waiting than all slots of the node. */
async function hangingCloud(accounts: number): Promise<void> {
  for (let a = 0; a < accounts; a++) {
    const { account } = await node.createEndpoint(silent.url('/0'));
    for (let e = 1; e < 5; e++) await node.createEndpoint(silent.url(`/${e}`), {}, account);
    for (let i = 0; i < 10; i++) await node.publish(account, 'a.b', i);
  }
}

const gauge = async (name: string) => {
  const { text } = await node.call('GET', '/metrics');
  return Number(new RegExp(`^posthorn_${name} (\\d+)`, 'm').exec(text)?.[1]);
};

test('four accounts whose receivers hang leave half of the slots, and a healthy account sends through them', async () => {
  const { account } = await node.createEndpoint(good.url());
  await node.publish(account, 'a.b', 'known to answer');
  await good.received(1);
  await hangingCloud(4);
  await silent.received(REQUESTS_MAX / 2);
  for (let i = 0; i < 50; i++) await node.publish(account, 'a.b', i);
  await good.received(51);
  // All of that while they still hang: none of them has ended.
  expect(await gauge('in_flight_unproven')).toBeGreaterThanOrEqual(REQUESTS_MAX / 2);
  expect(await gauge('in_flight_unproven')).toBeLessThanOrEqual(REQUESTS_MAX / 2 + 4);
  expect(await gauge('in_flight_unproven_max')).toBe(REQUESTS_MAX / 2);
});

test('an account that nothing is known of gets a probe past the cloud, and then what it needs', async () => {
  await hangingCloud(4);
  await silent.received(REQUESTS_MAX / 2);
  const { account } = await node.createEndpoint(good.url());
  for (let i = 0; i < 30; i++) await node.publish(account, 'a.b', i);
  await good.received(30);
  expect(await gauge('in_flight_unproven')).toBeGreaterThanOrEqual(REQUESTS_MAX / 2);
});
