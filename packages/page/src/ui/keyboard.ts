import { useEffect, useRef } from 'react';

type Keys = Record<string, () => unknown>;

/** Keys of the page, as long as nobody is typing and no dialog asks something. */
export function useKeys(keys: Keys): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const heard = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || !(event.target instanceof HTMLElement)) return;
      if (event.target.matches('input, textarea, select') || document.querySelector('.dialog')) return;
      const run = current.current[event.key];
      if (!run) return;
      event.preventDefault();
      run();
    };
    document.addEventListener('keydown', heard);
    return () => document.removeEventListener('keydown', heard);
  }, []);
}
