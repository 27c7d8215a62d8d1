import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { get } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { AuditEntry, Page } from '../types.ts';
import { Empty, ErrorNote, Skeleton } from '../ui/notes.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';

const column = columnsOf<AuditEntry>();

/** Who changed what, and when. */
export function AuditTable({ path, withAccount = false }: { path: string; withAccount?: boolean }) {
  const { t } = useLanguage();
  const list = useInfiniteQuery({
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
          meta: { width: '24%' },
        }),
        column.accessor((entry) => t.audit.actors[entry.actor] ?? entry.actor, {
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
        column.accessor((entry) => JSON.stringify(entry.detail), {
          id: 'detail',
          header: t.audit.details,
          meta: { kind: 'code', wideOnly: true },
          cell: ({ getValue }) => <span title={getValue()}>{getValue()}</span>,
        }),
      ]),
    [t, withAccount],
  );
  const { hasNextPage: hasMore, isFetchingNextPage: isLoading, fetchNextPage } = list;
  const load = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  if (list.error) return <ErrorNote error={list.error} />;
  if (!list.data) return <Skeleton />;
  if (rows.length === 0) return <Empty title={t.audit.none} text={t.audit.noneText} />;
  return (
    <DataTable
      label={t.nav.audit}
      rows={rows}
      columns={columns}
      rowId={(entry) => entry.id}
      more={{ hasMore, isLoading, load }}
    />
  );
}
