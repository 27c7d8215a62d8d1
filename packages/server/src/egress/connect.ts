import { isIP, type Socket, connect as tcpConnect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type SecureContext, connect as tlsConnect } from 'node:tls';
import type { Timings } from '../domain/outcome.ts';
import { EgressError, toEgressError } from './egress-error.ts';
import { type EgressGuard, hostOf } from './guard.ts';
import type { Resolve } from './resolve.ts';

export interface Connected {
  socket: Socket;
  timings: Pick<Timings, 'dns' | 'connect' | 'tls'>;
}

export interface ConnectOptions {
  guard: EgressGuard;
  resolve: Resolve;
  timeoutMs: number;
  secureContext?: SecureContext | undefined;
}

/**
 * Opens a connection to a URL's host: resolves once, refuses when any of its addresses is refused, connects to exactly
 * the addresses that were checked, and checks the socket's remote address again before a byte is sent.
 * @throws EgressError
 */
export async function openConnection(url: URL, options: ConnectOptions): Promise<Connected> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const host = hostOf(url);
  const startedAt = performance.now();
  const addresses = await orTimeout(options.resolve(host), deadline, options.timeoutMs);
  for (const address of addresses) {
    const refused = options.guard.refusal(address);
    if (refused !== undefined)
      throw new EgressError('blocked_address', address === host ? refused : `${host} leads to ${refused}`);
  }
  const timings: Connected['timings'] = isIP(host) ? {} : { dns: performance.now() - startedAt };

  const connectAt = performance.now();
  const tcp = await connectToFirst(addresses, portOf(url), options, deadline);
  timings.connect = performance.now() - connectAt;
  if (url.protocol === 'http:') return { socket: tcp, timings };

  const tlsAt = performance.now();
  const socket = await secure(tcp, host, options, deadline);
  timings.tls = performance.now() - tlsAt;
  return { socket, timings };
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
}

/** The first address that answers, in order; the last failure when none does. */
async function connectToFirst(
  addresses: readonly string[],
  port: number,
  options: ConnectOptions,
  deadline: AbortSignal,
): Promise<Socket> {
  let failure = new EgressError('dns_failed', 'The name has no address.');
  for (const address of addresses) {
    try {
      return await tcp(address, port, options, deadline);
    } catch (error) {
      failure = toEgressError(error, 'unreachable');
      if (failure.code === 'timeout' || failure.code === 'blocked_address') break;
    }
  }
  throw failure;
}

function tcp(
  address: string,
  port: number,
  { guard, timeoutMs }: ConnectOptions,
  deadline: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = tcpConnect({ host: address, port, noDelay: true, autoSelectFamily: false });
    const settle = settling(socket, deadline, timeoutMs, reject);
    socket.once('connect', () => {
      settle.done();
      const refused = guard.refusal(socket.remoteAddress ?? '');
      if (refused === undefined) return resolve(socket);
      socket.destroy();
      reject(new EgressError('blocked_address', refused));
    });
    socket.once('error', settle.fail);
  });
}

function secure(
  socket: Socket,
  host: string,
  { secureContext, timeoutMs }: ConnectOptions,
  deadline: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const tls = tlsConnect({
      socket,
      ALPNProtocols: ['http/1.1'],
      ...(isIP(host) ? { host } : { servername: host, host }),
      ...(secureContext ? { secureContext } : {}),
    });
    const settle = settling(tls, deadline, timeoutMs, (error) => {
      reject(error.code === 'timeout' ? error : new EgressError('tls_failed', error.message));
    });
    tls.once('secureConnect', () => {
      settle.done();
      resolve(tls);
    });
    tls.once('error', settle.fail);
  });
}

/** Ends a half-open socket when it fails or takes too long. */
function settling(socket: Socket, deadline: AbortSignal, timeoutMs: number, reject: (error: EgressError) => void) {
  const fail = (error: unknown) => {
    done();
    socket.on('error', () => {});
    socket.destroy();
    reject(toEgressError(error, 'unreachable'));
  };
  const expire = () => fail(timedOut(timeoutMs));
  const done = () => {
    deadline.removeEventListener('abort', expire);
    socket.removeListener('error', fail);
  };
  deadline.addEventListener('abort', expire, { once: true });
  if (deadline.aborted) expire();
  return { done, fail };
}

function orTimeout<T>(work: Promise<T>, deadline: AbortSignal, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(timedOut(timeoutMs));
    deadline.addEventListener('abort', expire, { once: true });
    work.then(resolve, reject).finally(() => deadline.removeEventListener('abort', expire));
  });
}

function timedOut(timeoutMs: number): EgressError {
  return new EgressError('timeout', `no connection within ${timeoutMs} ms`);
}
