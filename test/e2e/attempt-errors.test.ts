/** Every way in which an attempt can fail has a stable code in the history. */
import { createServer as createTlsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { RawReceiver } from '../support/raw-receiver.ts';
import { Receiver } from '../support/receiver.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';

let node: TestNode;

beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node.stop());

/** Sends a test delivery and answers the attempt. */
async function attemptAt(url: string) {
  const { account, endpoint } = await node.createEndpoint(url);
  const { body } = await node.call('POST', `/v1/accounts/${account}/endpoints/${endpoint}/test`);
  return body.attempt;
}

async function rawServer(serve: (socket: Socket) => void): Promise<{ server: Server; url: string }> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/` };
}

test('refused: nobody listens', async () => {
  const { server, url } = await rawServer(() => {});
  await new Promise((resolve) => server.close(resolve));
  expect(await attemptAt(url)).toMatchObject({ error: 'refused', response: null });
});

test('dns_failed: the name does not exist', async () => {
  expect(await attemptAt('http://does-not-exist.invalid/')).toMatchObject({ error: 'dns_failed', response: null });
});

test('reset: the connection breaks before the answer', async () => {
  const { server, url } = await rawServer((socket) => void socket.once('data', () => socket.destroy()));
  expect(await attemptAt(url)).toMatchObject({ error: 'reset', response: null });
  server.close();
});

test('reset: the connection breaks within the answer, whose beginning is kept', async () => {
  const { server, url } = await rawServer((socket) => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', () => socket.destroy()),
    );
  });
  expect(await attemptAt(url)).toMatchObject({ error: 'reset', response: { status: 200, body: 'half' } });
  server.close();
});

test('invalid_response: the answer is not HTTP', async () => {
  const { server, url } = await rawServer(
    (socket) => void socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n\r\n')),
  );
  expect(await attemptAt(url)).toMatchObject({ error: 'invalid_response', response: null });
  server.close();
});

test('invalid_response: the head is too large', async () => {
  const { server, url } = await rawServer((socket) => {
    socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`));
  });
  expect(await attemptAt(url)).toMatchObject({ error: 'invalid_response', response: null });
  server.close();
});

test('a body without end is cut, and the status counts', async () => {
  const { server, url } = await rawServer((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const chunk = Buffer.alloc(65_536, 0x61);
      const pump = () => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', pump);
      pump();
    });
  });
  expect(await attemptAt(url)).toMatchObject({ error: null, response: { status: 200, truncated: true } });
  server.close();
});

test('tls_failed: the certificate is not trusted', async () => {
  const receiver = await Receiver.start(createTlsServer(SELF_SIGNED) as unknown as never);
  const attempt = await attemptAt(`https://127.0.0.1:${receiver.port}/`);
  expect(attempt).toMatchObject({ error: 'tls_failed', response: null });
  expect(attempt.error_detail).toMatch(/self.signed/i);
  expect(receiver.requests).toHaveLength(0);
  await receiver.stop();
});

test('not_tls: the receiver does not speak TLS', async () => {
  const receiver = await Receiver.start();
  expect(await attemptAt(`https://127.0.0.1:${receiver.port}/`)).toMatchObject({
    error: 'not_tls',
    error_detail: 'The server answers plain HTTP where TLS is expected',
    response: null,
  });
  await receiver.stop();
});

test('blocked_address: a name that leads inside, found when it is resolved', async () => {
  // The hosts file gives every machine a name for itself that is not "localhost"; IPv6 loopback is not allowed here.
  const attempt = await attemptAt('http://ip6-localhost:9/');
  expect(['blocked_address', 'dns_failed', 'refused']).toContain(attempt.error);
});

test('http_status: any answer outside 2xx', async () => {
  const receiver = await Receiver.start();
  receiver.respond = (_, response) => void response.writeHead(418).end();
  expect(await attemptAt(receiver.url())).toMatchObject({ error: 'http_status', response: { status: 418 } });
  await receiver.stop();
});

describe('what receivers send, through a whole node', () => {
  let receiver: RawReceiver | undefined;
  afterEach(() => receiver?.stop());

  async function deliveriesOf(account: string, count: number) {
    const { body } = await eventually(
      () => node.call('GET', `/v1/accounts/${account}/deliveries`),
      ({ body }) =>
        body.data.filter((d: { attempt_count: number; status: string }) => d.attempt_count > 0 && d.status !== 'queued')
          .length === count,
    );
    return body.data;
  }
  async function attemptOf(account: string, id: string) {
    return (await node.call('GET', `/v1/accounts/${account}/deliveries/${id}`)).body.attempts[0];
  }

  test.each([
    ['a 204 with a body', 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok', 204],
    ['the same length twice', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok', 200],
    ['an unsolicited 102', 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 200],
  ])('%s succeeds at the first try', async (_, answer, status) => {
    receiver = await RawReceiver.start(answer);
    const { account } = await node.createEndpoint(receiver.url);
    await node.publish(account, 'a', 1);
    const [delivery] = await deliveriesOf(account, 1);
    expect(delivery).toMatchObject({ status: 'succeeded', attempt_count: 1, last_status: status });
    expect(receiver.requests).toHaveLength(1);
  });

  test('a surplus answer is not the answer to the next delivery', async () => {
    const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
    receiver = await RawReceiver.start(`${ok}HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n`);
    const { account, endpoint } = await node.createEndpoint(receiver.url);
    for (let count = 1; count <= 3; count++) {
      await node.publish(account, 'a', count);
      const data = await deliveriesOf(account, count);
      expect(data[0]).toMatchObject({ status: 'succeeded', last_status: 200, attempt_count: 1 });
    }
    expect((await node.call('GET', `/v1/accounts/${account}/endpoints/${endpoint}`)).body.status).toBe('active');
  });

  test.each(['000', '099', '600', '999'])('the status %s is no answer, and harms nothing', async (status) => {
    receiver = await RawReceiver.start(`HTTP/1.1 ${status} Odd\r\nContent-Length: 0\r\n\r\n`);
    const { account } = await node.createEndpoint(receiver.url);
    await node.publish(account, 'a', 1);
    const [delivery] = await deliveriesOf(account, 1);
    expect(delivery).toMatchObject({ status: 'failed', last_error: 'invalid_response', last_status: null });
    expect(await attemptOf(account, delivery.id)).toMatchObject({
      error_detail: `The answer has the status ${status}, which HTTP does not have`,
      response: null,
    });
  });

  test('headers of any name are in the history', async () => {
    receiver = await RawReceiver.start(
      'HTTP/1.1 200 OK\r\n__proto__: a\r\nconstructor: b\r\n__proto__: c\r\ntoString: d\r\nContent-Length: 0\r\n\r\n',
    );
    const attempt = await attemptAt(receiver.url);
    expect(Object.entries(attempt.response.headers)).toEqual([
      ['__proto__', 'a, c'],
      ['constructor', 'b'],
      ['tostring', 'd'],
      ['content-length', '0'],
    ]);
    const { account } = await node.createEndpoint(receiver.url);
    await node.publish(account, 'a', 1);
    const [delivery] = await deliveriesOf(account, 1);
    const { response } = await attemptOf(account, delivery.id);
    expect(Object.entries(response.headers)).toContainEqual(['__proto__', 'a, c']);
  });

  test('a long answer that is cut inside a character is text without that character', async () => {
    const text = '€'.repeat(30_000);
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`;
    receiver = await RawReceiver.start((socket) => void socket.write(head + text));
    const { response } = await attemptAt(receiver.url);
    expect(response).toMatchObject({ truncated: true, body_encoding: 'utf8' });
    expect(response.body).toBe('€'.repeat(21_845));
  });

  test('an answer that breaks inside a character is text without that character', async () => {
    const bytes = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na€').subarray(0, -1);
    receiver = await RawReceiver.start((socket) => void socket.end(bytes));
    const attempt = await attemptAt(receiver.url);
    expect(attempt).toMatchObject({ error: 'reset', response: { body: 'a', body_encoding: 'utf8' } });
  });

  test('localhost is reached where loopback is allowed', async () => {
    receiver = await RawReceiver.start('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    expect(await attemptAt(`http://localhost:${receiver.port}/`)).toMatchObject({ error: null });
  });

  test('attack: a Retry-After beyond all times is stored as a time', async () => {
    const header = `retry-after: ${'9'.repeat(300)}`;
    receiver = await RawReceiver.start(`HTTP/1.1 503 Busy\r\n${header}\r\nContent-Length: 0\r\n\r\n`);
    const { account } = await node.createEndpoint(receiver.url);
    await node.publish(account, 'a', 1);
    const [delivery] = await deliveriesOf(account, 1);
    expect(delivery).toMatchObject({ status: 'failed', attempt_count: 1 });
    const waitMs = Date.parse(delivery.next_attempt_at) - Date.parse(delivery.created_at);
    expect(Math.round(waitMs / 3_600_000)).toBe(24);
  });
});
