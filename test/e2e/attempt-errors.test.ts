/** Every way in which an attempt can fail has a stable code in the history. */
import { createServer as createTlsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../support/node.ts';
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

test('tls_failed: the receiver does not speak TLS', async () => {
  const receiver = await Receiver.start();
  expect(await attemptAt(`https://127.0.0.1:${receiver.port}/`)).toMatchObject({ error: 'tls_failed', response: null });
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
