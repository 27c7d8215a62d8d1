import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { follow } from '../api.ts';
import type { Delivery } from '../types.ts';

const AGAIN_MS = 2_000;
/** As long as no more than this has been scrolled, one is looking at the newest. */
const TOP_PX = 40;

/**
 * Follows what happens while a list is on the screen. At the top of the list new rows appear by themselves; further
 * down they are counted, so that nothing jumps while somebody reads.
 */
export function useLive(path: string, isOn: boolean, rows: readonly Delivery[]) {
  const queries = useQueryClient();
  const [count, setCount] = useState(0);
  const known = useRef<ReadonlyMap<string, Delivery>>(new Map());
  known.current = new Map(rows.map((row) => [row.id, row]));
  useEffect(() => {
    if (!isOn) return;
    const ended = new AbortController();
    const heard = (_: string, data: string) => {
      const newest = JSON.parse(data) as Delivery[];
      const unknown = newest.filter((row) => !known.current.has(row.id)).length;
      const isChanged = newest.some((row) => {
        const before = known.current.get(row.id);
        return before !== undefined && (before.status !== row.status || before.attempt_count !== row.attempt_count);
      });
      const scrolled = document.querySelector('.rows')?.scrollTop ?? 0;
      if (unknown > 0 && scrolled > TOP_PX) setCount(unknown);
      else if (unknown > 0 || isChanged) {
        setCount(0);
        void queries.invalidateQueries({ queryKey: [path, 'deliveries'] });
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
