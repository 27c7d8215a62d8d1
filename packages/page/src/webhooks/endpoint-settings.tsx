import { Switch } from 'radix-ui';
import { useState } from 'react';
import { useAccount, useEndpoints, useUrlState } from '../account.tsx';
import { matchesTrigger } from '../events/getters.ts';
import { MessageList } from '../messages/message-list.tsx';
import { Replays } from '../messages/replays.tsx';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Check, Field } from '../ui/field.tsx';
import { ErrorNote, QueryError, Skeleton } from '../ui/notes.tsx';
import { useTitle } from '../ui/title.ts';
import { useEndpointActions } from './endpoint-actions.ts';
import { urlMistake } from './endpoint-draft.ts';
import { EndpointForm } from './endpoint-form.tsx';
import { EndpointStatusView } from './endpoint-status.tsx';
import { FirstWebhook } from './first-webhook.tsx';
import { SecretView } from './secret-view.tsx';
import { TestResultView, useTest } from './send-test.tsx';
import { VerifyHelp } from './verify.tsx';

/** The settings of contracts with one endpoint per account: URL, on or off, secret, toggles, and messages below. */
export function EndpointSettings() {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const endpoints = useEndpoints();
  const { params, set } = useUrlState();
  const endpoint = endpoints.data?.data[0];
  useTitle(t.nav.webhooks);
  const close = () => set({ new: null, url: null });
  return (
    <>
      <Head title={t.nav.webhooks} about={endpoint && <EndpointStatusView endpoint={endpoint} />} />
      <QueryError of={endpoints} />
      {!endpoints.data && !endpoints.error && <Skeleton />}
      {endpoints.data && !endpoint && <FirstWebhook onCreate={() => set({ new: '1' })} />}
      {endpoint && (
        <div className="stack">
          <AddressCard key={endpoint.id} endpoint={endpoint} />
          <Toggles endpoint={endpoint} />
          <details className="card">
            <summary>{t.verify.title}</summary>
            <div className="body">
              <VerifyHelp endpoint={endpoint} />
            </div>
          </details>
          <div className="row">
            <h2>{t.messages.title}</h2>
            <span className="grow" />
            <Replays />
          </div>
          <p className="quiet">{t.messages.kept(contract.policy.retention_days)}</p>
          <MessageList />
        </div>
      )}
      {params.get('new') !== null && may('webhooks') && (
        <EndpointForm url={params.get('url') ?? ''} onClose={close} onDone={close} />
      )}
    </>
  );
}

function AddressCard({ endpoint }: { endpoint: Endpoint }) {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const actions = useEndpointActions(endpoint);
  const test = useTest(endpoint);
  /** What has been typed and not been saved. */
  const [typed, setTyped] = useState<string>();
  const url = typed ?? endpoint.url;
  const mistake = urlMistake(url, contract);
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
        <form
          className="row end"
          onSubmit={(event) => {
            event.preventDefault();
            if (url !== endpoint.url) actions.moveTo(url, () => setTyped(undefined));
          }}
        >
          <Field
            label={contract.words.url}
            className="grow"
            error={mistake === undefined ? undefined : t.webhooks.urlMistakes[mistake]}
          >
            <input
              type="url"
              required
              value={url}
              disabled={!may('webhooks')}
              aria-invalid={mistake !== undefined}
              onChange={(event) => setTyped(event.target.value.trim())}
            />
          </Field>
          {url !== endpoint.url && (
            <Button type="submit" kind="primary" disabled={actions.isBusy || url === '' || mistake !== undefined}>
              {t.common.save}
            </Button>
          )}
          {may('webhooks') && (
            <Button disabled={test.isPending} onClick={() => test.mutate()}>
              {test.isPending ? t.test.sending : t.test.send}
            </Button>
          )}
        </form>
        <ErrorNote error={actions.error ?? test.error} />
        {test.data && <TestResultView result={test.data} />}
        <SecretView endpoint={endpoint} />
      </div>
    </section>
  );
}

/** A toggle for each group; its name opens the single events. */
function Toggles({ endpoint }: { endpoint: Endpoint }) {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const actions = useEndpointActions(endpoint);
  // A pattern like `email.*` can be subscribed by the API: it is every event that it matches.
  const on = new Set(
    contract.triggers
      .map(({ value }) => value)
      .filter((trigger) => endpoint.subscriptions.some((one) => matchesTrigger(one.trigger, trigger))),
  );
  const toggle = (triggers: readonly string[], isOn: boolean) => {
    const next = new Set(on);
    for (const trigger of triggers) {
      if (isOn) next.add(trigger);
      else next.delete(trigger);
    }
    actions.subscribe([...next].map((trigger) => ({ trigger })));
  };
  return (
    <section className="card" aria-label={t.nav.events}>
      <header>
        <h2>{t.nav.events}</h2>
        <span className="quiet">{t.endpoint.eventsOn(on.size)}</span>
      </header>
      <div className="body stack">
        {contract.groups.map((group) => {
          const count = group.triggers.filter((trigger) => on.has(trigger)).length;
          const isAll = count === group.triggers.length;
          // An endpoint always has an event: the last one cannot be turned off.
          const isLast = isAll && on.size === count;
          return (
            <div className="row top nowrap" key={group.value}>
              <Switch.Root
                className="switch"
                aria-label={t.endpoint.allOf(group.label)}
                checked={isAll}
                disabled={!may('webhooks') || isLast}
                onCheckedChange={(checked) => toggle(group.triggers, checked)}
              />
              <details className="grow">
                <summary>
                  {group.label} <span className="quiet">{t.common.countOf(count, group.triggers.length)}</span>
                </summary>
                {group.triggers.map((trigger) => (
                  <Check
                    key={trigger}
                    label={<code>{trigger}</code>}
                    about={contract.triggers.find((one) => one.value === trigger)?.description}
                    checked={on.has(trigger)}
                    disabled={!may('webhooks') || (on.size === 1 && on.has(trigger))}
                    onChange={(checked) => toggle([trigger], checked)}
                  />
                ))}
              </details>
            </div>
          );
        })}
        <ErrorNote error={actions.error} />
      </div>
    </section>
  );
}
