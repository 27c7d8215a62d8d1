import { useSyncExternalStore } from 'react';
import { useLanguage } from '../texts/language.tsx';

const JUST_NOW_MS = 5_000;

/** A moving "now", shared by everything that shows a time. */
const clock = {
  now: Date.now(),
  listeners: new Set<() => void>(),
  timer: 0,
  subscribe(listener: () => void) {
    clock.listeners.add(listener);
    clock.timer ||= window.setInterval(() => {
      clock.now = Date.now();
      for (const heard of clock.listeners) heard();
    }, 1_000);
    return () => clock.listeners.delete(listener);
  },
};

export function useNow(): number {
  return useSyncExternalStore(clock.subscribe, () => clock.now);
}

/** How long it is until then, second by second: `in 4 min 12 s`. The exact time stands on hover. */
export function TimeLeft({ at }: { at: string }) {
  const now = useNow();
  const { t, f } = useLanguage();
  const ms = Date.parse(at);
  return (
    <time dateTime={at} title={f.precise(ms)}>
      {ms <= now ? t.common.now : t.common.in(f.duration(Math.ceil((ms - now) / 1_000) * 1_000))}
    </time>
  );
}

/** Relative, with the exact time on hover. */
export function Time({ at, none }: { at: string | null; none?: string }) {
  const { t } = useLanguage();
  return at === null ? <span className="quiet">{none ?? t.common.never}</span> : <Moment at={at} />;
}

function Moment({ at }: { at: string }) {
  const now = useNow();
  const { t, f } = useLanguage();
  const ms = Date.parse(at);
  return (
    <time dateTime={at} title={f.exact(ms)}>
      {Math.abs(now - ms) < JUST_NOW_MS ? t.common.justNow : f.relative(ms, now)}
    </time>
  );
}
