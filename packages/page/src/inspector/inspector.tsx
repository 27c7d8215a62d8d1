import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useAccount, useUrlState } from '../account.tsx';
import { get, post } from '../api.ts';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Bin } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Select } from '../ui/field.tsx';
import { Empty, ErrorNote, Skeleton } from '../ui/notes.tsx';
import { useTitle } from '../ui/title.ts';
import { BinView } from './bin-view.tsx';

/** Request bins: an address that shows what it is sent, and answers as one likes. */
export function Inspector() {
  const { path, may } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const { params, set } = useUrlState();
  useTitle(t.nav.inspector);
  const bins = useQuery({ queryKey: [path, 'bins'], queryFn: () => get<{ data: Bin[] }>(`${path}/bins`) });
  const create = useMutation({
    mutationFn: () => post<Bin>(`${path}/bins`),
    onSuccess: () => queries.invalidateQueries({ queryKey: [path, 'bins'] }),
  });
  const button = may('webhooks') && (
    // Not when the section has been left meanwhile.
    <Button
      kind="primary"
      disabled={create.isPending}
      onClick={() => create.mutate(undefined, { onSuccess: (bin) => set({ bin: bin.id }) })}
    >
      <Plus size={16} aria-hidden /> {t.inspector.create}
    </Button>
  );
  const list = bins.data?.data ?? [];
  const open = list.find((bin) => bin.id === params.get('bin')) ?? list[0];
  return (
    <>
      <Head title={t.nav.inspector}>
        {list.length > 1 && open && (
          <Select
            label={t.inspector.bin}
            value={open.id}
            choices={list.map((bin) => ({ value: bin.id, label: bin.url }))}
            onChange={(id) => set({ bin: id, request: null })}
          />
        )}
        {list.length > 0 && button}
      </Head>
      <ErrorNote error={bins.error ?? create.error} />
      {!bins.data && !bins.error && <Skeleton />}
      {bins.data && list.length === 0 && (
        <Empty title={t.inspector.none} text={t.inspector.noneText}>
          {button}
        </Empty>
      )}
      {open && <BinView key={open.id} bin={open} />}
    </>
  );
}
