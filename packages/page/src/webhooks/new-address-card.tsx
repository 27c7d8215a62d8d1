import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Switch } from 'radix-ui';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Bin, Endpoint } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { Secret } from '../ui/secret.tsx';
import { toast } from '../ui/toasts.tsx';
import { AddressField, useAddressMistake } from './address-field.tsx';
import { useNewSecret } from './new-secret.ts';
import { UrlCheckView } from './url-check.tsx';

/** The settings before there is an endpoint: an address to fill in, the secret that it will have, and a switch that waits. */
export function NewAddressCard(props: { url: string; chosen: ReadonlySet<string>; onDone: () => void }) {
  const { chosen, onDone } = props;
  const { path, contract, may } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const [url, setUrl] = useState(props.url);
  const secret = useNewSecret(may('webhooks') && contract.signature.scheme !== 'none');
  const save = useMutation({
    mutationFn: () =>
      post<Endpoint>(`${path}/endpoints`, {
        url,
        status: 'inactive',
        subscriptions: [...chosen].map((trigger) => ({ trigger })),
        ...(secret === undefined ? {} : { secret }),
      }),
    onSuccess: async () => {
      toast(t.endpoint.savedOff);
      await queries.invalidateQueries({ queryKey: [path, 'endpoints'] });
      onDone();
    },
  });
  const tryOut = useMutation({ mutationFn: () => post<Bin>(`${path}/bins`), onSuccess: (bin) => setUrl(bin.url) });
  const mistake = useAddressMistake(url, save.error);
  return (
    <section className="card" aria-label={contract.words.endpoint}>
      <header>
        <h2>{contract.words.endpoint}</h2>
        <Switch.Root
          className="switch"
          aria-label={t.endpoint.on}
          title={t.endpoint.saveFirst}
          disabled
          checked={false}
        />
      </header>
      <div className="body stack">
        <form
          className="row end"
          onSubmit={(event) => {
            event.preventDefault();
            save.mutate();
          }}
        >
          <AddressField
            url={url}
            mistake={mistake.text}
            hint={t.webhooks.urlHint}
            className="grow"
            onChange={(next) => {
              save.reset();
              setUrl(next);
            }}
          />
          {may('webhooks') && (
            <>
              <Button type="submit" kind="primary" disabled={save.isPending || url === '' || mistake.isWrong}>
                {t.common.save}
              </Button>
              <Button disabled title={t.endpoint.saveFirst}>
                {t.test.send}
              </Button>
            </>
          )}
        </form>
        {may('webhooks') && mistake.text === undefined && <UrlCheckView url={url} />}
        {may('webhooks') && url === '' && (
          <div className="row">
            <span className="quiet">{t.webhooks.noneText}</span>
            <Button size="small" disabled={tryOut.isPending} onClick={() => tryOut.mutate()}>
              {t.webhooks.tryBin}
            </Button>
          </div>
        )}
        {mistake.text === undefined && <ErrorNote error={save.error ?? tryOut.error} />}
        {secret !== undefined && (
          <section className="stack tight" aria-label={contract.words.secret}>
            <h3>{contract.words.secret}</h3>
            <Secret text={secret} />
            <p className="hint">{t.webhooks.newSecretHint(contract.words.endpoint)}</p>
          </section>
        )}
      </div>
    </section>
  );
}
