import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import { hasTopicChoice, topicLabel, triggerLabel, useAccount, useEndpoints, useUrlState } from './account.tsx';
import { follow, get } from './api.ts';
import { MessageDrawer } from './message-drawer.tsx';
import { Replays } from './replays.tsx';
import type { Delivery, Page, Stats } from './types.ts';
import {
  DeliveryStatusView,
  duration,
  Empty,
  ErrorNote,
  Skeleton,
  STATUS_WORDS,
  Time,
  useKeys,
  VolumeChart,
} from './ui.tsx';

const ROW_PX = 40;
const FILTERS = ['status', 'trigger', 'topic', 'endpoint', 'q', 'from', 'to'] as const;

export function Messages() {
  useEffect(() => {
    document.title = 'Messages';
  }, []);
  return (
    <>
      <div className="head">
        <h1>Messages</h1>
        <span className="grow" />
        <Replays />
      </div>
      <div className="stack">
        <Charts />
        <MessageList />
      </div>
    </>
  );
}

function Charts() {
  const { path } = useAccount();
  const { params, set } = useUrlState();
  const endpoint = params.get('endpoint');
  const stats = useQuery({
    queryKey: [path, 'stats', endpoint],
    queryFn: () => get<Stats>(`${path}/stats${endpoint === null ? '' : `?endpoint=${endpoint}`}`),
    refetchInterval: 15_000,
  });
  const data = stats.data;
  const ms = (value: number | null) => (value === null ? '–' : duration(value));
  const sum = (kind: 'succeeded' | 'discarded' | 'skipped') =>
    (data?.volume ?? []).reduce((n, bucket) => n + bucket[kind], 0);
  return (
    <section className="card" aria-label="The last 24 hours">
      <header>
        <h2>The last 24 hours</h2>
        <span className="quiet">Pick a bar to see its messages</span>
      </header>
      <div className="body stack">
        {data ? (
          <VolumeChart buckets={data.volume} bucketMs={data.bucket_ms} onPick={(from, to) => set({ from, to })} />
        ) : (
          <div style={{ height: 96 }} className="skeleton" />
        )}
        <dl className="tiles" style={{ margin: 0 }}>
          <div>
            <dt>Delivered</dt>
            <dd>{data ? sum('succeeded').toLocaleString() : '–'}</dd>
          </div>
          <div>
            <dt>Failed</dt>
            <dd>{data ? sum('discarded').toLocaleString() : '–'}</dd>
          </div>
          <div>
            <dt>Latency p50 · p95 · p99</dt>
            <dd style={{ fontSize: 14 }}>
              {data ? `${ms(data.latency_ms.p50)} · ${ms(data.latency_ms.p95)} · ${ms(data.latency_ms.p99)}` : '–'}
            </dd>
          </div>
          <div>
            <dt>Oldest waiting</dt>
            <dd style={{ fontSize: 14 }}>
              {data?.oldest_waiting_at ? <Time at={data.oldest_waiting_at} /> : 'nothing waits'}
            </dd>
          </div>
        </dl>
        {data && data.failures.length > 0 && (
          <div className="row">
            <span className="quiet">Failures:</span>
            {data.failures.map(({ status, error, count }) => (
              <button
                type="button"
                className="tag"
                key={`${status} ${error}`}
                onClick={() => set({ status: 'discarded', from: data.from, to: data.to })}
              >
                {status ?? error} × {count.toLocaleString()}
              </button>
            ))}
          </div>
        )}
      </div>
    </section>
  );
}

export function MessageList() {
  const { path, contract } = useAccount();
  const queries = useQueryClient();
  const { params, set } = useUrlState();
  const query = new URLSearchParams(
    FILTERS.flatMap((name) => (params.get(name) ? [[name, params.get(name) ?? ''] as [string, string]] : [])),
  );
  const isFiltered = query.size > 0;
  const key = [path, 'deliveries', query.toString()];
  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => {
      const page = new URLSearchParams(query);
      page.set('limit', '100');
      if (pageParam) page.set('cursor', pageParam);
      return get<Page<Delivery>>(`${path}/deliveries?${page}`);
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
  });
  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const fresh = useLive(path, !isFiltered, rows);
  const show = () => {
    fresh.clear();
    void queries.invalidateQueries({ queryKey: key });
  };
  const [at, setAt] = useState(-1);
  const openId = params.get('message');
  useKeys({
    j: () => setAt((i) => Math.min(i + 1, rows.length - 1)),
    k: () => setAt((i) => Math.max(i - 1, 0)),
    Enter: () => rows[at] && set({ message: rows[at].id }),
  });
  return (
    <div>
      <Filters />
      <ErrorNote error={list.error} />
      {fresh.count > 0 && (
        <div className="row" style={{ marginBottom: 8 }}>
          <button type="button" className="button small" onClick={show}>
            {fresh.count} new
          </button>
        </div>
      )}
      {!list.data && !list.error && <Skeleton rows={8} />}
      {list.data && rows.length === 0 && (
        <Empty
          title={isFiltered ? 'Nothing found' : 'No messages yet'}
          text={
            isFiltered
              ? 'No message fits these filters.'
              : `As soon as something happens, every request to your ${contract.words.endpoint.toLowerCase()}s stands here with your server's response.`
          }
        >
          {isFiltered && (
            <button
              type="button"
              className="button"
              onClick={() => set(Object.fromEntries(FILTERS.map((name) => [name, null])))}
            >
              Clear the filters
            </button>
          )}
        </Empty>
      )}
      {rows.length > 0 && (
        <Rows
          rows={rows}
          at={at}
          openId={openId}
          hasMore={list.hasNextPage}
          isLoading={list.isFetchingNextPage}
          onMore={() => void list.fetchNextPage()}
          onOpen={(id) => set({ message: id })}
        />
      )}
      {openId !== null && <MessageDrawer id={openId} onClose={() => set({ message: null })} />}
    </div>
  );
}

const COLUMNS = '108px minmax(120px, 1.2fr) minmax(90px, 0.8fr) minmax(140px, 1.6fr) 92px 92px 108px';

function Rows(props: {
  rows: Delivery[];
  at: number;
  openId: string | null;
  hasMore: boolean;
  isLoading: boolean;
  onMore: () => void;
  onOpen: (id: string) => void;
}) {
  const { rows, at, openId, hasMore, isLoading, onMore, onOpen } = props;
  const { contract } = useAccount();
  const endpoints = useEndpoints();
  const box = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && !isLoading && last >= rows.length - 20) onMore();
  }, [hasMore, isLoading, last, rows.length, onMore]);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at);
  }, [at, virtual]);
  const urlOf = (id: string) => endpoints.data?.data.find((e) => e.id === id)?.url ?? id;
  const height = Math.min(rows.length * ROW_PX + ROW_PX + 2, 640);
  return (
    <section className="rows" ref={box} style={{ height }} aria-label="Messages" tabIndex={0}>
      <div style={{ height: virtual.getTotalSize() + ROW_PX, position: 'relative', minWidth: 860 }}>
        <div className="line headline" style={{ gridTemplateColumns: COLUMNS }}>
          <span>Status</span>
          <span>{contract.words.trigger}</span>
          <span>{hasTopicChoice(contract) ? contract.words.topic : 'Event id'}</span>
          <span>{contract.words.url}</span>
          <span>Response</span>
          <span>Attempts</span>
          <span>When</span>
        </div>
        {items.map(({ index, start }) => {
          const row = rows[index];
          if (!row) return null;
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the button in the row is for the keyboard
            // biome-ignore lint/a11y/noStaticElementInteractions: see above
            <div
              key={row.id}
              className="line"
              data-on={index === at || row.id === openId}
              style={{ gridTemplateColumns: COLUMNS, position: 'absolute', top: start + ROW_PX, left: 0, right: 0 }}
              onClick={() => onOpen(row.id)}
            >
              <DeliveryStatusView status={row.status} />
              <span>
                <button type="button" className="button plain small" onClick={() => onOpen(row.id)}>
                  {triggerLabel(contract, row.trigger)}
                </button>
                {row.test && <span className="tag">test</span>}
              </span>
              <span className={hasTopicChoice(contract) ? '' : 'mono quiet'}>
                {hasTopicChoice(contract) ? topicLabel(contract, row.topic) : row.event_id}
              </span>
              <span className="mono quiet" title={urlOf(row.endpoint_id)}>
                {urlOf(row.endpoint_id)}
              </span>
              <span className="mono">{row.last_status ?? row.last_error ?? ''}</span>
              <span>{row.attempt_count}</span>
              <span className="quiet">
                <Time at={row.created_at} />
              </span>
            </div>
          );
        })}
      </div>
    </section>
  );
}

/** Counts what has come since the list was read; rows do not jump while somebody reads. */
function useLive(path: string, isOn: boolean, rows: readonly Delivery[]) {
  const queries = useQueryClient();
  const [count, setCount] = useState(0);
  const known = useRef<ReadonlyMap<string, Delivery>>(new Map());
  known.current = new Map(rows.map((row) => [row.id, row]));
  const isTop = useRef(true);
  useEffect(() => {
    const scrolled = () => {
      isTop.current = window.scrollY < 200 && (document.querySelector('.rows')?.scrollTop ?? 0) < 20;
    };
    document.addEventListener('scroll', scrolled, true);
    return () => document.removeEventListener('scroll', scrolled, true);
  }, []);
  useEffect(() => {
    if (!isOn) return;
    const ended = new AbortController();
    const heard = (_: string, data: string) => {
      const newest = JSON.parse(data) as Delivery[];
      const unknown = newest.filter((row) => !known.current.has(row.id)).length;
      const changed = newest.some((row) => {
        const before = known.current.get(row.id);
        return before !== undefined && (before.status !== row.status || before.attempt_count !== row.attempt_count);
      });
      if (unknown > 0 && !isTop.current) setCount(unknown);
      else if (unknown > 0 || changed) {
        setCount(0);
        void queries.invalidateQueries({ queryKey: [path, 'deliveries'] });
      }
    };
    const watch = async () => {
      while (!ended.signal.aborted) {
        await follow(`${path}/deliveries/live`, heard, ended.signal).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 2_000));
      }
    };
    void watch();
    return () => ended.abort();
  }, [path, isOn, queries]);
  return { count, clear: () => setCount(0) };
}

function Filters() {
  const { contract } = useAccount();
  const { params, set } = useUrlState();
  const endpoints = useEndpoints();
  const [text, setText] = useState(params.get('q') ?? '');
  const value = (name: string) => params.get(name) ?? '';
  const local = (name: string) => {
    const at = Date.parse(value(name));
    if (Number.isNaN(at)) return '';
    return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  };
  const setTime = (name: string, given: string) => set({ [name]: given === '' ? null : new Date(given).toISOString() });
  const isFiltered = FILTERS.some((name) => params.get(name) !== null);
  return (
    <search className="toolbar">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          set({ q: text });
        }}
      >
        <input
          type="search"
          aria-label="Search by id, or text in the payload"
          placeholder="Id, or text in the payload"
          value={text}
          onChange={(e) => {
            setText(e.target.value);
            if (e.target.value === '') set({ q: null });
          }}
        />
      </form>
      <select aria-label="Status" value={value('status')} onChange={(e) => set({ status: e.target.value })}>
        <option value="">Every status</option>
        {STATUS_WORDS.map((status) => (
          <option key={status.value} value={status.value}>
            {status.word}
          </option>
        ))}
      </select>
      {!contract.free_triggers && (
        <select
          aria-label={contract.words.trigger}
          value={value('trigger')}
          onChange={(e) => set({ trigger: e.target.value })}
        >
          <option value="">Every {contract.words.trigger.toLowerCase()}</option>
          {contract.triggers.map((trigger) => (
            <option key={trigger.value} value={trigger.value}>
              {trigger.label}
            </option>
          ))}
        </select>
      )}
      {hasTopicChoice(contract) && (
        <select
          aria-label={contract.words.topic}
          value={value('topic')}
          onChange={(e) => set({ topic: e.target.value })}
        >
          <option value="">Every {contract.words.topic.toLowerCase()}</option>
          {contract.topics.map((topic) => (
            <option key={topic.value} value={topic.value}>
              {topic.label}
            </option>
          ))}
        </select>
      )}
      {(endpoints.data?.data.length ?? 0) > 1 && (
        <select
          aria-label={contract.words.endpoint}
          value={value('endpoint')}
          onChange={(e) => set({ endpoint: e.target.value })}
        >
          <option value="">Every {contract.words.endpoint.toLowerCase()}</option>
          {endpoints.data?.data.map((endpoint) => (
            <option key={endpoint.id} value={endpoint.id}>
              {endpoint.url}
            </option>
          ))}
        </select>
      )}
      <input
        type="datetime-local"
        aria-label="From"
        value={local('from')}
        onChange={(e) => setTime('from', e.target.value)}
      />
      <input
        type="datetime-local"
        aria-label="To"
        value={local('to')}
        onChange={(e) => setTime('to', e.target.value)}
      />
      {isFiltered && (
        <button
          type="button"
          className="button plain"
          onClick={() => {
            setText('');
            set(Object.fromEntries(FILTERS.map((name) => [name, null])));
          }}
        >
          Clear
        </button>
      )}
    </search>
  );
}
