import { expect, test } from 'vitest';
import { TooManyRequests } from '../domain/too-many-requests.ts';
import { PERMISSION_OF } from '../http/roles.ts';
import { AccountLimits } from './account-limits.ts';

/** How many calls of an operation an account has at once. */
function callsUntilRefused(operation: string, limits = new AccountLimits(() => 0)): number {
  for (let calls = 0; ; calls++) {
    try {
      limits.call('a', operation);
    } catch (error) {
      if (error instanceof TooManyRequests) return calls;
      throw error;
    }
  }
}

test('every operation that a session may call is limited, changes more than reads', () => {
  for (const operation of Object.keys(PERMISSION_OF)) {
    // An export reads as much as hundreds of lists.
    const isRead = /^(get(?!Secret|DeliveryExport)|list|checkUrl)/.test(operation);
    if (isRead) expect(callsUntilRefused(operation), operation).toBe(6_000);
    else expect(callsUntilRefused(operation), operation).toBeLessThanOrEqual(1_000);
  }
});

test('all changes together are limited, too', () => {
  let nowMs = 0;
  const limits = new AccountLimits(() => nowMs);
  let changes = 0;
  for (let minute = 0; minute < 60; minute++) {
    changes += callsUntilRefused('changeEndpoint', limits);
    nowMs += 60_000;
  }
  expect(changes).toBeLessThanOrEqual(1_000 + 60 * 100);
});

test('another account does not notice', () => {
  const limits = new AccountLimits(() => 0);
  callsUntilRefused('setTestingMode', limits);
  expect(() => limits.call('b', 'setTestingMode')).not.toThrow();
});
