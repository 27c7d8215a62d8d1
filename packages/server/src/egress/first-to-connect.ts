import { isIPv6, type Socket, connect as tcpConnect } from 'node:net';
import { EgressError, toEgressError } from './egress-error.ts';
import type { EgressGuard } from './guard.ts';

/** RFC 8305 §5: so long an address has before the next is tried beside it. */
const ATTEMPT_DELAY_MS = 250;
/** Of a name with many addresses the first are tried: with more, nothing would be left of the time for each. */
const ADDRESSES_MAX = 8;

/**
 * Connects to the first address that answers (RFC 8305): the next is tried 250 ms after the one before, or at once when
 * that one fails; the ones before go on. Whoever connects first wins, the others are closed.
 * @param addresses checked by the guard
 * @throws EgressError when all fail, or the deadline comes
 */
export function firstToConnect(
  addresses: readonly string[],
  port: number,
  guard: EgressGuard,
  deadline: AbortSignal,
  timeout: EgressError,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = alternating(addresses).slice(0, ADDRESSES_MAX);
    const open = new Set<Socket>();
    const failures: EgressError[] = [];
    let next: NodeJS.Timeout | undefined;

    const settle = () => {
      clearTimeout(next);
      deadline.removeEventListener('abort', expire);
      for (const socket of open) socket.destroy();
      // What still fails of these is no reason to try another address.
      open.clear();
    };
    const fail = (error: EgressError) => {
      settle();
      reject(error);
    };
    const expire = () => fail(timeout);

    const tryNext = () => {
      clearTimeout(next);
      const address = waiting.shift();
      if (address === undefined) {
        if (open.size === 0) fail(summaryOf(failures));
        return;
      }
      const socket = tcpConnect({ host: address, port, noDelay: true, autoSelectFamily: false });
      open.add(socket);
      // Stays, so that a socket that has been given up can fail as it likes.
      socket.on('error', (error) => {
        if (!open.delete(socket)) return;
        failures.push(toEgressError(error, 'unreachable'));
        tryNext();
      });
      socket.once('connect', () => {
        open.delete(socket);
        const refused = guard.refusal(socket.remoteAddress ?? address);
        if (refused === undefined) {
          settle();
          return resolve(socket);
        }
        socket.destroy();
        fail(new EgressError('blocked_address', refused));
      });
      if (waiting.length > 0) next = setTimeout(tryNext, ATTEMPT_DELAY_MS);
    };

    deadline.addEventListener('abort', expire, { once: true });
    if (deadline.aborted) expire();
    else tryNext();
  });
}

/** RFC 8305 §4: the families take turns, beginning with that of the first address; within one the order stays. */
export function alternating(addresses: readonly string[]): string[] {
  const [first = ''] = addresses;
  const same = addresses.filter((address) => isIPv6(address) === isIPv6(first));
  const other = addresses.filter((address) => isIPv6(address) !== isIPv6(first));
  return same.flatMap((address, i) => [address, ...other.slice(i, i + 1)]).concat(other.slice(same.length));
}

function summaryOf(failures: readonly EgressError[]): EgressError {
  const [first] = failures;
  if (!first) return new EgressError('dns_failed', 'The name has no address');
  if (failures.length === 1) return first;
  return new EgressError(first.code, failures.map((failure) => failure.message).join('; '));
}
