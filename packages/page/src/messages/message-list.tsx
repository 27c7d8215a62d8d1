import { useQueryClient } from '@tanstack/react-query';
import { RotateCw } from 'lucide-react';
import { type ReactNode, useCallback, useMemo, useState } from 'react';
import { useAccount, useUrlOf, useUrlState } from '../account.tsx';
import { get } from '../api.ts';
import { useVisiblePart } from '../embedding.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Delivery, DeliveryDetail } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Empty, QueryError, Skeleton } from '../ui/notes.tsx';
import { DeliveryStatusView } from '../ui/status.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { UrlText } from '../ui/url-text.tsx';
import { FilterBar } from './filter-bar.tsx';
import { CLEARED, isFiltered, rangeOf, type Tests, testsOf } from './filters.ts';
import { NEWEST, startOver, useLive } from './live.ts';
import { MessageDrawer } from './message-drawer.tsx';
import { ReplayDialog } from './replay-dialog.tsx';
import { keyOf, useCount, useDeliveries } from './use-deliveries.ts';

/** The history with its filters, live, and the message that is open; `between` stands below the filters. */
export function MessageList({ between }: { between?: ReactNode }) {
  const { path, may } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const queries = useQueryClient();
  const { list, tests, isOnlyTests } = useDeliveries();
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.data) ?? [], [list.data]);
  const filtered = isFiltered(params);
  const fresh = useLive(path, !filtered, keyOf(path, params, tests), tests);
  const openId = params.get('message');
  const columns = useColumns();
  // Another filter, another list: nothing that is not seen stays ticked.
  const key = keyOf(path, params, tests).join(' ');
  const [ticked, setTicked] = useState({ key, ids: new Set<string>() as ReadonlySet<string> });
  const chosen = useMemo(
    () => (ticked.key === key ? new Set(rows.map((row) => row.id).filter((id) => ticked.ids.has(id))) : NONE),
    [ticked, key, rows],
  );
  useVisiblePart();
  const { hasNextPage: hasMore, isFetchingNextPage: isLoading, isFetchNextPageError: hasFailed, fetchNextPage } = list;
  const load = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  return (
    <div>
      <FilterBar />
      {between}
      <QueryError of={list} />
      <Summary
        shown={rows.length}
        hasMore={hasMore}
        tests={tests}
        isOnlyTests={isOnlyTests}
        chosen={chosen}
        onClear={() => setTicked({ key, ids: NONE })}
      />
      {fresh.count > 0 && (
        <FreshButton
          count={fresh.count}
          onClick={() => {
            fresh.clear();
            document.querySelector('.rows')?.scrollIntoView({ block: 'start' });
            startOver(queries, keyOf(path, params, tests));
          }}
        />
      )}
      {!list.data && !list.error && <Skeleton rows={8} />}
      {list.data && rows.length === 0 && <Nothing />}
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
          {...(may('webhooks')
            ? {
                selection: {
                  chosen,
                  set: (ids: ReadonlySet<string>) => setTicked({ key, ids: new Set([...ids].slice(0, CHOSEN_MAX)) }),
                  labelOf: (row: Delivery) => t.messages.choose(row.id),
                  labelOfAll: t.messages.chooseAll,
                },
              }
            : {})}
        />
      )}
      {openId !== null && (
        <MessageDrawer key={openId} id={openId} onClose={() => set({ message: null, attempt: null }, true)} />
      )}
    </div>
  );
}

const NONE: ReadonlySet<string> = new Set();
/** So many can be sent again by their ids. */
const CHOSEN_MAX = 1_000;

function FreshButton({ count, onClick }: { count: number; onClick: () => void }) {
  const { t, f } = useLanguage();
  return (
    <div className="fresh">
      <Button size="small" onClick={onClick}>
        {t.messages.fresh(f.number(count) + (count < NEWEST ? '' : '+'))}
      </Button>
    </div>
  );
}

/** How many there are, and what can be done with those that are ticked: always there, so that nothing jumps. */
function Summary(props: {
  shown: number;
  hasMore: boolean;
  tests: Tests;
  isOnlyTests: boolean;
  chosen: ReadonlySet<string>;
  onClear: () => void;
}) {
  const { shown, hasMore, tests, isOnlyTests, chosen, onClear } = props;
  const { t, f } = useLanguage();
  const { params, set } = useUrlState();
  const counted = useCount(hasMore, tests);
  const [isResending, setResending] = useState(false);
  const count = hasMore ? counted && f.number(counted.count) + (counted.is_more ? '+' : '') : f.number(shown);
  const hidesTests = testsOf(params) === 'false' && !isOnlyTests;
  return (
    <div className="row summary" role="status">
      {chosen.size === 0 ? (
        <>
          <span>{count === undefined ? '' : t.messages.count(count)}</span>
          {isOnlyTests ? (
            <span className="quiet">{t.messages.onlyTestsYet}</span>
          ) : (
            <Button kind="plain" size="small" onClick={() => set({ test: hidesTests ? 'all' : null }, true)}>
              {hidesTests ? t.messages.showTests : t.messages.hideTests}
            </Button>
          )}
        </>
      ) : (
        <>
          <span>{t.messages.chosen(f.number(chosen.size))}</span>
          <Button size="small" onClick={() => setResending(true)}>
            <RotateCw size={14} aria-hidden /> {t.messages.resendThese}
          </Button>
          <Button kind="plain" size="small" onClick={onClear}>
            {t.messages.clear}
          </Button>
        </>
      )}
      {isResending && (
        <ReplayDialog
          ids={[...chosen]}
          onClose={() => setResending(false)}
          onDone={() => {
            setResending(false);
            onClear();
          }}
        />
      )}
    </div>
  );
}

/** Nothing that fits, nothing lately, or nothing at all: each with the way on. */
function Nothing() {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const { span } = rangeOf(params);
  if (isFiltered(params)) {
    return (
      <Empty title={t.messages.nothing} text={t.messages.nothingText}>
        <Button onClick={() => set(CLEARED)}>{t.messages.clearAll}</Button>
      </Empty>
    );
  }
  return (
    <Empty title={t.messages.none} text={t.messages.noneText(contract.words.endpoint)}>
      {span !== '30d' && <Button onClick={() => set({ span: '30d' })}>{t.messages.lookFurther}</Button>}
    </Empty>
  );
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
              <span className="phone-only mono quiet">
                <UrlText url={urlOf(row.original.endpoint_id)} />
              </span>
            </>
          ),
        }),
        column.accessor('status', {
          header: t.messages.status,
          meta: { width: '136px', phoneWidth: '124px' },
          cell: ({ row, getValue }) => (
            <>
              <DeliveryStatusView status={getValue()} />
              <span className="phone-only quiet">
                <Time at={row.original.created_at} />
              </span>
            </>
          ),
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
          cell: ({ row }) => <UrlText url={urlOf(row.original.endpoint_id)} />,
        }),
        column.accessor('attempt_count', {
          header: t.messages.attempts,
          meta: { width: '92px', kind: 'number', wideOnly: true },
          cell: ({ getValue }) => f.number(getValue()),
        }),
        column.accessor('created_at', {
          header: t.messages.when,
          meta: { width: '100px', wideOnly: true },
          cell: ({ getValue }) => <Time at={getValue()} />,
        }),
      ]),
    [contract, hasTopicChoice, triggerLabel, topicLabel, urlOf, t, f],
  );
}
