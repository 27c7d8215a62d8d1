import { useQuery } from '@tanstack/react-query';
import { CheckCircle2, CircleAlert } from 'lucide-react';
import { useMemo } from 'react';
import { get } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { CellFacts } from '../types.ts';
import { Status } from '../ui/status.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';

const LOOK_EVERY_MS = 10_000;
const cell = columnsOf<CellFacts>();

/** The databases that accounts live in; nothing where there is one. */
export function Cells() {
  const { t, f } = useLanguage();
  const cells = useQuery({
    queryKey: ['cells'],
    queryFn: () => get<{ data: CellFacts[] }>('/v1/cells'),
    refetchInterval: LOOK_EVERY_MS,
  });
  const columns = useMemo(
    () =>
      cell.columns([
        cell.accessor('name', {
          header: t.cells.cell,
          cell: ({ row: { original } }) => (
            <>
              {original.name} {original.takes_new_accounts && <span className="tag">{t.cells.newAccounts}</span>}
            </>
          ),
        }),
        cell.accessor('state', {
          header: t.messages.status,
          meta: { width: '150px', phoneWidth: '130px' },
          cell: ({ getValue }) => (
            <Status tone={getValue() === 'up' ? 'good' : 'bad'} icon={getValue() === 'up' ? CheckCircle2 : CircleAlert}>
              {t.cells.states[getValue()]}
            </Status>
          ),
        }),
        cell.accessor('accounts', {
          header: t.console.accounts,
          meta: { width: '120px', kind: 'number', wideOnly: true },
          cell: ({ getValue }) => f.number(getValue() ?? 0),
        }),
        cell.accessor('waiting', {
          header: t.console.waiting,
          meta: { width: '120px', phoneWidth: '90px', kind: 'number' },
          cell: ({ getValue }) => f.number(getValue() ?? 0),
        }),
        cell.accessor('finished_per_s', {
          header: t.console.throughput,
          meta: { width: '120px', kind: 'number', wideOnly: true },
          cell: ({ getValue }) => t.console.perSecond(f.number(getValue() ?? 0)),
        }),
        cell.accessor('size_bytes', {
          header: t.cells.size,
          meta: { width: '110px', kind: 'number', wideOnly: true },
          cell: ({ getValue }) => f.bytes(getValue() ?? 0),
        }),
      ]),
    [t, f],
  );
  const list = cells.data?.data ?? [];
  if (list.length < 2) return null;
  return (
    <div className="stack tight">
      <h2>{t.cells.cells}</h2>
      <DataTable label={t.cells.cells} rows={list} columns={columns} rowId={({ name }) => name} />
    </div>
  );
}
