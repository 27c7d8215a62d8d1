/** What a contract promises about delivery. Times in milliseconds, counts as numbers. */
export interface DeliveryPolicy {
  readonly timeouts: {
    /** Name lookup, TCP and TLS together. */
    readonly connectMs: number;
    /** From the request's last byte to the response's head. */
    readonly headersMs: number;
    /** Between two pieces of the response's body. */
    readonly bodyMs: number;
    /** The whole attempt. */
    readonly totalMs: number;
  };
  /** Waits before the second, third, … attempt. The first is made at once. */
  readonly retryDelaysMs: readonly number[];
  readonly jitter: Jitter;
  readonly retryAfter: {
    readonly capMs: number;
    /** What a longer Retry-After means: wait just `capMs`, or give the delivery up. */
    readonly above: 'cap' | 'fail';
  };
  /** HTTP statuses after which no retry is made; `retryable` wins where both name one. */
  readonly finalStatuses: StatusSet;
  /** Statuses that say that the endpoint is gone for good: it is switched off. */
  readonly goneStatuses: StatusSet;
  /** Requests to one endpoint at the same time. */
  readonly concurrency: number;
  readonly retentionDays: number;
}

/** `full`: anywhere between 0 and the delay. `equal`: between half and all of it. */
export type Jitter = 'full' | 'equal' | 'none';

export type StatusSet = ReadonlySet<number>;
