import type { Random } from './clock.ts';
import type { Jitter } from './policy.ts';

/** The last try is made in the last hour of a window; where that is longer, in its last twentieth. */
const LAST_PART_MS = 3_600_000;
const LAST_SHARE = 1 / 20;
/** How much of that part is left free at the end: a try may start late, because others wait before it. */
const FREE_SHARE = 1 / 4;
const TENTH = 0.1;

/** When a try may be made, in milliseconds from the first try of its round. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Retries that stand at fixed times from the first try, so that nothing that comes late moves the others. */
export interface RetryWindow {
  readonly ms: number;
  readonly retries: readonly Span[];
}

/** Where in a window its last try is made. */
export function lastPart(windowMs: number): Span {
  const ms = Math.min(LAST_PART_MS, windowMs * LAST_SHARE);
  return { fromMs: Math.ceil(windowMs - ms), toMs: Math.floor(windowMs - ms * FREE_SHARE) };
}

/** @param delaysMs waits between the tries; the last part of the window is their end, unless attempts end it before */
export function retryWindow(delaysMs: readonly number[], windowMs: number, jitter: Jitter): RetryWindow {
  const last = lastPart(windowMs);
  let at = 0;
  const retries = delaysMs.map((delayMs, i) => {
    at += delayMs;
    const spread = jitter === 'none' ? 0 : delayMs * TENTH;
    const isLast = i === delaysMs.length - 1 && at >= last.fromMs;
    return {
      fromMs: Math.ceil(Math.max(at - spread, isLast ? last.fromMs : 0)),
      toMs: Math.floor(Math.min(at + spread, last.toMs)),
    };
  });
  return { ms: windowMs, retries };
}

/**
 * How long to wait for the next try; undefined when none is left. Tries whose time has passed are left out.
 * @param sinceMs since the first try of the round began
 */
export function nextInWindow({ retries }: RetryWindow, sinceMs: number, random: Random): number | undefined {
  const next = retries.find(({ fromMs }) => fromMs > sinceMs);
  return next && Math.round(next.fromMs + random() * (next.toMs - next.fromMs) - sinceMs);
}

/** How long until the last moment of a window at which a try may be made. */
export function leftIn({ retries }: RetryWindow, sinceMs = 0): number {
  return Math.max(0, (retries.at(-1)?.toMs ?? 0) - sinceMs);
}

/** How far a round is taken to be whose start is not known. */
export function plannedSince({ retries }: RetryWindow, tries: number): number {
  return tries < 2 ? 0 : (retries[tries - 2]?.toMs ?? Number.POSITIVE_INFINITY);
}
