import { type InfiniteData, type QueryClient, type QueryKey, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { ApiError, follow } from '../api.ts';
import { untilConnected } from '../connection.ts';
import type { Delivery, DeliveryDetail, Page } from '../types.ts';
import { untilVisible, whileVisible } from '../visibility.ts';
import type { Tests } from './filters.ts';

type Pages = InfiniteData<Page<Delivery>>;

const AGAIN_MS = 2_000;
const TOO_MANY = 429;
const WHEN_TOO_MANY_MS = 15_000;
/** So many rows a message of the server holds, when there are so many. */
export const NEWEST = 50;
/** As long as no more than this has been scrolled, one is looking at the newest. */
const TOP_PX = 40;
/** A list that has grown by what came is read anew when it is longer than this. */
const ROWS_MAX = 2_000;

/**
 * Follows what happens while a list is on the screen. At the top of the list new rows appear by themselves; further
 * down they are counted, so that nothing jumps while somebody reads.
 */
export function useLive(path: string, isOn: boolean, queryKey: QueryKey, tests: Tests) {
  const queries = useQueryClient();
  const [count, setCount] = useState(0);
  const key = useRef(queryKey);
  key.current = queryKey;
  useEffect(() => {
    setCount(0);
    if (!isOn) return;
    const ended = new AbortController();
    const heard = (_: string, data: string) => {
      // Until the list itself is there, what is newest in it is known from there. What is on the screen may be older.
      const list = queries.getQueryData<Pages>(key.current);
      if (!list) return;
      const known = new Set(list.pages.flatMap((page) => page.data.map((row) => row.id)));
      const newest = JSON.parse(data) as Delivery[];
      const fresh = newest.filter((row) => !known.has(row.id));
      const reads = isReading();
      setCount(reads ? fresh.length : 0);
      // More than one message tells of have come since: what lies between has to be read.
      const isGap = fresh.length === NEWEST;
      const isLong = fresh.length > 0 && known.size > ROWS_MAX;
      if (reads || !(isGap || isLong)) {
        queries.setQueryData<Pages>(key.current, (before) => before && merge(before, newest, reads ? [] : fresh));
      } else {
        startOver(queries, key.current);
      }
    };
    const watch = async () => {
      while (!ended.signal.aborted) {
        await untilVisible(ended.signal);
        try {
          await whileVisible(ended.signal, (signal) =>
            follow(`${path}/deliveries/live${tests === 'all' ? '' : `?test=${tests}`}`, heard, signal),
          );
        } catch (error) {
          const status = error instanceof ApiError ? error.problem.status : 0;
          // So many watch already: a place is free when one of them leaves.
          if (status === TOO_MANY) await pause(WHEN_TOO_MANY_MS);
          // The account has ended: to ask again would change nothing. A session may be renewed.
          else if (status >= 400 && status < 500 && status !== 401) return;
        }
        await pause(AGAIN_MS);
        await untilConnected(ended.signal);
      }
    };
    void watch();
    return () => ended.abort();
  }, [path, isOn, tests, queries]);
  return { count, clear: () => setCount(0) };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether somebody has scrolled down to where the list begins, or further. */
export function isReading(): boolean {
  const rows = document.querySelector('.rows');
  if (!rows) return false;
  const { style } = document.documentElement;
  return rows.getBoundingClientRect().top < Number.parseFloat(style.getPropertyValue('--visible-top') || '0') - TOP_PX;
}

/** Puts what is new into the first page, and what has changed where it stands: nothing is read again. */
function merge(before: Pages, newest: readonly Delivery[], fresh: readonly Delivery[]): Pages {
  const byId = new Map(newest.map((row) => [row.id, row]));
  const pages = before.pages.map((page, i) => {
    const data = page.data.map((row) => byId.get(row.id) ?? row);
    // Ids are in the order of time; what was accepted a little earlier may be told of a little later.
    return i === 0 ? { ...page, data: [...fresh, ...data].sort((a, b) => (a.id < b.id ? 1 : -1)) } : { ...page, data };
  });
  return { ...before, pages };
}

/** Shows what is known of one message in every list that holds it. */
export function showInLists(queries: QueryClient, path: string, { attempts: _, ...row }: DeliveryDetail): void {
  queries.setQueriesData<Pages>({ queryKey: [path, 'deliveries'] }, (before) => before && merge(before, [row], []));
}

/** Forgets all pages but the first: a hundred of them would be read one after the other. */
export function forgetPages(queries: QueryClient, queryKey: QueryKey): void {
  queries.setQueryData<Pages>(
    queryKey,
    (before) => before && { pages: before.pages.slice(0, 1), pageParams: before.pageParams.slice(0, 1) },
  );
}

export function startOver(queries: QueryClient, queryKey: QueryKey): void {
  forgetPages(queries, queryKey);
  void queries.invalidateQueries({ queryKey });
}
