import { keepPreviousData, type UseQueryResult, useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query';
import { AlertCircle, CheckCircle2, Plus, RotateCw } from 'lucide-react';
import { useCallback, useMemo, useState } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import { get, post } from '../api.ts';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Account, AccountDay, ContractSummary, Overview, Page } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Check, Field } from '../ui/field.tsx';
import { useKeys } from '../ui/keyboard.ts';
import { Empty, QueryError, Skeleton } from '../ui/notes.tsx';
import { Status } from '../ui/status.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { toast } from '../ui/toasts.tsx';

/** An account with how it is doing; that comes a little later. */
interface Row extends Account {
  day: AccountDay | undefined;
}

const column = columnsOf<Row>();
/** So many are asked for at a time: pages of accounts are as long. */
const STATS_AT_ONCE = 100;

/** Every account, with search; a click opens its page as its people see it. */
export function Accounts() {
  const { t, f } = useLanguage();
  const [, navigate] = useLocation();
  const [params, setParams] = useSearchParams();
  const search = params.get('q') ?? '';
  const [isNew, setNew] = useState(false);
  const accounts = useInfiniteQuery({
    refetchOnWindowFocus: false,
    queryKey: ['accounts', search],
    queryFn: ({ pageParam }) => {
      const query = new URLSearchParams({ limit: '100' });
      if (search !== '') query.set('q', search);
      if (pageParam) query.set('cursor', pageParam);
      return get<Page<Account>>(`/v1/accounts?${query}`);
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: (before) => before,
  });
  const list = useMemo(() => accounts.data?.pages.flatMap((page) => page.data) ?? [], [accounts.data]);
  const days = useDays(list);
  const rows = useMemo(() => list.map((account): Row => ({ ...account, day: days.get(account.id) })), [list, days]);
  const columns = useMemo(
    () =>
      column.columns([
        column.accessor('name', { header: t.console.name, meta: { width: '22%' } }),
        column.accessor('id', { header: t.console.id, meta: { kind: 'code', wideOnly: true } }),
        column.accessor('contract', { header: t.console.contract, meta: { width: '14%', wideOnly: true } }),
        column.display({
          id: 'health',
          header: t.console.health,
          meta: { width: '172px', phoneWidth: '140px' },
          cell: ({ row }) => <AccountHealth day={row.original.day} />,
        }),
        column.display({
          id: 'volume',
          header: t.webhooks.day,
          meta: { width: '148px', kind: 'number', wideOnly: true },
          cell: ({ row: { original } }) => original.day && f.number(original.day.succeeded + original.day.discarded),
        }),
        column.display({
          id: 'last',
          header: t.webhooks.lastMessage,
          meta: { width: '116px', wideOnly: true },
          cell: ({ row: { original } }) => original.day && <Time at={original.day.last_delivery_at} />,
        }),
      ]),
    [t, f],
  );
  const {
    hasNextPage: hasMore,
    isFetchingNextPage: isLoading,
    isFetchNextPageError: hasFailed,
    fetchNextPage,
  } = accounts;
  const load = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  useKeys({ '/': () => document.querySelector<HTMLInputElement>('input[type="search"]')?.focus() });
  const create = () => setNew(true);
  return (
    <>
      <Head title={t.console.accounts}>
        <Button kind="primary" onClick={create}>
          <Plus size={16} aria-hidden /> {t.console.createAccount}
        </Button>
      </Head>
      <search className="toolbar">
        <input
          type="search"
          aria-label={t.console.search}
          placeholder={t.console.searchHint}
          value={search}
          onChange={(event) => setParams(event.target.value === '' ? {} : { q: event.target.value }, { replace: true })}
        />
      </search>
      {search === '' && <Attention />}
      <QueryError of={accounts} />
      {!accounts.data && !accounts.error && <Skeleton />}
      {accounts.data && rows.length === 0 && search !== '' && (
        <Empty title={t.console.noneFound} text={t.console.noneFoundText} />
      )}
      {accounts.data && rows.length === 0 && search === '' && (
        <Empty title={t.console.welcome} text={t.console.welcomeText}>
          <Button kind="primary" onClick={create}>
            {t.console.createFirst}
          </Button>
        </Empty>
      )}
      {rows.length > 0 && (
        <DataTable
          label={t.console.accounts}
          rows={rows}
          columns={columns}
          rowId={(account) => account.id}
          onOpen={(account) => navigate(`/accounts/${account.id}`)}
          more={{ hasMore, isLoading, hasFailed, load }}
        />
      )}
      {isNew && <NewAccount onClose={() => setNew(false)} onDone={(id) => navigate(`/accounts/${id}`)} />}
    </>
  );
}

function useDays(accounts: readonly Account[]): ReadonlyMap<string, AccountDay> {
  const chunks = useMemo(() => {
    const ids = accounts.map((account) => account.id);
    return Array.from({ length: Math.ceil(ids.length / STATS_AT_ONCE) }, (_, i) =>
      ids.slice(i * STATS_AT_ONCE, (i + 1) * STATS_AT_ONCE).join(','),
    );
  }, [accounts]);
  return useQueries({
    queries: chunks.map((ids) => ({
      queryKey: ['account-stats', ids],
      queryFn: () => get<{ data: AccountDay[] }>(`/v1/account-stats?accounts=${encodeURIComponent(ids)}`),
      refetchInterval: 15_000,
      placeholderData: keepPreviousData,
    })),
    combine: daysOf,
  });
}

/** Outside of the component: the same function each time, so that the map stays the same while nothing changes. */
function daysOf(results: UseQueryResult<{ data: AccountDay[] }>[]): ReadonlyMap<string, AccountDay> {
  return new Map(results.flatMap(({ data }) => data?.data ?? []).map((day) => [day.account_id, day]));
}

function AccountHealth({ day }: { day: AccountDay | undefined }) {
  const { t } = useLanguage();
  if (!day) return null;
  if (day.switched_off > 0) {
    return (
      <Status tone="bad" icon={AlertCircle}>
        {t.console.switchedOff(day.switched_off)}
      </Status>
    );
  }
  if (day.failing > 0) {
    return (
      <Status tone="wait" icon={RotateCw}>
        {t.console.failingCount(day.failing)}
      </Status>
    );
  }
  if (day.endpoints === 0) return <span className="quiet">{t.console.noWebhooks}</span>;
  return (
    <Status tone="good" icon={CheckCircle2}>
      {t.console.healthy}
    </Status>
  );
}

/** Accounts whose endpoints fail or were switched off stand first, however far down the list they are. */
function Attention() {
  const { t } = useLanguage();
  const overview = useQuery({
    queryKey: ['overview'],
    queryFn: () => get<Overview>('/v1/overview'),
    refetchInterval: 15_000,
  });
  const counts = new Map<string, { name: string; off: number; failing: number }>();
  for (const { account_id: id, account_name: name, status } of overview.data?.failing ?? []) {
    const count = counts.get(id) ?? { name, off: 0, failing: 0 };
    if (status === 'active') count.failing++;
    else count.off++;
    counts.set(id, count);
  }
  if (counts.size === 0) return null;
  const sorted = [...counts].sort(([, a], [, b]) => b.off - a.off || b.failing - a.failing);
  return (
    <section className="note wait attention" aria-label={t.console.attention}>
      <strong>{t.console.attention}</strong>
      {sorted.slice(0, ATTENTION_MAX).map(([id, { name, off, failing }]) => (
        <Link key={id} href={`/accounts/${id}`}>
          {`${name || id}: ${[off > 0 ? t.console.switchedOff(off) : '', failing > 0 ? t.console.failingCount(failing) : ''].filter(Boolean).join(', ')}`}
        </Link>
      ))}
      {sorted.length > ATTENTION_MAX && <Link href="/health">{t.console.andMore(sorted.length - ATTENTION_MAX)}</Link>}
    </section>
  );
}

const ATTENTION_MAX = 6;

function NewAccount({ onClose, onDone }: { onClose: () => void; onDone: (id: string) => void }) {
  const { t } = useLanguage();
  const contracts = useQuery({
    queryKey: ['contracts'],
    queryFn: () => get<{ data: ContractSummary[] }>('/v1/contracts'),
  });
  const [name, setName] = useState('');
  const [contract, setContract] = useState('standard');
  return (
    <FormDialog
      title={t.console.createAccount}
      verb={t.console.create}
      onClose={onClose}
      submit={async () => {
        const account = await post<Account>('/v1/accounts', { name, contract });
        toast(t.console.created);
        onDone(account.id);
      }}
    >
      <Field label={t.console.name} hint={t.console.nameHint}>
        <input type="text" required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
      <fieldset>
        <legend className="legend">{t.console.contract}</legend>
        {contracts.data?.data.map((one) => (
          <Check
            key={one.name}
            type="radio"
            name="contract"
            label={one.title}
            about={one.description}
            checked={contract === one.name}
            onChange={() => setContract(one.name)}
          />
        ))}
      </fieldset>
      <QueryError of={contracts} />
    </FormDialog>
  );
}
