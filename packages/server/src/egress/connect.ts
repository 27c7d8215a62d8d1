import { isIP, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type SecureContext, connect as tlsConnect } from 'node:tls';
import type { Timings } from '../domain/outcome.ts';
import { EgressError, inWords, toTlsError } from './egress-error.ts';
import { alternating, firstToConnect } from './first-to-connect.ts';
import { type EgressGuard, hostOf, isLocalName } from './guard.ts';
import { type ForwardProxy, throughProxy } from './proxy.ts';
import type { Resolve } from './resolve.ts';

/** Of a name's addresses, how many a proxy is asked for. */
const PROXIED_MAX = 4;

export interface Connected {
  socket: Socket;
  timings: Pick<Timings, 'dns' | 'connect' | 'tls'>;
}

export interface ConnectOptions {
  guard: EgressGuard;
  resolve: Resolve;
  timeoutMs: number;
  secureContext?: SecureContext | undefined;
  proxy?: ForwardProxy | undefined;
}

/**
 * Opens a connection to a URL's host: resolves once, refuses when any of its addresses is refused, connects to exactly
 * the addresses that were checked, and checks the socket's remote address again before a byte is sent. Through a proxy it asks for
 * one of the addresses that were checked, or, where the proxy resolves, for the name.
 * @throws EgressError
 */
export async function openConnection(url: URL, options: ConnectOptions): Promise<Connected> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const timeout = new EgressError('timeout', `No connection within ${inWords(options.timeoutMs)}`);
  const host = hostOf(url);
  const startedAt = performance.now();
  const { proxy, guard } = options;
  const isResolvedHere = !proxy?.resolves || isIP(host) !== 0 || isLocalName(host);
  const addresses = isResolvedHere
    ? checked(await orTimeout(options.resolve(host), deadline, timeout), host, guard)
    : [host];
  const timings: Connected['timings'] = isResolvedHere && !isIP(host) ? { dns: performance.now() - startedAt } : {};

  const connectAt = performance.now();
  const port = portOf(url);
  const tcp = proxy
    ? await firstThrough(proxy, alternating(addresses).slice(0, PROXIED_MAX), port, deadline, timeout)
    : await firstToConnect(addresses, port, guard, deadline, timeout);
  timings.connect = performance.now() - connectAt;
  if (url.protocol === 'http:') return { socket: tcp, timings };

  const tlsAt = performance.now();
  const socket = await secure(tcp, host, options.secureContext, deadline, timeout);
  timings.tls = performance.now() - tlsAt;
  return { socket, timings };
}

/** One after the other: the proxy may have no way to addresses of one family. */
async function firstThrough(
  proxy: ForwardProxy,
  addresses: readonly string[],
  port: number,
  deadline: AbortSignal,
  timeout: EgressError,
): Promise<Socket> {
  const [first, ...others] = addresses;
  if (first === undefined) throw new EgressError('dns_failed', 'The name has no address');
  try {
    return await throughProxy(proxy, first, port, deadline, timeout);
  } catch (error) {
    if (others.length === 0 || !(error instanceof EgressError) || error.code !== 'unreachable') throw error;
    return await firstThrough(proxy, others, port, deadline, timeout);
  }
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
}

/**
 * One refused address refuses the name: whoever owns it wants deliveries to go inside. `localhost` is nobody's: of its
 * two addresses, those that are allowed are enough.
 */
function checked(addresses: readonly string[], host: string, guard: EgressGuard): readonly string[] {
  const refusals = addresses.map((address) => guard.refusal(address));
  const allowed = addresses.filter((_, i) => refusals[i] === undefined);
  if (isLocalName(host) && allowed.length > 0) return allowed;
  const refused = refusals.find((refusal) => refusal !== undefined);
  if (refused === undefined) return addresses;
  throw new EgressError('blocked_address', isIP(host) ? refused : `${host} leads to ${refused}`);
}

function secure(
  socket: Socket,
  host: string,
  secureContext: SecureContext | undefined,
  deadline: AbortSignal,
  timeout: EgressError,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const tls = tlsConnect({
      socket,
      ALPNProtocols: ['http/1.1'],
      ...(isIP(host) ? { host } : { servername: host, host }),
      ...(secureContext ? { secureContext } : {}),
    });
    const expire = () => fail(timeout);
    const fail = (error: unknown) => {
      deadline.removeEventListener('abort', expire);
      tls.destroy();
      reject(toTlsError(error, host));
    };
    // Stays: an error between the handshake and the first request must have a listener, too.
    tls.on('error', fail);
    tls.once('secureConnect', () => {
      deadline.removeEventListener('abort', expire);
      resolve(tls);
    });
    deadline.addEventListener('abort', expire, { once: true });
    if (deadline.aborted) expire();
  });
}

function orTimeout<T>(work: Promise<T>, deadline: AbortSignal, timeout: EgressError): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(timeout);
    deadline.addEventListener('abort', expire, { once: true });
    work.then(resolve, reject).finally(() => deadline.removeEventListener('abort', expire));
  });
}
