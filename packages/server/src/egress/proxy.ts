import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { SocksClient, SocksClientError } from 'socks';
import { EgressError } from './egress-error.ts';

/** A forward proxy that everything goes out through. */
export interface ForwardProxy {
  /** `http:`, `https:` or `socks5:`, with credentials if it asks for them. */
  url: URL;
  /** It is given names, and decides itself where they may lead; otherwise addresses that were resolved and checked here. */
  resolves: boolean;
}

/** Whoever waits has a shorter limit of their own: so long a socket may be left over. */
const SOCKS_TIMEOUT_MS = 15_000;
/** Of those that a proxy takes. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'socks5:': 1080 };

/**
 * Opens a way through the proxy to a host, by its name or one of its addresses.
 * @throws EgressError `unreachable` when the proxy gets no way there, `interrupted` when there is no proxy: no receiver's fault
 */
export async function throughProxy(
  { url }: ForwardProxy,
  host: string,
  port: number,
  deadline: AbortSignal,
  timeout: EgressError,
): Promise<Socket> {
  const socket = await orTimeout(
    url.protocol === 'socks5:' ? openSocks(url, host, port) : openTunnel(url, host, port, deadline),
    deadline,
    timeout,
  );
  socket.setNoDelay(true);
  return socket;
}

const portOf = (proxy: URL): number => Number(proxy.port) || (DEFAULT_PORTS[proxy.protocol] ?? 0);
const hostOf = (proxy: URL): string => proxy.hostname.replace(/^\[|\]$/g, '');

/** CONNECT (RFC 9110, 9.3.6). */
function openTunnel(proxy: URL, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const { username, password } = proxy;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
      host: hostOf(proxy),
      port: portOf(proxy),
      method: 'CONNECT',
      path: target,
      headers: {
        host: target,
        ...(username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
      },
      agent: false,
      signal,
    });
    request.once('connect', ({ statusCode = 0, headers }, socket: Socket, head: Buffer) => {
      if (statusCode >= 200 && statusCode < 300) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(refusal(target, statusCode, headers['proxy-authenticate'] !== undefined));
    });
    request.once('error', (error: NodeJS.ErrnoException) => reject(noProxy(error.code ?? 'the connection failed')));
    request.end();
  });
}

/** What a web server that is no proxy answers to CONNECT. */
const NO_PROXY = new Set([405, 501]);

/** Most refusals are about where it should lead, and an endpoint's own affair; some proxies say so with 407. */
function refusal(target: string, status: number, isAskedWho: boolean): EgressError {
  if (status === 407 && isAskedWho) return noProxy('it does not take the credentials');
  return NO_PROXY.has(status)
    ? noProxy(`it answers ${status}`)
    : new EgressError('unreachable', `The proxy gets no connection to ${target}: it answers ${status}`);
}

/** SOCKS 5 (RFC 1928, RFC 1929). */
async function openSocks(proxy: URL, host: string, port: number): Promise<Socket> {
  const { username, password } = proxy;
  try {
    const { socket } = await SocksClient.createConnection({
      command: 'connect',
      proxy: {
        host: hostOf(proxy),
        port: portOf(proxy),
        type: 5,
        ...(username === '' ? {} : { userId: decodeURIComponent(username), password: decodeURIComponent(password) }),
      },
      destination: { host, port },
      timeout: SOCKS_TIMEOUT_MS,
    });
    return socket;
  } catch (error) {
    const reason = error instanceof SocksClientError ? error.message : String(error);
    // The library says it in words: which of both it was stands in them alone.
    if (/rejected connection/i.test(reason))
      throw new EgressError('unreachable', `The proxy gets no connection to ${host}:${port}`);
    throw noProxy(/authentication/i.test(reason) ? 'it does not take the credentials' : 'the connection failed');
  }
}

/** Where it is, and what it says, is nothing for the endpoint's people. */
const noProxy = (reason: string): EgressError => new EgressError('interrupted', `The proxy cannot be used: ${reason}`);

function orTimeout(opening: Promise<Socket>, deadline: AbortSignal, timeout: EgressError): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const expire = () => {
      reject(timeout);
      // Nobody waits for it any more.
      opening.then((socket) => socket.destroy()).catch(() => {});
    };
    deadline.addEventListener('abort', expire, { once: true });
    if (deadline.aborted) expire();
    opening.then(resolve, reject).finally(() => deadline.removeEventListener('abort', expire));
  });
}
