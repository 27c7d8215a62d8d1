import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { EgressError } from './egress-error.ts';
import { isLocalName, LOOPBACK } from './guard.ts';
import { HostsFile } from './hosts-file.ts';

/** All addresses of a host, IPv4 first. @throws EgressError `dns_failed` */
export type Resolve = (host: string) => Promise<string[]>;

const NOT_FOUND = new Set(['ENOTFOUND', 'ENODATA']);

/**
 * Asks the name servers directly (c-ares), never getaddrinfo: its few threads are the database driver's too, and a
 * customer's name server that keeps silent would hold them all. A name that nobody knows may stand in the hosts file.
 * Equal questions that are under way share one answer; nothing is cached beyond that, connections being kept alive anyway.
 */
export function systemResolver(timeoutMs: number): Resolve {
  const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / 2), tries: 2 });
  const hosts = new HostsFile();
  const underWay = new Map<string, Promise<string[]>>();

  async function ask(host: string): Promise<string[]> {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = [v4, v6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (found.length > 0) return found;
    const failures = [v4, v6].map((answer) => (answer.status === 'rejected' ? codeOf(answer.reason) : ''));
    if (failures.every((code) => NOT_FOUND.has(code) || code === 'ECONNREFUSED')) {
      const known = await hosts.addressesOf(host);
      if (known.length > 0) return known;
    }
    const hasAnswered = failures.every((code) => NOT_FOUND.has(code));
    const detail = hasAnswered
      ? 'the name does not exist or has no address'
      : `the name servers: ${failures.join(', ')}`;
    throw new EgressError('dns_failed', `${host} cannot be resolved: ${detail}`);
  }

  return async (host) => {
    if (isIP(host)) return [host];
    if (isLocalName(host)) return [...LOOPBACK];
    const running = underWay.get(host) ?? ask(host).finally(() => underWay.delete(host));
    underWay.set(host, running);
    return running;
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '';
}
