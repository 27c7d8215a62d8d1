import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useCallback, useMemo, useState } from 'react';
import { useLocation, useSearchParams } from 'wouter';
import { get, post } from '../api.ts';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Account, ContractSummary, Page } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Check, Field } from '../ui/field.tsx';
import { useKeys } from '../ui/keyboard.ts';
import { Empty, QueryError, Skeleton } from '../ui/notes.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { toast } from '../ui/toasts.tsx';

const column = columnsOf<Account>();

/** Every account, with search; a click opens its page as its people see it. */
export function Accounts() {
  const { t } = useLanguage();
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
  const rows = useMemo(() => accounts.data?.pages.flatMap((page) => page.data) ?? [], [accounts.data]);
  const columns = useMemo(
    () =>
      column.columns([
        column.accessor('name', { header: t.console.name, meta: { width: '32%' } }),
        column.accessor('id', { header: t.console.id, meta: { kind: 'code' } }),
        column.accessor('contract', { header: t.console.contract, meta: { width: '20%', wideOnly: true } }),
        column.accessor('created_at', {
          header: t.common.created,
          meta: { width: '120px', wideOnly: true },
          cell: ({ getValue }) => <Time at={getValue()} />,
        }),
      ]),
    [t],
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
