import { useQuery } from '@tanstack/react-query';
import { AlertCircle, CheckCircle2 } from 'lucide-react';
import { useMemo } from 'react';
import { useUrlState } from '../account.tsx';
import { get, part } from '../api.ts';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Contract, ContractSummary } from '../types.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { QueryError, Skeleton } from '../ui/notes.tsx';
import { Status } from '../ui/status.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';

const column = columnsOf<ContractSummary>();

/** What each contract promises, and how two of them differ. */
export function Contracts() {
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const contracts = useQuery({
    queryKey: ['contracts'],
    queryFn: () => get<{ data: ContractSummary[] }>('/v1/contracts'),
  });
  const columns = useMemo(
    () =>
      column.columns([
        column.accessor('title', { header: t.console.contract, meta: { width: '24%' } }),
        column.accessor('name', { header: t.console.name, meta: { width: '20%', kind: 'code' } }),
        column.accessor('description', {
          header: t.events.description,
          meta: { wideOnly: true },
          cell: ({ getValue }) => <span title={getValue()}>{getValue()}</span>,
        }),
      ]),
    [t],
  );
  const list = contracts.data?.data;
  const open = params.get('contract');
  return (
    <>
      <Head title={t.console.contracts} />
      <QueryError of={contracts} />
      {!list && !contracts.error && <Skeleton />}
      {list && (
        <div className="stack">
          <DataTable
            label={t.console.contracts}
            rows={list}
            columns={columns}
            rowId={(contract) => contract.name}
            openId={open}
            onOpen={(contract) => set({ contract: contract.name })}
          />
          <Compare names={list.map((contract) => contract.name)} />
        </div>
      )}
      {open !== null && <ContractDrawer key={open} name={open} onClose={() => set({ contract: null })} />}
    </>
  );
}

function ContractDrawer({ name, onClose }: { name: string; onClose: () => void }) {
  const { t, f } = useLanguage();
  const contract = useQuery({
    queryKey: ['contract', name],
    queryFn: () => get<Contract>(`/v1/contracts/${part(name)}`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const { data } = contract;
  const facts: [string, string][] = data
    ? [
        [t.console.events, data.free_triggers ? t.console.anyEvent : f.number(data.triggers.length)],
        [t.console.signatures, data.signatures.join(', ') || t.console.none],
        [t.console.retries, data.policy.retry_delays_ms.map(f.duration).join(', ') || t.console.none],
        [
          t.console.rate,
          data.policy.rate_per_s === null ? t.console.none : t.console.perSecond(f.number(data.policy.rate_per_s)),
        ],
        [
          t.console.autoDisable,
          data.policy.auto_disable === null
            ? t.console.none
            : t.console.failuresInARow(data.policy.auto_disable.failures),
        ],
        [t.console.retention, t.console.days(data.policy.retention_days)],
        [t.console.endpointsMax, f.number(data.limits.endpoints_per_account)],
      ]
    : [];
  return (
    <Dialog title={data?.title ?? name} kind="drawer" onClose={onClose}>
      <QueryError of={contract} />
      {!data && !contract.error && <Skeleton />}
      {data && (
        <div className="stack">
          <p>{data.description}</p>
          <dl className="pairs">
            {facts.map(([fact, value]) => (
              <div key={fact}>
                <dt>{fact}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </div>
      )}
    </Dialog>
  );
}

function Compare({ names }: { names: string[] }) {
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const before = params.get('before') ?? 'standard';
  const after = params.get('after') ?? '';
  const choices = names.map((name) => ({ value: name, label: name }));
  return (
    <section className="card" aria-label={t.console.compare}>
      <header>
        <h2>{t.console.compare}</h2>
      </header>
      <div className="body stack">
        <div className="row">
          <Field label={t.console.before}>
            <Select value={before} choices={choices} onChange={(value) => set({ before: value })} />
          </Field>
          <Field label={t.console.after}>
            <Select
              value={after}
              choices={[{ value: '', label: t.console.chooseOne }, ...choices]}
              onChange={(value) => set({ after: value })}
            />
          </Field>
        </div>
        {after !== '' && <Differences before={before} after={after} />}
      </div>
    </section>
  );
}

interface Change {
  kind: 'breaking' | 'compatible';
  path: string;
  what: string;
}

const changeColumn = columnsOf<Change>();

function Differences({ before, after }: { before: string; after: string }) {
  const { t } = useLanguage();
  const changes = useQuery({
    queryKey: ['diff', before, after],
    queryFn: () => get<{ data: Change[] }>(`/v1/contracts/${part(before)}/diff?to=${part(after)}`),
  });
  const columns = useMemo(
    () =>
      changeColumn.columns([
        changeColumn.accessor('kind', {
          header: t.console.kind,
          meta: { width: '140px' },
          cell: ({ getValue }) =>
            getValue() === 'breaking' ? (
              <Status tone="bad" icon={AlertCircle}>
                {t.console.breaking}
              </Status>
            ) : (
              <Status tone="off" icon={CheckCircle2}>
                {t.console.compatible}
              </Status>
            ),
        }),
        changeColumn.accessor('path', { header: t.console.where, meta: { width: '32%', kind: 'code' } }),
        changeColumn.accessor('what', {
          header: t.audit.what,
          cell: ({ getValue }) => <span title={getValue()}>{getValue()}</span>,
        }),
      ]),
    [t],
  );
  if (changes.error) return <QueryError of={changes} />;
  if (!changes.data) return <Skeleton />;
  if (changes.data.data.length === 0) return <p className="quiet">{t.console.same}</p>;
  return (
    <DataTable
      label={t.console.differences}
      rows={changes.data.data}
      columns={columns}
      rowId={(change) => `${change.path} ${change.what}`}
    />
  );
}
