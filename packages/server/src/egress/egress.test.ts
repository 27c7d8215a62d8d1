/** The guard on real sockets: what a name leads to is checked at every connection, not when the endpoint was made. */
import { createServer as createTlsServer } from 'node:https';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Receiver } from '../../../../test/support/receiver.ts';
import { SELF_SIGNED } from '../../../../test/support/self-signed.ts';
import { parseNetwork } from './address.ts';
import { Egress } from './egress.ts';
import { EgressGuard } from './guard.ts';
import { Trust } from './trust.ts';

const timeouts = { connectMs: 300, headersMs: 300, bodyMs: 300, totalMs: 600 };
const local = new EgressGuard([parseNetwork('127.0.0.0/8')]);
let receiver: Receiver;

beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(() => receiver.stop());

function post(egress: Egress, url: string, account = 'a') {
  return egress.send(account, { url: new URL(url), headers: [['x-test', '1']], body: Buffer.from('{}'), timeouts });
}

describe('attack: DNS', () => {
  test('a public name that leads to a private address is refused before a packet is sent', async () => {
    const egress = new Egress(new EgressGuard([]), async () => ['127.0.0.1']);
    const outcome = await post(egress, `http://rebind.example:${receiver.port}/`);
    expect(outcome).toMatchObject({ error: 'blocked_address' });
    expect(receiver.connections).toBe(0);
  });
  test('one refused address among good ones refuses the name', async () => {
    const egress = new Egress(local, async () => ['127.0.0.1', '10.0.0.1']);
    expect(await post(egress, `http://mixed.example:${receiver.port}/`)).toMatchObject({ error: 'blocked_address' });
    expect(receiver.connections).toBe(0);
  });
  test('a name that changes its address between connections is checked again', async () => {
    const answers = [['127.0.0.1'], ['169.254.169.254']];
    const egress = new Egress(local, async () => answers.shift() ?? []);
    const url = `http://changing.example:${receiver.port}/`;
    expect((await post(egress, url, 'a')).response?.status).toBe(200);
    expect(await post(egress, url, 'b')).toMatchObject({ error: 'blocked_address' });
  });
  test('what the resolver answers must be an address', async () => {
    const egress = new Egress(local, async () => ['127.0.0.1%lo']);
    expect(await post(egress, `http://odd.example:${receiver.port}/`)).toMatchObject({ error: 'blocked_address' });
  });
});

describe('timeouts', () => {
  test('connecting: a resolver that does not answer', async () => {
    const egress = new Egress(local, () => new Promise(() => {}));
    expect(await post(egress, 'http://slow.example/')).toMatchObject({
      error: 'timeout',
      errorDetail: 'No connection within 300 ms',
    });
  });
  test('the head: a receiver that does not answer', async () => {
    receiver.respond = () => {};
    expect(await post(new Egress(local, async (h) => [h]), receiver.url())).toMatchObject({ error: 'timeout' });
  });
  test('the whole: a receiver that sends its body byte by byte', async () => {
    receiver.respond = (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(drip));
    };
    const outcome = await post(new Egress(local, async (h) => [h]), receiver.url());
    expect(outcome).toMatchObject({ error: 'timeout', response: { status: 200 } });
    expect(outcome.timings.total).toBeLessThan(2_000);
  });
});

test('TLS goes to the checked address and is verified for the name', async () => {
  const tls = await Receiver.start(createTlsServer(SELF_SIGNED) as unknown as never);
  const trusting = new Egress(local, async () => ['127.0.0.1'], new Trust(SELF_SIGNED.cert));
  const outcome = await post(trusting, `https://receiver.test:${tls.port}/`);
  expect(outcome.response?.status).toBe(200);
  expect(outcome.timings.tls).toBeGreaterThan(0);
  const wrongName = await post(trusting, `https://other.test:${tls.port}/`);
  expect(wrongName).toMatchObject({ error: 'tls_failed' });
  trusting.close();
  await tls.stop();
});
