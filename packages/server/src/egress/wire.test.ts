/** What receivers put on the wire, byte for byte: the outcome is what the status says, and odd framing ends the connection. */
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RawReceiver, type RawResponder } from '../../../../test/support/raw-receiver.ts';
import type { AttemptOutcome } from '../domain/outcome.ts';
import { parseNetwork } from './address.ts';
import { Egress } from './egress.ts';
import { EgressGuard } from './guard.ts';

const timeouts = { connectMs: 2_000, headersMs: 2_000, bodyMs: 2_000, totalMs: 4_000 };
let egress: Egress;
let receiver: RawReceiver | undefined;

beforeEach(() => {
  egress = new Egress(new EgressGuard([parseNetwork('127.0.0.0/8')]), async (host) => [host]);
});
afterEach(async () => {
  egress.close();
  await receiver?.stop();
});

async function serve(respond: RawResponder | string): Promise<RawReceiver> {
  receiver = await RawReceiver.start(respond);
  return receiver;
}

function post(to: RawReceiver, body = Buffer.from('{}'), headers: [string, string][] = [['X-Test', '1']]) {
  return egress.send('a', { url: new URL(to.url), headers, body, timeouts });
}

const bodyOf = (outcome: AttemptOutcome) => outcome.response?.body.toString('latin1');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('answers that keep the connection', () => {
  test.each<[string, string, number, string]>([
    ['a length', OK, 200, 'ok'],
    ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
    ['204 with a length of nothing', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', 204, ''],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', 200, 'ok'],
    [
      'chunks with extensions and trailers',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n1;a="b"\r\no\r\n1 ; c\r\nk\r\n000\r\nX-Sum: 1\r\n\r\n',
      200,
      'ok',
    ],
    ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok', 200, 'ok'],
    ['no reason, no space', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', 200, 'ok'],
    ['an unsolicited 100', `HTTP/1.1 100 Continue\r\n\r\n${OK}`, 200, 'ok'],
    [
      'an unsolicited 102 and two 103',
      `HTTP/1.1 102 Processing\r\n\r\n${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(2)}${OK}`,
      200,
      'ok',
    ],
    ['HTTP/1.0 with keep-alive', 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok', 200, 'ok'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX-Long: a\r\n\t b\r\nContent-Length: 2\r\n\r\nok', 200, 'ok'],
  ])('%s', async (_, answer, status, body) => {
    const server = await serve(answer);
    for (let i = 0; i < 2; i++) {
      const outcome = await post(server);
      expect(outcome.error).toBeUndefined();
      expect(outcome.response).toMatchObject({ status, truncated: false });
      expect(bodyOf(outcome)).toBe(body);
    }
    expect(server.sockets).toHaveLength(1);
  });
});

describe('answers after which the connection is closed', () => {
  test.each<[string, string, number, string]>([
    ['204 with a body', 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok', 204, ''],
    ['204 with a length and no body', 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n', 204, ''],
    ['204 with chunks', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 204, ''],
    ['the same length in one line', 'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok', 200, 'ok'],
    ['the same length in two lines', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok', 200, 'ok'],
    [
      'chunks and a length',
      'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      200,
      'ok',
    ],
    ['a surplus answer', `${OK}HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n`, 200, 'ok'],
    ['surplus bytes', `${OK}\r\n`, 200, 'ok'],
    ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', 200, 'ok'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 200, 'ok'],
    ['Keep-Alive of a second', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok', 200, 'ok'],
  ])('%s', async (_, answer, status, body) => {
    const server = await serve((socket, i) => void socket.write(i === 0 ? answer : OK));
    const outcome = await post(server);
    expect(outcome.error).toBeUndefined();
    expect(outcome.response).toMatchObject({ status });
    expect(bodyOf(outcome)).toBe(body);
    await server.closed(0);
    expect(await post(server)).toMatchObject({ response: { status: 200 } });
    expect(server.sockets).toHaveLength(2);
  });

  test('304 with the length of a body that is not sent: its status counts', async () => {
    const server = await serve('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n');
    expect(await post(server)).toMatchObject({ error: 'http_status', response: { status: 304 } });
    await server.closed(0);
  });

  test.each(['HTTP/1.1 200 OK\r\n\r\nok', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok'])(
    'a body that ends with the connection: %j',
    async (answer) => {
      const server = await serve((socket) => void socket.end(answer));
      const outcome = await post(server);
      expect(outcome.error).toBeUndefined();
      expect(bodyOf(outcome)).toBe('ok');
    },
  );

  test('surplus in the next read after the answer is not the next answer', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 65494\r\n\r\n';
    const first = head + 'x'.repeat(65_494);
    // What is read from a socket at once.
    expect(first).toHaveLength(65_536);
    const surplus = 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n';
    const server = await serve((socket, i) => void socket.write(i === 0 ? first + surplus : OK));
    expect(await post(server)).toMatchObject({ response: { status: 200 } });
    expect(await post(server)).toMatchObject({ response: { status: 200 } });
    expect(server.sockets).toHaveLength(2);
  });

  test('surplus that comes while the connection is idle is not the next answer', async () => {
    const server = await serve((socket, i) => void socket.write(i === 0 ? OK : OK.replace('ok', 'no')));
    expect(bodyOf(await post(server))).toBe('ok');
    server.sockets[0]?.write('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n');
    await server.closed(0);
    expect(bodyOf(await post(server))).toBe('no');
    expect(server.sockets).toHaveLength(2);
  });
});

describe('answers that are none', () => {
  test.each([
    'HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nX A: a\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\n X-A: a\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nok',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nok',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokk\r\n0\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(16 * 1024)}\r\n\r\n`,
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(16 * 1024)}\r\n`,
    '{"error": "this is no HTTP"}',
  ])('%#: %.60j', async (answer) => {
    const server = await serve(answer);
    const outcome = await post(server);
    expect(outcome.error).toBe('invalid_response');
    expect(outcome.errorDetail).toMatch(/^The /);
    await server.closed(0);
  });
});

describe('limits', () => {
  test('64 KiB of a body are kept', async () => {
    const server = await serve(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`);
    const outcome = await post(server);
    expect(outcome.response).toMatchObject({ status: 200, truncated: true });
    expect(outcome.response?.body).toHaveLength(65_536);
    expect((await post(server)).error).toBeUndefined();
    expect(server.sockets).toHaveLength(1);
  });
  test('a body of more than 1 MiB is cut off with the connection, and its status counts', async () => {
    const server = await serve(`HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n${'x'.repeat(1_100_000)}`);
    const outcome = await post(server);
    expect(outcome.error).toBeUndefined();
    expect(outcome.response).toMatchObject({ status: 200, truncated: true });
    await server.closed(0);
  });
});

describe('the request', () => {
  test('is written as given, with its framing in front and behind', async () => {
    const server = await serve(OK);
    await post(server, Buffer.from('{"a":1}'), [
      ['X-Test', '1'],
      ['x-latin', 'caf\u00e9'],
      ['X-Test', '2'],
    ]);
    expect(server.requests[0]?.toString('latin1')).toBe(
      `POST /hook HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nconnection: keep-alive\r\n` +
        'X-Test: 1\r\nx-latin: caf\u00e9\r\nX-Test: 2\r\ncontent-length: 7\r\n\r\n{"a":1}',
    );
  });
  test('large bodies arrive whole', async () => {
    const server = await serve(OK);
    const body = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
    expect((await post(server, body)).error).toBeUndefined();
    expect(server.requests[0]?.subarray(-body.length).equals(body)).toBe(true);
  });
  test.each([
    ['x-a', 'a\r\nx-b: c'],
    ['x-a', 'a\0'],
    ['x-a', '\u20ac'],
    ['x a', 'a'],
    ['', 'a'],
    ['x-a\r\nx-b', 'a'],
    ['Content-Length', '5'],
    ['transfer-encoding', 'chunked'],
    ['Host', 'other'],
  ])('attack: the header %j: %j is never written', async (name, value) => {
    const server = await serve(OK);
    await expect(post(server, Buffer.from('{}'), [[name, value]])).rejects.toThrow('header');
    expect(server.sockets).toHaveLength(0);
  });
  test('an answer before the whole request has been written is its answer, and ends the connection', async () => {
    const server = await serve(OK);
    server.onConnection = (socket) => {
      socket.removeAllListeners('data');
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig');
      });
    };
    const outcome = await post(server, Buffer.alloc(20_000_000));
    expect(outcome).toMatchObject({ error: 'http_status', response: { status: 413 } });
    expect(bodyOf(outcome)).toBe('big');
    server.onConnection = () => {};
    expect(await post(server)).toMatchObject({ response: { status: 200 } });
    expect(server.sockets).toHaveLength(2);
  });
  test.each<[string, (socket: Socket) => void]>([
    ['the end of the connection', (socket) => socket.destroy()],
    ['a reset, since the rest was not read (RFC 9112, 9.6)', (socket) => socket.resetAndDestroy()],
  ])('an answer before the whole request has been written, and %s', async (_, close) => {
    const server = await serve(() => {});
    server.onConnection = (socket) => {
      socket.removeAllListeners('data');
      socket.once('data', () => {
        socket.pause();
        // Time for the answer to arrive: a reset takes what has not been read yet with it.
        socket.write('HTTP/1.1 413 Too Large\r\n\r\nbig', () => setTimeout(() => close(socket), 20));
      });
    };
    expect(await post(server, Buffer.alloc(20_000_000))).toMatchObject({
      error: 'http_status',
      response: { status: 413 },
    });
  });
});

describe('connections that end', () => {
  test('while idle: the request goes out once more on a new one', async () => {
    const server = await serve((socket, i) => (i === 1 ? socket.destroy() : void socket.write(OK)));
    await post(server);
    expect(await post(server)).toMatchObject({ response: { status: 200 } });
    expect(server.requests).toHaveLength(3);
  });
  test('after the receiver has begun to answer: the request does not go out again', async () => {
    const server = await serve((socket, i) =>
      i === 0 ? void socket.write(OK) : socket.write('HTTP/1.1 100 Continue\r\n\r\n', () => socket.destroy()),
    );
    await post(server);
    expect(await post(server)).toMatchObject({
      error: 'reset',
      errorDetail: 'The server closed the connection without an answer',
    });
    expect(server.requests).toHaveLength(2);
  });
  test('within a body: the beginning is kept', async () => {
    const server = await serve((socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'));
    const outcome = await post(server);
    expect(outcome).toMatchObject({ error: 'reset', errorDetail: 'The connection ended within the answer' });
    expect(bodyOf(outcome)).toBe('half');
  });
  test('by closing the egress before a request has been written', async () => {
    const server = await serve(OK);
    await post(server);
    const second = post(server);
    egress.close();
    expect(await second).toMatchObject({ error: 'reset' });
    expect(server.requests).toHaveLength(1);
  });
  test('by closing the egress', async () => {
    const server = await serve(() => egress.close());
    expect(await post(server)).toMatchObject({ error: 'reset' });
    await server.closed(0);
  });
});
