import type { AttemptOutcome } from '../domain/outcome.ts';
import type { Egress } from '../egress/egress.ts';
import type { AccountLimits } from './account-limits.ts';
import type { Endpoints } from './endpoints.ts';
import type { Inspector } from './inspector.ts';

/** Somebody waits in front of a form: shorter than any contract's. */
const TIMEOUTS = { connectMs: 3_000, headersMs: 4_000, bodyMs: 4_000, totalMs: 5_000 };
const NOBODY = Buffer.alloc(0);

/** Looks up whether there is a server behind a URL, before anything is sent to it: name, TLS and an answer. */
export class UrlChecks {
  constructor(
    private readonly parts: { endpoints: Endpoints; inspector: Inspector; egress: Egress; limits: AccountLimits },
  ) {}

  /**
   * Asks with OPTIONS, which changes nothing (RFC 9110 §9.2.1). Undefined: it leads to a bin of this server, and is not
   * asked.
   * @throws Problem `account_not_found`, `too_many_requests`, and as when an endpoint is created with this URL
   */
  async check(accountId: string, url: string): Promise<AttemptOutcome | undefined> {
    const { endpoints, inspector, egress, limits } = this.parts;
    const { contract } = await endpoints.accountOf(accountId);
    await endpoints.checkUrl(accountId, url, contract);
    if (inspector.isBin(url)) return undefined;
    limits.take(accountId, 'tests');
    const headers = contract.defaultHeaders.filter(([name]) => name.toLowerCase() === 'user-agent');
    return egress.send(accountId, {
      method: 'OPTIONS',
      url: new URL(url),
      headers,
      body: NOBODY,
      timeouts: TIMEOUTS,
    });
  }
}
