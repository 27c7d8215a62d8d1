import { useMutation } from '@tanstack/react-query';
import { useAccount, useUrlState } from '../account.tsx';
import { post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Bin } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Empty, ErrorNote } from '../ui/notes.tsx';

/** Leads from nothing to a verified delivery. */
export function FirstWebhook({ onCreate }: { onCreate: () => void }) {
  const { path, contract, may } = useAccount();
  const { t } = useLanguage();
  const { set } = useUrlState();
  const tryOut = useMutation({
    mutationFn: () => post<Bin>(`${path}/bins`),
  });
  // Not when the section has been left meanwhile.
  const begin = () => tryOut.mutate(undefined, { onSuccess: (bin) => set({ new: '1', url: bin.url }) });
  const word = contract.words.endpoint;
  return (
    <Empty title={t.webhooks.none(word)} text={t.webhooks.noneText}>
      {may('webhooks') && (
        <div className="row">
          <Button kind="primary" onClick={onCreate}>
            {t.webhooks.create(word)}
          </Button>
          <Button disabled={tryOut.isPending} onClick={begin}>
            {t.webhooks.tryBin}
          </Button>
        </div>
      )}
      <ErrorNote error={tryOut.error} />
    </Empty>
  );
}
