/** The stream of what happens to an account's deliveries. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, OPERATOR_KEY, startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

let node: TestNode;
let receiver: Receiver;
const clock = new VirtualClock();

beforeAll(async () => {
  [node, receiver] = await Promise.all([startTestNode({ clock }), Receiver.start()]);
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

interface Watched {
  messages: { event: string; data: { id: string; trigger: string }[] }[];
  ended: boolean;
  stop(): void;
}

/** Reads the stream until it ends. */
async function watch(account: string, headers: Record<string, string>): Promise<Watched> {
  const ended = new AbortController();
  const watched: Watched = { messages: [], ended: false, stop: () => ended.abort() };
  const { body } = await fetch(`${node.url}/v1/accounts/${account}/deliveries/live`, { headers, signal: ended.signal });
  if (!body) throw new Error('no stream');
  const read = async () => {
    let text = '';
    for await (const part of body.pipeThrough(new TextDecoderStream())) {
      text += part;
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      for (const message of parts) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(message) ?? [];
        if (event !== undefined) watched.messages.push({ event, data: JSON.parse(data ?? '') });
      }
    }
  };
  void read()
    .catch(() => {})
    .finally(() => {
      watched.ended = true;
    });
  return watched;
}

describe('the live stream', () => {
  test('tells the newest at once, and again when something has changed', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'order.created', 1);
    await receiver.received(1);
    const watched = await watch(account, { authorization: `Bearer ${OPERATOR_KEY}` });
    await eventually(
      async () => watched.messages.at(-1)?.data,
      (rows) => rows?.length === 1,
    );
    await node.publish(account, 'order.paid', 2);
    await eventually(
      async () => watched.messages.at(-1)?.data.map((row) => row.trigger),
      (triggers) => triggers?.join() === 'order.paid,order.created',
    );
    expect(new Set(watched.messages.map((message) => message.event))).toEqual(new Set(['deliveries']));
    watched.stop();
  });

  test('attack: it ends with the session that it was begun with', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    const { body } = await node.call('POST', `/v1/accounts/${account}/page-sessions`, { expires_in: 600 });
    const token = /token=(\S+)/.exec(body.url)?.[1];
    const watched = await watch(account, { authorization: `Bearer ${token}` });
    await eventually(
      async () => watched.messages.length,
      (count) => count > 0,
    );
    clock.jump(601_000);
    await eventually(
      async () => watched.ended,
      (ended) => ended,
    );
  });

  test('it ends with the account', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    const watched = await watch(account, { authorization: `Bearer ${OPERATOR_KEY}` });
    await node.call('DELETE', `/v1/accounts/${account}`);
    await eventually(
      async () => watched.ended,
      (ended) => ended,
    );
  });
});
