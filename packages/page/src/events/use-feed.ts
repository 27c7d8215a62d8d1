import { useEffect, useState } from 'react';
import { ApiError, call } from '../api.ts';
import { untilConnected } from '../connection.ts';
import type { Event, FeedPage } from '../types.ts';
import { untilVisible, whileVisible } from '../visibility.ts';

/** How long the server holds an answer back in which there is nothing, in seconds. */
const WAIT_S = 25;
const AGAIN_MS = 3_000;
/** Events of one answer, and how long the next question waits when there were any: a busy account is not asked all the time. */
const LIMIT = 200;
const PAUSE_MS = 500;
/** Shown at a time. */
export const EVENTS_MAX = 200;

export interface Following {
  /** The newest first. */
  events: readonly Event[];
  /** Whether it has begun: what happens from then on is shown. */
  hasBegun: boolean;
  error: unknown;
}

/** Follows the account's feed from now on, for as long as the component is on the screen. */
export function useFeed(path: string): Following {
  const [state, setState] = useState<Following>({ events: [], hasBegun: false, error: undefined });
  useEffect(() => {
    const ended = new AbortController();
    const read = async (signal: AbortSignal, cursor: string) => {
      const query = new URLSearchParams({
        cursor,
        wait: cursor === 'newest' ? '0' : String(WAIT_S),
        limit: String(LIMIT),
      });
      const page = await call<FeedPage>('GET', `${path}/feed?${query}`, undefined, { signal });
      setState(({ events }) => ({
        events: [...[...page.data].reverse(), ...events].slice(0, EVENTS_MAX),
        hasBegun: true,
        error: undefined,
      }));
      if (page.data.length > 0) await pause(PAUSE_MS);
      return page.next_cursor;
    };
    const watch = async () => {
      let cursor = 'newest';
      while (!ended.signal.aborted) {
        await untilVisible(ended.signal);
        try {
          cursor = await whileVisible(ended.signal, (signal) => read(signal, cursor));
        } catch (error) {
          if (ended.signal.aborted || document.hidden) continue;
          if (error instanceof ApiError && error.problem.code === 'invalid_cursor') cursor = 'newest';
          setState((before) => ({ ...before, error }));
          await pause(AGAIN_MS);
          await untilConnected(ended.signal);
        }
      }
    };
    void watch();
    return () => ended.abort();
  }, [path]);
  return state;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
