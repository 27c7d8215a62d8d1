import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useSyncExternalStore } from 'react';
import { useAccount } from '../account.tsx';
import { call } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import { problemWords } from '../texts/problem-words.ts';
import type { Endpoint } from '../types.ts';
import { toast, UNDO_MS } from '../ui/toasts.tsx';
import { useWebhookName } from './webhook-name.ts';

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

/** The row is drawn again first. */
function focusRow(id: string): void {
  setTimeout(() => document.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"] .open`)?.focus());
}

/** Takes a webhook off the list at once, and deletes it when the time to undo is over. */
export function useRemovals() {
  const { path, contract } = useAccount();
  const nameOf = useWebhookName();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const ids = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => removed,
  );
  const word = contract.words.endpoint;
  const remove = useCallback(
    (endpoint: Endpoint) => {
      const { id } = endpoint;
      const name = nameOf(endpoint);
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
          toast(t.webhooks.notDeleted(word, name, problemWords(error, t).detail));
        }
        await queries.invalidateQueries({ queryKey: [path, 'endpoints'] });
        forget();
      };
      const timer = setTimeout(removeNow, UNDO_MS);
      pending.set(id, removeNow);
      changed();
      toast(t.webhooks.deleted(word, name), () => {
        forget();
        focusRow(id);
      });
    },
    [path, word, nameOf, queries, t],
  );
  return { removed: ids, remove };
}
