import type { RetryWindow } from './window.ts';

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
  /** In contracts with a window, which then decides when retries are made. */
  readonly window?: RetryWindow;
  readonly retryAfter: {
    readonly capMs: number;
    /** What a longer Retry-After means: wait just `capMs`, give the delivery up, or keep to the schedule. */
    readonly above: 'cap' | 'fail' | 'ignore';
  };
  /** HTTP statuses after which no retry is made. */
  readonly finalStatuses: StatusSet;
  /** Statuses that say that the endpoint is gone for good: it is switched off. */
  readonly goneStatuses: StatusSet;
  /** Requests to one endpoint at the same time. */
  readonly concurrency: number;
  /** Requests to one endpoint in any sliding second, in order, over all nodes; undefined: no limit. */
  readonly ratePerS: number | undefined;
  /** So many failures in a row switch an endpoint off. */
  readonly autoDisable: AutoDisable | undefined;
  /** What happens to the endpoint when a delivery's retries are used up. */
  readonly onExhausted: 'keep' | 'deactivate-endpoint' | 'delete-endpoint';
  readonly testingMode: { readonly durationMs: number; readonly intervalMs: number };
  readonly retentionDays: number;
}

export interface AutoDisable {
  readonly failures: number;
  /** Every failed attempt counts, or every delivery that was given up. */
  readonly counts: 'attempts' | 'deliveries';
}

/** `full`: anywhere between 0 and the delay. `equal`: between half and all of it. `tenth`: a tenth less or more. */
export type Jitter = 'full' | 'equal' | 'tenth' | 'none';

export type StatusSet = ReadonlySet<number>;

/** The longest that a delivery waits for its next attempt. */
export function longestWaitMs({ retryDelaysMs, jitter, window, retryAfter }: DeliveryPolicy): number {
  const longest = Math.max(0, ...retryDelaysMs) * (jitter === 'tenth' ? 1.1 : 1);
  return Math.max(longest, window?.ms ?? 0, retryAfter.capMs);
}
