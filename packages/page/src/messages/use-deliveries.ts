import { type InfiniteData, type QueryClient, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useAccount, useUrlState } from '../account.tsx';
import { get } from '../api.ts';
import type { Delivery, Page } from '../types.ts';
import { isFiltered, queryOf, type Tests, testsOf } from './filters.ts';
import { forgetPages, isReading } from './live.ts';

const PAGE_ROWS = '100';
/** How often a filtered list is read again, as long as it is one page. */
const FILTERED_MS = 5_000;

/** Spans are counted back from now when a page is read: in the key they stand counted back from a fixed moment. */
export function keyOf(path: string, params: URLSearchParams, tests: Tests): readonly string[] {
  return [path, 'deliveries', queryOf(params, 0, tests).toString()];
}

/**
 * What the filters show. As long as an account has nothing but tests, these are shown: who has just sent the first one
 * looks for it here.
 */
export function useDeliveries() {
  const { params } = useUrlState();
  const wanted = testsOf(params);
  const list = useList(wanted, true);
  const isBare = wanted === 'false' && !isFiltered(params) && list.data?.pages[0]?.data.length === 0;
  const withTests = useList('all', isBare);
  const [newest] = withTests.data?.pages ?? [];
  const isOnlyTests = isBare && (newest?.data.length ?? 0) > 0;
  // The first one that is no test has come live, into the list that is shown.
  const isOver = isOnlyTests && newest?.data.some((row) => !row.test) === true;
  const { refetch } = list;
  useEffect(() => {
    if (isOver) void refetch();
  }, [isOver, refetch]);
  return { list: isOnlyTests ? withTests : list, tests: isOnlyTests ? ('all' as const) : wanted, isOnlyTests };
}

/** Whether the list shows tests now: for what is done with all that it shows. */
export function shownTests(queries: QueryClient, path: string, params: URLSearchParams): Tests {
  const rowsOf = (tests: Tests) =>
    queries.getQueryData<InfiniteData<Page<Delivery>>>(keyOf(path, params, tests))?.pages[0]?.data.length;
  const wanted = testsOf(params);
  const isOnlyTests = wanted === 'false' && !isFiltered(params) && rowsOf('false') === 0 && (rowsOf('all') ?? 0) > 0;
  return isOnlyTests ? 'all' : wanted;
}

/** Page by page, by the server's cursor. */
function useList(tests: Tests, isWanted: boolean) {
  const { path } = useAccount();
  const { params } = useUrlState();
  const queries = useQueryClient();
  const query = queryOf(params, 0, tests).toString();
  // Who comes back begins at the newest.
  useEffect(() => () => forgetPages(queries, [path, 'deliveries', query]), [queries, path, query]);
  const list = useInfiniteQuery({
    queryKey: keyOf(path, params, tests),
    enabled: isWanted,
    refetchOnWindowFocus: false,
    queryFn: ({ pageParam }) => {
      const query = queryOf(params, Date.now(), tests);
      query.set('limit', PAGE_ROWS);
      if (pageParam) query.set('cursor', pageParam);
      return get<Page<Delivery>>(`${path}/deliveries?${query}`);
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
  });
  const { refetch } = list;
  const isOnePage = list.data?.pages.length === 1;
  const isPolled = isWanted && isFiltered(params) && isOnePage;
  // Without filters it is live. With them it is read again, but never while one reads further down: nothing jumps.
  useEffect(() => {
    if (!isPolled) return;
    const timer = setInterval(() => {
      if (!document.hidden && !isReading()) void refetch();
    }, FILTERED_MS);
    return () => clearInterval(timer);
  }, [isPolled, refetch]);
  return list;
}

interface Count {
  count: number;
  is_more: boolean;
}

/** How many the filters find, where that is more than what has been read. */
export function useCount(isWanted: boolean, tests: Tests): Count | undefined {
  const { path } = useAccount();
  const { params } = useUrlState();
  const count = useQuery({
    queryKey: [path, 'delivery-count', queryOf(params, 0, tests).toString()],
    enabled: isWanted,
    queryFn: () => get<Count>(`${path}/deliveries/count?${queryOf(params, Date.now(), tests)}`),
    refetchInterval: params.get('q') === null ? 15_000 : false,
  });
  return count.data;
}
