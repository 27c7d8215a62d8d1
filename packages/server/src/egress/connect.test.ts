/** How a connection comes about: several addresses, names for this machine itself, and what is said when there is none. */
import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RawReceiver } from '../../../../test/support/raw-receiver.ts';
import { SELF_SIGNED } from '../../../../test/support/self-signed.ts';
import { parseNetwork } from './address.ts';
import { Egress } from './egress.ts';
import { alternating } from './first-to-connect.ts';
import { EgressGuard } from './guard.ts';
import { type Resolve, systemResolver } from './resolve.ts';
import { Trust } from './trust.ts';

const timeouts = { connectMs: 5_000, headersMs: 5_000, bodyMs: 5_000, totalMs: 10_000 };
const guardOf = (...networks: string[]) => new EgressGuard(networks.map(parseNetwork));
const local = guardOf('127.0.0.0/8');
let receiver: RawReceiver;
let egress: Egress | undefined;

beforeEach(async () => {
  receiver = await RawReceiver.start('HTTP/1.1 204 No Content\r\n\r\n');
});
afterEach(async () => {
  egress?.close();
  await receiver.stop();
});

function post(url: string, resolve: Resolve, { guard = local, connectMs = timeouts.connectMs, trust = '' } = {}) {
  egress = new Egress(guard, resolve, trust === '' ? undefined : new Trust(trust));
  const request = { url: new URL(url), headers: [], body: Buffer.from('{}'), timeouts: { ...timeouts, connectMs } };
  return egress.send('a', request);
}

/** An address that answers nobody: its queue of connections is full, and it takes none from it. */
async function silence(host: string, port: number): Promise<() => Promise<void>> {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    require('node:net').createServer().listen({ ...workerData, backlog: 1 }, () => {
      parentPort.postMessage('listening');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const worker = new Worker(code, { eval: true, workerData: { host, port } });
  await once(worker, 'message');
  const sockets: Socket[] = [];
  for (let i = 0; i < 2; i++) {
    const socket = connect({ host, port });
    sockets.push(socket);
    socket.on('error', () => {});
    await once(socket, 'connect');
  }
  return async () => {
    for (const socket of sockets) socket.destroy();
    await worker.terminate();
  };
}

const countSockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;

describe('a name with several addresses', () => {
  test('the next address is tried beside a silent one', async () => {
    const stop = await silence('127.0.0.2', receiver.port);
    const socketsBefore = countSockets();
    const outcome = await post(`http://two.example:${receiver.port}/`, async () => ['127.0.0.2', '127.0.0.1']);
    expect(outcome.response?.status).toBe(204);
    // One on each side: the attempt that lost is gone.
    expect(countSockets() - socketsBefore).toBe(2);
    await stop();
  });
  test('the next address is tried at once when one refuses', async () => {
    const refusing = Array.from({ length: 7 }, (_, i) => `127.0.0.${i + 2}`);
    const url = `http://many.example:${receiver.port}/`;
    // Each of the seven would have a quarter of a second.
    const outcome = await post(url, async () => [...refusing, '127.0.0.1'], { connectMs: 1_500 });
    expect(outcome.response?.status).toBe(204);
  });
  test('eight are tried', async () => {
    const refusing = Array.from({ length: 8 }, (_, i) => `127.0.0.${i + 2}`);
    const outcome = await post(`http://many.example:${receiver.port}/`, async () => [...refusing, '127.0.0.1']);
    expect(outcome).toMatchObject({ error: 'refused' });
    expect(outcome.errorDetail?.split('; ')).toHaveLength(8);
  });
  test('when all fail, each is named with its reason', async () => {
    const { port } = receiver;
    const outcome = await post(`http://two.example:${port}/`, async () => ['127.0.0.2', '127.0.0.3']);
    expect(outcome).toMatchObject({
      error: 'refused',
      errorDetail:
        `127.0.0.2:${port} refuses the connection: nothing listens there; ` +
        `127.0.0.3:${port} refuses the connection: nothing listens there`,
    });
  });
  test('all are silent: the time to connect ends it', async () => {
    const stop = await silence('127.0.0.2', receiver.port);
    const outcome = await post(`http://silent.example:${receiver.port}/`, async () => ['127.0.0.2'], {
      connectMs: 300,
    });
    expect(outcome).toMatchObject({ error: 'timeout', errorDetail: 'No connection within 300 ms' });
    await stop();
  });
  test('no address at all', async () => {
    expect(await post('http://none.example/', async () => [])).toMatchObject({ error: 'dns_failed' });
  });
  test('the families take turns', () => {
    expect(alternating(['10.0.0.1', '10.0.0.2', '10.0.0.3', '::1', '::2'])).toEqual([
      ...['10.0.0.1', '::1', '10.0.0.2', '::2', '10.0.0.3'],
    ]);
    expect(alternating(['::1', '10.0.0.1', '10.0.0.2', '10.0.0.3'])).toEqual([
      '::1',
      '10.0.0.1',
      '10.0.0.2',
      '10.0.0.3',
    ]);
    expect(alternating([])).toEqual([]);
  });
});

describe('localhost', () => {
  const resolve = systemResolver(1_000);
  test.each(['localhost', 'a.localhost', 'localhost.'])('%s is reached where it is allowed', async (host) => {
    expect(await post(`http://${host}:${receiver.port}/`, resolve)).toMatchObject({ response: { status: 204 } });
  });
  test('its other address is not tried when only one is allowed', async () => {
    const outcome = await post(`http://localhost:${receiver.port}/`, resolve, { guard: guardOf('::1') });
    expect(outcome.response).toBeUndefined();
    expect(outcome.error).not.toBe('blocked_address');
    expect(receiver.sockets).toHaveLength(0);
  });
  test('it is refused where neither is', async () => {
    const outcome = await post(`http://localhost:${receiver.port}/`, resolve, { guard: guardOf('10.0.0.0/8') });
    expect(outcome).toMatchObject({ error: 'blocked_address' });
  });
  test('a name of somebody else is refused for one refused address, as ever', async () => {
    const outcome = await post(`http://mixed.example:${receiver.port}/`, async () => ['127.0.0.1', '::1']);
    expect(outcome).toMatchObject({
      error: 'blocked_address',
      errorDetail: 'mixed.example leads to ::1 is not a public address (loopback)',
    });
  });
});

describe('what is said when there is no connection', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());
  async function listen(listening: Server): Promise<number> {
    server = listening;
    listening.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    return (listening.address() as AddressInfo).port;
  }
  const tcp = (serve: (socket: Socket) => void) =>
    listen(createServer((socket) => serve(socket.on('error', () => {}))));
  const toLocal = async () => ['127.0.0.1'];

  test('https at a plain HTTP server', async () => {
    const port = await tcp((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(await post(`https://plain.example:${port}/`, toLocal)).toMatchObject({
      error: 'not_tls',
      errorDetail: 'The server answers plain HTTP where TLS is expected',
    });
  });
  test('http at a TLS server', async () => {
    const port = await tcp((socket) => socket.once('data', () => socket.end(Buffer.from('15030300020246', 'hex'))));
    expect(await post(`http://secure.example:${port}/`, toLocal)).toMatchObject({
      error: 'invalid_response',
      errorDetail: 'The server answers TLS where plain HTTP is expected',
    });
  });
  test('a TLS server that hangs up', async () => {
    const port = await tcp((socket) => socket.once('data', () => socket.destroy()));
    expect(await post(`https://closing.example:${port}/`, toLocal)).toMatchObject({
      error: 'tls_failed',
      errorDetail: 'The server closed the connection during the TLS handshake',
    });
  });
  test('a TLS server that wants something else', async () => {
    const port = await tcp((socket) => socket.once('data', () => socket.end(Buffer.from('15030300020228', 'hex'))));
    const outcome = await post(`https://old.example:${port}/`, toLocal);
    expect(outcome.error).toBe('tls_failed');
    expect(outcome.errorDetail).toMatch(/^The TLS handshake failed: the server accepts none of the ciphers/);
  });
  test('a certificate for another name, and one that nobody vouches for', async () => {
    const port = await listen(createTlsServer(SELF_SIGNED));
    expect(await post(`https://other.test:${port}/`, toLocal, { trust: SELF_SIGNED.cert })).toMatchObject({
      error: 'tls_failed',
      errorDetail: "The server's certificate is not for other.test",
    });
    expect(await post(`https://receiver.test:${port}/`, toLocal)).toMatchObject({
      error: 'tls_failed',
      errorDetail: "The server's certificate is self-signed",
    });
  });
  test.each([
    ['headersMs', (_: Socket): void => {}, 'The server did not answer within 200 ms'],
    [
      'bodyMs',
      (socket: Socket): void => void socket.write('HTTP/1.1 200 OK\r\n\r\nx'),
      'The answer was interrupted: nothing came for 200 ms',
    ],
    [
      'totalMs',
      (socket: Socket): void => void socket.write('HTTP/1.1 200 OK\r\n\r\nx'),
      'The answer was not complete within 200 ms',
    ],
  ] as const)('the limit %s', async (limit, serve, errorDetail) => {
    const port = await tcp((socket) => socket.once('data', () => serve(socket)));
    egress = new Egress(local, toLocal);
    const url = new URL(`http://slow.example:${port}/`);
    const limits = { ...timeouts, [limit]: 200 };
    const outcome = await egress.send('a', { url, headers: [], body: Buffer.from('{}'), timeouts: limits });
    expect(outcome).toMatchObject({ error: 'timeout', errorDetail });
  });
});
