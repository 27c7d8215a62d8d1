import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { useUrlState } from '../account.tsx';
import { get } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { AuditEntry, Page } from '../types.ts';
import { Code } from '../ui/code.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Empty, QueryError, Skeleton } from '../ui/notes.tsx';
import { prettyJson } from '../ui/pretty-json.ts';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';

const column = columnsOf<AuditEntry>();

/** `status: active, url: https://…` */
function summaryOf(detail: Record<string, unknown>): string {
  const text = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
  return Object.entries(detail)
    .map(([name, value]) => `${name}: ${text(value)}`)
    .join(', ');
}

/** Who changed what, and when. */
export function AuditTable({ path, withAccount = false }: { path: string; withAccount?: boolean }) {
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
        column.accessor((entry) => t.audit.actions[entry.action] ?? entry.action, {
          id: 'action',
          header: t.audit.what,
          meta: { width: '22%', phoneWidth: '50%' },
        }),
        column.accessor((entry) => entry.user_name ?? t.audit.actors[entry.actor] ?? entry.actor, {
          id: 'actor',
          header: t.audit.who,
          meta: { width: '15%', phoneWidth: '88px' },
        }),
        ...(withAccount
          ? [column.accessor('account_id', { header: t.console.account, meta: { width: '16%', kind: 'code' } })]
          : []),
        column.accessor('at', {
          header: t.audit.when,
          meta: { width: '100px', phoneWidth: '84px' },
          cell: ({ getValue }) => <Time at={getValue()} />,
        }),
        column.accessor('target', { header: t.audit.which, meta: { width: '18%', kind: 'code', wideOnly: true } }),
        column.accessor((entry) => summaryOf(entry.detail), {
          id: 'detail',
          header: t.audit.details,
          meta: { kind: 'code', wideOnly: true },
        }),
      ]),
    [t, withAccount],
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
      {open && <EntryDrawer key={open.id} entry={open} onClose={() => set({ entry: null }, true)} />}
    </>
  );
}

function EntryDrawer({ entry, onClose }: { entry: AuditEntry; onClose: () => void }) {
  const { t, f } = useLanguage();
  const facts: [string, string | null][] = [
    [t.audit.who, entry.user_name],
    [t.audit.through, t.audit.actors[entry.actor] ?? entry.actor],
    [t.audit.when, f.exact(Date.parse(entry.at))],
    [t.console.account, entry.account_id],
    [t.audit.which, entry.target],
  ];
  return (
    <Dialog title={t.audit.actions[entry.action] ?? entry.action} kind="drawer" onClose={onClose}>
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
        {Object.keys(entry.detail).length > 0 && (
          <Code label={t.audit.details} text={prettyJson(JSON.stringify(entry.detail))} />
        )}
      </div>
    </Dialog>
  );
}
