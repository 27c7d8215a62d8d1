import { useQueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { useAccount } from '../account.tsx';
import { ApiError, call } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { toast, UNDO_MS } from '../ui/toasts.tsx';

/** Webhooks that are deleted as soon as that can no longer be undone, by their id; kept over changes of the section. */
const pending = new Map<string, () => void>();
let removed: ReadonlySet<string> = new Set();
const listeners = new Set<() => void>();

function changed(): void {
  removed = new Set(pending.keys());
  for (const listener of listeners) listener();
}

// Whoever leaves the page has not undone it.
window.addEventListener('pagehide', () => {
  for (const removeNow of pending.values()) removeNow();
});

/** Takes a webhook off the list at once, and deletes it when the time to undo is over. */
export function useRemovals() {
  const { path, contract } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const ids = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => removed,
  );
  const remove = ({ id, url }: Endpoint) => {
    const host = new URL(url).host;
    const forget = () => {
      clearTimeout(timer);
      pending.delete(id);
      changed();
    };
    const removeNow = async () => {
      clearTimeout(timer);
      try {
        await call('DELETE', `${path}/endpoints/${id}`, undefined, { keepalive: true });
      } catch (error) {
        const why = error instanceof ApiError ? error.problem.detail : '';
        toast(t.webhooks.notDeleted(contract.words.endpoint, host, why));
      }
      await queries.invalidateQueries({ queryKey: [path, 'endpoints'] });
      forget();
    };
    const timer = setTimeout(removeNow, UNDO_MS);
    pending.set(id, removeNow);
    changed();
    toast(t.webhooks.deleted(contract.words.endpoint, host), forget);
  };
  return { removed: ids, remove };
}
