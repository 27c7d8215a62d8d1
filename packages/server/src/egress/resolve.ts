import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { EgressError } from './egress-error.ts';
import { isLocalName, LOOPBACK } from './guard.ts';
import { HostsFile } from './hosts-file.ts';

/** All addresses of a host, IPv4 first. @throws EgressError `dns_failed` */
export type Resolve = (host: string) => Promise<string[]>;

/** For how long the other family may be silent once one has answered with addresses (RFC 8305, 3). */
const OTHER_FAMILY_MS = 250;
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
    const { found, failures } = await bothFamilies(resolver.resolve4(host), resolver.resolve6(host));
    if (found.length > 0) return found;
    if (failures.every((code) => NOT_FOUND.has(code) || code === 'ECONNREFUSED')) {
      const known = await hosts.addressesOf(host);
      if (known.length > 0) return known;
    }
    const hasAnswered = failures.every((code) => NOT_FOUND.has(code));
    const detail = hasAnswered
      ? 'the name does not exist or has no address'
      : `the name servers do not answer (${failures.join(', ')})`;
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

/** What both questions bring, in this order; some name servers never answer one of them. */
export async function bothFamilies(
  v4: Promise<string[]>,
  v6: Promise<string[]>,
): Promise<{ found: string[]; failures: string[] }> {
  const found: string[][] = [[], []];
  const failures: string[] = [];
  const all = Promise.all(
    [v4, v6].map((answer, i) =>
      answer.then(
        (addresses) => void found.splice(i, 1, addresses),
        (error) => void failures.push(codeOf(error)),
      ),
    ),
  );
  const patience = Promise.any([v4, v6]).then(() => setTimeout(OTHER_FAMILY_MS, undefined, { ref: false }));
  await Promise.race([all, patience.catch(() => all)]);
  return { found: found.flat(), failures };
}

function codeOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '';
}
