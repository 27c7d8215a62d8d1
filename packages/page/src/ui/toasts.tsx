import { useSyncExternalStore } from 'react';
import { useVisiblePart } from '../embedding.ts';
import { useLanguage } from '../texts/language.tsx';
import { useKeys } from './keyboard.ts';

interface Toast {
  id: number;
  text: string;
  undo?: (() => void) | undefined;
}

/** For how long what was done can be taken back, and the offer is seen. */
export const UNDO_MS = 10_000;
const SHOWN_MS = 4_000;

const toasts = { list: [] as Toast[], next: 1, listeners: new Set<() => void>() };

function setToasts(list: Toast[]): void {
  toasts.list = list;
  for (const heard of toasts.listeners) heard();
}

/** Says that something happened, and offers to undo it where that is possible. */
export function toast(text: string, undo?: () => void): void {
  const id = toasts.next++;
  setToasts([...toasts.list, { id, text, undo }]);
  setTimeout(() => setToasts(toasts.list.filter((one) => one.id !== id)), undo ? UNDO_MS : SHOWN_MS);
}

/** In an embedded page a toast stands where it is seen, as long as there is one. */
function VisiblePart() {
  useVisiblePart();
  return null;
}

export function Toasts() {
  const { t } = useLanguage();
  const list = useSyncExternalStore(
    (listener) => {
      toasts.listeners.add(listener);
      return () => toasts.listeners.delete(listener);
    },
    () => toasts.list,
  );
  const undo = (one: Toast) => {
    one.undo?.();
    setToasts(toasts.list.filter((other) => other !== one));
  };
  useKeys({
    z: () => {
      const last = list.findLast((one) => one.undo);
      if (last) undo(last);
    },
  });
  return (
    <div className="toasts" aria-live="polite">
      {list.length > 0 && <VisiblePart />}
      {list.map((one) => (
        <div className="toast" key={one.id}>
          <span>{one.text}</span>
          {one.undo && (
            <button type="button" aria-keyshortcuts="z" onClick={() => undo(one)}>
              {t.common.undo} <kbd>{'z'}</kbd>
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
