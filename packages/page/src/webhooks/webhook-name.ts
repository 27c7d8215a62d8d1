import { useCallback } from 'react';
import { useAccount } from '../account.tsx';
import type { Endpoint } from '../types.ts';

/**
 * What tells a webhook from the others, everywhere: its event and its whole address. Many have one webhook an event on
 * one host, so neither alone does.
 */
export function useWebhookName(): (endpoint: Pick<Endpoint, 'subscriptions' | 'url'>) => string {
  const { triggerLabel } = useAccount();
  return useCallback(
    ({ subscriptions: [first, ...others], url }) => {
      if (!first) return url;
      return `${triggerLabel(first.trigger)}${others.length > 0 ? ` +${others.length}` : ''} · ${url}`;
    },
    [triggerLabel],
  );
}
