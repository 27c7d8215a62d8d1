import { Problem } from '../domain/errors.ts';
import type { AttemptOutcome } from '../domain/outcome.ts';
import type { Egress } from '../egress/egress.ts';
import type { BinRequest } from '../storage/page-store.ts';
import type { AccountLimits } from './account-limits.ts';
import type { Endpoints } from './endpoints.ts';
import type { Inspector } from './inspector.ts';

const TIMEOUTS = { connectMs: 5_000, headersMs: 15_000, bodyMs: 15_000, totalMs: 20_000 };
/** What says where a request went and how it travelled, and whose browser it came from: said anew, or not at all. */
const OF_THE_WAY =
  /^(?:host|cookie|connection|content-length|transfer-encoding|accept-encoding|expect|upgrade|keep-alive|te|trailer|via|forwarded|x-forwarded-.*|proxy-.*)$/i;

/** Sends a request that came into a bin once more: to the bin itself, or to somebody's own server. */
export class BinForwards {
  constructor(
    private readonly parts: { endpoints: Endpoints; inspector: Inspector; egress: Egress; limits: AccountLimits },
  ) {}

  /**
   * @param url without it, the bin's own
   * @throws Problem `bin_not_found`, `not_retryable`, `too_many_requests`, and as when an endpoint is created with this URL
   */
  async send(accountId: string, binId: string, requestId: string, url: string | undefined): Promise<AttemptOutcome> {
    const { endpoints, inspector, egress, limits } = this.parts;
    const { contract } = await endpoints.accountOf(accountId);
    const bin = await inspector.find(accountId, binId);
    const request = (await inspector.requests(bin)).find((one) => one.id === requestId);
    if (!request) throw new Problem('bin_not_found', 'This request is not kept any more.');
    if (request.truncated) throw new Problem('not_retryable', 'Its body was longer than what a bin keeps.');
    const target = url ?? inspector.urlOf(bin);
    await endpoints.checkUrl(accountId, target, contract);
    limits.take(accountId, 'tests');
    return egress.send(accountId, {
      method: methodOf(request),
      url: new URL(target),
      headers: [...request.headers, ...request.secretHeaders].filter(([name]) => !OF_THE_WAY.test(name)),
      body: request.body,
      timeouts: TIMEOUTS,
      isOwnBin: inspector.isBin(target),
    });
  }
}

/** A method whose answer has a body like any other. */
function methodOf({ method }: BinRequest): string {
  return /^(?:POST|PUT|PATCH|DELETE|OPTIONS|GET)$/.test(method) ? method : 'POST';
}
