import { useQueryClient } from '@tanstack/react-query';
import { Switch } from 'radix-ui';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { call } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { toast } from '../ui/toasts.tsx';
import { AddressField, useAddressMistake } from './address-field.tsx';
import { Deactivation } from './deactivation.tsx';
import { useEndpointActions } from './endpoint-actions.ts';
import { EndpointForm } from './endpoint-form.tsx';
import { OwnTest } from './own-test.tsx';
import { SecretView } from './secret-view.tsx';
import { TestResultView, useTest } from './send-test.tsx';
import { UrlCheckView } from './url-check.tsx';

/**
 * Where an account's only endpoint is, whether it is on, its secret, and what else belongs to it. `wished`: another
 * address, which a link has brought; it is saved when somebody does so, and then there is no wish any more.
 */
export function AddressCard(props: { endpoint: Endpoint; wished: string | undefined; onMoved: () => void }) {
  const { endpoint, wished, onMoved } = props;
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const actions = useEndpointActions(endpoint);
  const test = useTest(endpoint);
  /** What has been typed and not been saved. */
  const [typed, setTyped] = useState(wished);
  const url = typed ?? endpoint.url;
  const mistake = useAddressMistake(url, actions.error);
  const [isTesting, setTesting] = useState(false);
  const isActive = endpoint.status === 'active';
  return (
    <section className="card" aria-label={contract.words.endpoint}>
      <header>
        <h2>{contract.words.endpoint}</h2>
        <Switch.Root
          className="switch"
          aria-label={t.endpoint.on}
          disabled={!may('webhooks')}
          checked={isActive}
          onCheckedChange={isActive ? actions.deactivate : actions.activate}
        />
      </header>
      <div className="body stack">
        <Deactivation endpoint={endpoint} />
        {!isActive && endpoint.inactive_reason === 'new' && <p className="note">{t.endpoint.notOnYet}</p>}
        <form
          className="row end"
          onSubmit={(event) => {
            event.preventDefault();
            if (url === endpoint.url) return;
            actions.moveTo(url, () => {
              setTyped(undefined);
              onMoved();
            });
          }}
        >
          <AddressField
            url={url}
            mistake={mistake.text}
            className="grow"
            onChange={(next) => {
              actions.forgetError();
              setTyped(next);
            }}
          />
          {url === endpoint.url ? (
            <Copyable text={endpoint.url} label={t.endpoint.copyUrl} />
          ) : (
            <Button type="submit" kind="primary" disabled={actions.isBusy || url === '' || mistake.isWrong}>
              {t.common.save}
            </Button>
          )}
          {may('webhooks') && (
            <Button disabled={test.isPending} onClick={() => test.mutate(undefined)}>
              {test.isPending ? t.test.sending : t.test.send}
            </Button>
          )}
          {may('webhooks') && <Button onClick={() => setTesting(true)}>{t.test.openOwn}</Button>}
        </form>
        {url !== endpoint.url && mistake.text === undefined && <UrlCheckView url={url} />}
        <ErrorNote error={(mistake.text === undefined ? actions.error : undefined) ?? test.error} />
        {test.data && <TestResultView result={test.data} />}
        <SecretView endpoint={endpoint} />
        <Details endpoint={endpoint} />
        {isTesting && <OwnTest endpoint={endpoint} onClose={() => setTesting(false)} />}
      </div>
    </section>
  );
}

/** What few set, and everybody can see: description and headers; and the way to remove all of it. */
function Details({ endpoint }: { endpoint: Endpoint }) {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const [open, setOpen] = useState<'edit' | 'remove'>();
  const close = () => setOpen(undefined);
  const headers = Object.entries(endpoint.headers);
  return (
    <section className="stack tight" aria-label={t.endpoint.details}>
      <dl className="pairs">
        <div>
          <dt>{t.webhooks.description}</dt>
          <dd>{endpoint.description || <span className="quiet">{t.common.none}</span>}</dd>
        </div>
        <div>
          <dt>{t.webhooks.headers}</dt>
          <dd className="stack tight">
            {headers.length === 0 && <span className="quiet">{t.common.none}</span>}
            {headers.map(([name, value]) => (
              <span className="row nowrap" key={name}>
                <code>{`${name}: ${value}`}</code> <Copyable text={`${name}: ${value}`} label={t.common.copyIt(name)} />
              </span>
            ))}
          </dd>
        </div>
      </dl>
      {may('webhooks') && (
        <div className="row">
          <Button size="small" onClick={() => setOpen('edit')}>
            {t.endpoint.editDetails}
          </Button>
          <Button size="small" kind="plain" onClick={() => setOpen('remove')}>
            {t.endpoint.remove(contract.words.endpoint)}
          </Button>
        </div>
      )}
      {open === 'edit' && <EndpointForm endpoint={endpoint} parts="details" onClose={close} onDone={close} />}
      {open === 'remove' && <RemoveDialog endpoint={endpoint} onClose={close} />}
    </section>
  );
}

/** There is one, and the settings begin anew without it: this asks, and cannot be undone. */
function RemoveDialog({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { path, contract } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const word = contract.words.endpoint;
  return (
    <FormDialog
      title={t.webhooks.deleteTitle(word, endpoint.url)}
      verb={t.common.delete}
      danger
      onClose={onClose}
      submit={async () => {
        await call('DELETE', `${path}/endpoints/${endpoint.id}`);
        toast(t.webhooks.deleted(word, endpoint.url));
        onClose();
        await queries.invalidateQueries({ queryKey: [path, 'endpoints'] });
      }}
    >
      <p>{t.webhooks.deleteText}</p>
    </FormDialog>
  );
}
