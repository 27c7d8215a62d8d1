import { useEffect, useRef } from 'react';
import { recall, remember } from '../browser-storage.ts';

type Keys = Record<string, () => unknown>;

const OFF = 'posthorn-keys-off';

/** Single letters may be pressed by mistake, or by speech: whoever wants none can switch them off in this browser. */
export const keysOff = {
  get: () => recall(OFF) !== undefined,
  set: (isOff: boolean) => remember(OFF, isOff ? '1' : undefined),
};

const FIELDS = 'input, textarea, select';

/** Whether somebody has begun to type: then the focus stays where it is. */
export function isTyping(): boolean {
  return document.activeElement?.matches(FIELDS) ?? false;
}

/** Keys of the page, as long as nobody is typing and no dialog asks something. A key that is held down counts once. */
export function useKeys(keys: Keys): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const heard = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || !(event.target instanceof Element)) return;
      if (event.target.matches(FIELDS) || document.querySelector('.dialog')) return;
      if (keysOff.get()) return;
      const run = current.current[event.key];
      if (!run) return;
      event.preventDefault();
      // Walking through rows is what a key is held down for.
      if (!event.repeat || event.key === 'j' || event.key === 'k') run();
    };
    document.addEventListener('keydown', heard);
    return () => document.removeEventListener('keydown', heard);
  }, []);
}

/** Moves the focus to the next or previous row that can be opened, over all tables of the page. */
export function walkRows(step: 1 | -1): void {
  if (document.querySelector('.drawer')) return;
  const rows = [...document.querySelectorAll<HTMLElement>('.main .open')];
  const { activeElement } = document;
  const at = activeElement instanceof HTMLElement ? rows.indexOf(activeElement) : -1;
  rows[at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1)]?.focus();
}
