import { type InfiniteData, type QueryKey, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { follow } from '../api.ts';
import type { Delivery, Page } from '../types.ts';

type Pages = InfiniteData<Page<Delivery>>;

const AGAIN_MS = 2_000;
/** As long as no more than this has been scrolled, one is looking at the newest. */
const TOP_PX = 40;
/** A list that has grown by what came is read anew when it is longer than this. */
const ROWS_MAX = 2_000;

/**
 * Follows what happens while a list is on the screen. At the top of the list new rows appear by themselves; further
 * down they are counted, so that nothing jumps while somebody reads.
 */
export function useLive(path: string, isOn: boolean, rows: readonly Delivery[], queryKey: QueryKey) {
  const queries = useQueryClient();
  const [count, setCount] = useState(0);
  const known = useRef<ReadonlyMap<string, Delivery>>(new Map());
  known.current = new Map(rows.map((row) => [row.id, row]));
  const key = useRef(queryKey);
  key.current = queryKey;
  useEffect(() => {
    setCount(0);
    if (!isOn) return;
    const ended = new AbortController();
    const heard = (_: string, data: string) => {
      const newest = JSON.parse(data) as Delivery[];
      const fresh = newest.filter((row) => !known.current.has(row.id));
      const isReading = (document.querySelector('.rows')?.scrollTop ?? 0) > TOP_PX;
      if (isReading) setCount(fresh.length);
      // More than one message tells of have come since: what lies between has to be read.
      const isGap = fresh.length === newest.length && known.current.size > 0;
      const isLong = known.current.size > ROWS_MAX;
      if (isReading || !(isGap || isLong)) {
        queries.setQueryData<Pages>(key.current, (before) => before && merge(before, newest, isReading ? [] : fresh));
      } else {
        queries.setQueryData<Pages>(key.current, (before) => before && firstOf(before));
        void queries.invalidateQueries({ queryKey: key.current });
      }
    };
    const watch = async () => {
      while (!ended.signal.aborted) {
        await follow(`${path}/deliveries/live`, heard, ended.signal).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    };
    void watch();
    return () => ended.abort();
  }, [path, isOn, queries]);
  return { count, clear: () => setCount(0) };
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

function firstOf({ pages, pageParams }: Pages): Pages {
  return { pages: pages.slice(0, 1), pageParams: pageParams.slice(0, 1) };
}
