import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo } from 'react';
import { useAccount, useUrlOf, useUrlState } from '../account.tsx';
import { get } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Delivery, DeliveryDetail, Page } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Empty, QueryError, Skeleton } from '../ui/notes.tsx';
import { DeliveryStatusView } from '../ui/status.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { UrlText } from '../ui/url-text.tsx';
import { FilterBar } from './filter-bar.tsx';
import { CLEARED, isFiltered, queryOf } from './filters.ts';
import { forgetPages, isReading, NEWEST, startOver, useLive } from './live.ts';
import { MessageDrawer } from './message-drawer.tsx';

const PAGE_ROWS = '100';
/** How often a filtered list is read again, as long as it is one page. */
const FILTERED_MS = 5_000;

/** The history with its filters, live, and the message that is open. */
export function MessageList() {
  const { path, contract } = useAccount();
  const { t, f } = useLanguage();
  const { params, set } = useUrlState();
  const queries = useQueryClient();
  const list = useDeliveries();
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.data) ?? [], [list.data]);
  const filtered = isFiltered(params);
  const fresh = useLive(path, !filtered, keyOf(path, params));
  const openId = params.get('message');
  const columns = useColumns();
  const { hasNextPage: hasMore, isFetchingNextPage: isLoading, isFetchNextPageError: hasFailed, fetchNextPage } = list;
  const load = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  return (
    <div>
      <FilterBar />
      <QueryError of={list} />
      {fresh.count > 0 && (
        <div className="fresh">
          <Button
            size="small"
            onClick={() => {
              fresh.clear();
              document.querySelector('.rows')?.scrollTo(0, 0);
              startOver(queries, keyOf(path, params));
            }}
          >
            {t.messages.fresh(f.number(fresh.count) + (fresh.count < NEWEST ? '' : '+'))}
          </Button>
        </div>
      )}
      {!list.data && !list.error && <Skeleton rows={8} />}
      {list.data && rows.length === 0 && (
        <Empty
          title={filtered ? t.messages.nothing : t.messages.none}
          text={filtered ? t.messages.nothingText : t.messages.noneText(contract.words.endpoint)}
        >
          {filtered && <Button onClick={() => set(CLEARED)}>{t.messages.clearAll}</Button>}
        </Empty>
      )}
      {rows.length > 0 && (
        <DataTable
          label={t.messages.title}
          rows={rows}
          columns={columns}
          rowId={(row) => row.id}
          openId={openId}
          onOpen={(row) => set({ message: row.id, attempt: null }, openId !== null)}
          onHover={({ id }) =>
            void queries.prefetchQuery({
              queryKey: [path, 'delivery', id],
              queryFn: () => get<DeliveryDetail>(`${path}/deliveries/${id}`),
            })
          }
          more={{ hasMore, isLoading, hasFailed, load }}
        />
      )}
      {openId !== null && (
        <MessageDrawer key={openId} id={openId} onClose={() => set({ message: null, attempt: null }, true)} />
      )}
    </div>
  );
}

/** Spans are counted back from now when a page is read: in the key they stand counted back from a fixed moment. */
function keyOf(path: string, params: URLSearchParams) {
  return [path, 'deliveries', queryOf(params, 0).toString()];
}

/** Page by page, by the server's cursor. */
function useDeliveries() {
  const { path } = useAccount();
  const { params } = useUrlState();
  const queries = useQueryClient();
  const query = queryOf(params, 0).toString();
  // Who comes back begins at the newest.
  useEffect(() => () => forgetPages(queries, [path, 'deliveries', query]), [queries, path, query]);
  const list = useInfiniteQuery({
    queryKey: keyOf(path, params),
    refetchOnWindowFocus: false,
    queryFn: ({ pageParam }) => {
      const query = queryOf(params, Date.now());
      query.set('limit', PAGE_ROWS);
      if (pageParam) query.set('cursor', pageParam);
      return get<Page<Delivery>>(`${path}/deliveries?${query}`);
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
  });
  const { refetch } = list;
  const isOnePage = list.data?.pages.length === 1;
  const isPolled = isFiltered(params) && isOnePage;
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

const column = columnsOf<Delivery>();

function useColumns() {
  const { contract, hasTopicChoice, triggerLabel, topicLabel } = useAccount();
  const { t, f } = useLanguage();
  const urlOf = useUrlOf();
  return useMemo(
    () =>
      column.columns([
        column.accessor('trigger', {
          header: contract.words.trigger,
          meta: { width: '22%' },
          cell: ({ row }) => (
            <>
              {triggerLabel(row.original.trigger)}
              {row.original.test && <span className="tag">{t.messages.test}</span>}
            </>
          ),
        }),
        column.accessor('status', {
          header: t.messages.status,
          meta: { width: '136px', phoneWidth: '124px' },
          cell: ({ getValue }) => <DeliveryStatusView status={getValue()} />,
        }),
        column.accessor((row) => row.last_status ?? t.attemptErrors[row.last_error ?? '']?.short ?? row.last_error, {
          id: 'answer',
          header: t.messages.answer,
          meta: { width: '96px', kind: 'code', wideOnly: true },
        }),
        ...(hasTopicChoice
          ? [
              column.accessor((row) => topicLabel(row.topic), {
                id: 'topic',
                header: contract.words.topic,
                meta: { width: '13%', wideOnly: true },
              }),
            ]
          : []),
        column.display({
          id: 'url',
          header: contract.words.url,
          meta: { kind: 'code', wideOnly: true },
          cell: ({ row }) => {
            const url = urlOf(row.original.endpoint_id);
            return <UrlText url={url} />;
          },
        }),
        column.accessor('attempt_count', {
          header: t.messages.attempts,
          meta: { width: '92px', kind: 'number', wideOnly: true },
          cell: ({ getValue }) => f.number(getValue()),
        }),
        column.accessor('created_at', {
          header: t.messages.when,
          meta: { width: '100px', phoneWidth: '84px' },
          cell: ({ getValue }) => <Time at={getValue()} />,
        }),
      ]),
    [contract, hasTopicChoice, triggerLabel, topicLabel, urlOf, t, f],
  );
}
