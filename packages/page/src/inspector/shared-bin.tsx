import { useQuery } from '@tanstack/react-query';
import { Mailbox } from 'lucide-react';
import { useMemo } from 'react';
import { AccountProvider } from '../account.tsx';
import { get, part } from '../api.ts';
import { Head, LoadingShell, Shell } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Bin, Contract } from '../types.ts';
import { QueryError } from '../ui/notes.tsx';
import { BinView } from './bin-view.tsx';

/** A bin that somebody shared: to be read, and nothing else. */
export function SharedBin({ account, id }: { account: { id: string; name: string; contract: string }; id: string }) {
  const { t } = useLanguage();
  const contract = useQuery({
    queryKey: ['contract', account.contract],
    queryFn: () => get<Contract>(`/v1/contracts/${account.contract}`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const bin = useQuery({
    queryKey: ['shared', id],
    queryFn: () => get<Bin>(`/v1/accounts/${part(account.id)}/bins/${part(id)}`),
  });
  const context = useMemo(
    () => contract.data && { id: account.id, name: account.name, contract: contract.data, permissions: [] },
    [account, contract.data],
  );
  if (bin.error && !bin.data) return <QueryError of={bin} />;
  if (!context || !bin.data) return <LoadingShell />;
  return (
    <AccountProvider value={context}>
      <Shell brand={account.name} sections={[{ path: '/', title: t.nav.inspector, icon: Mailbox }]}>
        <Head title={t.nav.inspector} about={<span className="tag">{t.inspector.shared}</span>} />
        <BinView bin={bin.data} />
      </Shell>
    </AccountProvider>
  );
}
