import { TooManyRequests } from '../domain/too-many-requests.ts';
import { type Rate, RateLimiter } from './rate-limiter.ts';

const RATES = {
  /** Tests go out at once, past every other rate: they are not a way to send many requests to somebody. */
  tests: { burst: 300, perMinute: 300 },
  /** Each begins a sample of every subscription. */
  testing: { burst: 20, perMinute: 20 },
  retries: { burst: 120, perMinute: 120 },
  replays: { burst: 60, perMinute: 60 },
  /** Each change makes every node read the account again. */
  endpoints: { burst: 300, perMinute: 300 },
  keys: { burst: 60, perMinute: 60 },
  bins: { burst: 60, perMinute: 60 },
  /** Each costs signatures of a whole body, or a line in the audit log. */
  secrets: { burst: 120, perMinute: 120 },
  /** Each runs somebody's code; one runs with every pause in typing. */
  sandbox: { burst: 300, perMinute: 300 },
  streams: { burst: 120, perMinute: 120 },
  /** Each may send an e-mail to whomever somebody names. */
  notices: { burst: 10, perMinute: 2 },
  /** Each reads up to 100,000 deliveries. */
  exports: { burst: 10, perMinute: 10 },
  /** All that the audit log notes, over hours. */
  changes: { burst: 1_000, perMinute: 100 },
  reads: { burst: 6_000, perMinute: 6_000 },
  pageSessions: { burst: 300, perMinute: 300 },
  binRequests: { burst: 600, perMinute: 600 },
} satisfies Record<string, Rate>;

export type Limit = keyof typeof RATES;

/** What sessions of the page and vendors' keys call. What is not here is a read. */
const LIMIT_OF: Readonly<Record<string, Limit>> = {
  createEndpoint: 'endpoints',
  changeEndpoint: 'endpoints',
  deleteEndpoint: 'endpoints',
  activateEndpoint: 'endpoints',
  deactivateEndpoint: 'endpoints',
  rotateSecret: 'endpoints',
  setTestingMode: 'testing',
  // Counted by the requests that they send: see Samples and UrlChecks.
  checkUrl: 'reads',
  testEndpoint: 'changes',
  sendExample: 'changes',
  retryDelivery: 'retries',
  releaseParkedKey: 'retries',
  replay: 'replays',
  cancelReplay: 'replays',
  createKey: 'keys',
  changeKey: 'keys',
  deleteKey: 'keys',
  rotateKey: 'keys',
  createBin: 'bins',
  shareBin: 'bins',
  // Counted by the request that it sends: see BinForwards.
  forwardBinRequest: 'changes',
  changeBin: 'bins',
  deleteBin: 'bins',
  getSecret: 'secrets',
  generateSecret: 'secrets',
  verifySignature: 'secrets',
  renderEvent: 'secrets',
  tryFilter: 'secrets',
  tryTransformation: 'sandbox',
  changeNotices: 'notices',
  confirmNotices: 'notices',
  testNotices: 'notices',
  watchDeliveries: 'streams',
  getDeliveryExport: 'exports',
};

/** What changes nothing, and changes themselves, which are counted already. */
const NO_CHANGES: ReadonlySet<Limit> = new Set(['reads', 'sandbox', 'streams', 'exports', 'changes']);

/** How much the people of one account may ask of this node, so that nobody else notices. The operator is not limited. */
export class AccountLimits {
  private readonly limiters: ReadonlyMap<Limit, RateLimiter>;

  /** @param nowMs milliseconds of a clock that only goes forward */
  constructor(nowMs: () => number) {
    const names = Object.keys(RATES) as Limit[];
    this.limiters = new Map(names.map((name) => [name, new RateLimiter(RATES[name], nowMs)]));
  }

  /** One call of an operation. @throws TooManyRequests */
  call(accountId: string, operation: string): void {
    const limit = LIMIT_OF[operation] ?? 'reads';
    this.take(accountId, limit);
    if (!NO_CHANGES.has(limit)) this.take(accountId, 'changes');
  }

  /** @throws TooManyRequests */
  take(accountId: string, limit: Limit, count = 1): void {
    const waitMs = this.limiters.get(limit)?.take(accountId, count) ?? 0;
    if (waitMs > 0) throw new TooManyRequests(Math.ceil(waitMs / 1000));
  }
}
