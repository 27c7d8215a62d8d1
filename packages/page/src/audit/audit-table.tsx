import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { useUrlState } from '../account.tsx';
import { get } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { AuditEntry, Page } from '../types.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Empty, QueryError, Skeleton } from '../ui/notes.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { linesOf, sentenceOf, whoOf } from './audit-words.ts';

const column = columnsOf<AuditEntry>();

/** What an id is called now; undefined where nobody knows. */
type NameOf = (id: string) => string | undefined;
const NAMELESS: NameOf = () => undefined;

/** Who changed what, and when. */
export function AuditTable(props: { path: string; withAccount?: boolean; nameOf?: NameOf }) {
  const { path, withAccount = false, nameOf = NAMELESS } = props;
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const openId = params.get('entry');
  const list = useInfiniteQuery({
    refetchOnWindowFocus: false,
    queryKey: [path],
    queryFn: ({ pageParam }) => get<Page<AuditEntry>>(`${path}?limit=100${pageParam ? `&cursor=${pageParam}` : ''}`),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
  });
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.data) ?? [], [list.data]);
  const columns = useMemo(
    () =>
      column.columns([
        column.accessor((entry) => sentenceOf(entry, t, nameOf), {
          id: 'action',
          header: t.audit.what,
          cell: ({ getValue, row }) => (
            <>
              <span title={getValue()}>{getValue()}</span>
              <span className="phone-only quiet">{whoOf(row.original, t)}</span>
            </>
          ),
        }),
        column.accessor((entry) => whoOf(entry, t), {
          id: 'actor',
          header: t.audit.who,
          meta: { width: '22%', wideOnly: true },
        }),
        ...(withAccount
          ? [column.accessor('account_id', { header: t.console.account, meta: { width: '16%', kind: 'code' } })]
          : []),
        column.accessor('at', {
          header: t.audit.when,
          meta: { width: '116px', phoneWidth: '112px' },
          cell: ({ getValue }) => <Time at={getValue()} />,
        }),
      ]),
    [t, withAccount, nameOf],
  );
  const { hasNextPage: hasMore, isFetchingNextPage: isLoading, isFetchNextPageError: hasFailed, fetchNextPage } = list;
  const load = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  if (!list.data) return list.error ? <QueryError of={list} /> : <Skeleton />;
  if (rows.length === 0) return <Empty title={t.audit.none} text={t.audit.noneText} />;
  const open = rows.find((entry) => entry.id === openId);
  return (
    <>
      <DataTable
        label={t.nav.audit}
        rows={rows}
        columns={columns}
        rowId={(entry) => entry.id}
        openId={openId}
        onOpen={(entry) => set({ entry: entry.id }, openId !== null)}
        more={{ hasMore, isLoading, hasFailed, load }}
      />
      {open && <EntryDrawer key={open.id} entry={open} nameOf={nameOf} onClose={() => set({ entry: null }, true)} />}
    </>
  );
}

function EntryDrawer(props: { entry: AuditEntry; nameOf: NameOf; onClose: () => void }) {
  const { entry, nameOf, onClose } = props;
  const { t, f } = useLanguage();
  const lines = linesOf(entry, t, f);
  const facts: [string, string | null][] = [
    [t.audit.who, entry.user_name],
    [t.audit.through, t.audit.actors[entry.actor] ?? entry.actor],
    [t.audit.when, f.precise(Date.parse(entry.at))],
    [t.console.account, entry.account_id],
    [t.audit.which, entry.target],
  ];
  return (
    <Dialog title={sentenceOf(entry, t, nameOf)} kind="drawer" onClose={onClose}>
      <div className="stack">
        <dl className="pairs">
          {facts.map(
            ([name, value]) =>
              value !== null && (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ),
          )}
        </dl>
        {lines.length > 0 && (
          <section className="stack tight" aria-label={t.audit.details}>
            <h3>{t.audit.details}</h3>
            <dl className="pairs">
              {lines.map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
          </section>
        )}
      </div>
    </Dialog>
  );
}
