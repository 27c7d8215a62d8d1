import { Tabs } from 'radix-ui';
import { useState } from 'react';
import { useAccount, useUrlState } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { Time } from '../ui/time.tsx';
import { Deactivation } from './deactivation.tsx';
import { useEndpointActions } from './endpoint-actions.ts';
import { EndpointForm } from './endpoint-form.tsx';
import { EndpointStatusView } from './endpoint-status.tsx';
import { Filters } from './filters.tsx';
import { Ordering, ParkedKeys } from './ordering.tsx';
import { OwnTest } from './own-test.tsx';
import { RecentMessages } from './recent-messages.tsx';
import { SecretView } from './secret-view.tsx';
import { TestResultView, useTest } from './send-test.tsx';
import { TestingMode } from './testing-mode.tsx';
import { TlsFacts, useEgress } from './tls-fields.tsx';
import { Transformation } from './transformation.tsx';
import { VerifyHelp } from './verify.tsx';
import { useWebhookName } from './webhook-name.ts';

/** Everything about one webhook: its settings, its secret, a test, help with verifying. */
export function EndpointDrawer({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const actions = useEndpointActions(endpoint);
  const test = useTest(endpoint);
  const isActive = endpoint.status === 'active';
  const [isTesting, setTesting] = useState(false);
  return (
    <Dialog
      title={useWebhookName()(endpoint)}
      kind="drawer"
      onClose={onClose}
      footer={
        may('webhooks') && (
          <>
            <Button disabled={test.isPending} onClick={() => test.mutate(undefined)}>
              {test.isPending ? t.test.sending : t.test.send}
            </Button>
            <Button onClick={() => setTesting(true)}>{t.test.openOwn}</Button>
            <Button onClick={() => set({ endpoint: null, tab: null, new: '1', like: endpoint.id })}>
              {t.common.duplicate}
            </Button>
            <span className="grow" />
            <Button
              {...(isActive ? {} : { kind: 'primary' })}
              disabled={actions.isBusy}
              onClick={isActive ? actions.deactivate : actions.activate}
            >
              {isActive ? t.endpoint.deactivate : t.endpoint.activate}
            </Button>
          </>
        )
      }
    >
      <div className="stack tight">
        <Deactivation endpoint={endpoint} />
        {contract.ownership_proof && endpoint.status === 'inactive' && !endpoint.ownership_proven && (
          <p className="note">{t.endpoint.unproven}</p>
        )}
        <ErrorNote error={actions.error ?? test.error} />
        {test.data && <TestResultView result={test.data} />}
      </div>
      <Tabs.Root value={params.get('tab') ?? 'settings'} onValueChange={(tab) => set({ tab })}>
        <Tabs.List className="tabs" aria-label={contract.words.endpoint}>
          <Tabs.Trigger value="settings">{t.endpoint.settings}</Tabs.Trigger>
          <Tabs.Trigger value="verify">{t.verify.title}</Tabs.Trigger>
        </Tabs.List>
        <Tabs.Content value="settings">
          <div className="stack">
            <Settings endpoint={endpoint} />
            <ParkedKeys endpoint={endpoint} />
            <RecentMessages endpoint={endpoint} />
            <SecretView endpoint={endpoint} />
            {may('webhooks') && <TestingMode endpoint={endpoint} onChange={actions.setTesting} />}
          </div>
        </Tabs.Content>
        <Tabs.Content value="verify">
          <VerifyHelp endpoint={endpoint} />
        </Tabs.Content>
      </Tabs.Root>
      {isTesting && <OwnTest endpoint={endpoint} onClose={() => setTesting(false)} />}
    </Dialog>
  );
}

function Settings({ endpoint }: { endpoint: Endpoint }) {
  const { contract, may, triggerLabel, topicLabel } = useAccount();
  const { t, f } = useLanguage();
  const addresses = useEgress()?.addresses ?? [];
  const [isEditing, setEditing] = useState(false);
  const headers = Object.entries(endpoint.headers);
  return (
    <section className="stack" aria-label={t.endpoint.settings}>
      <div className="row">
        <EndpointStatusView endpoint={endpoint} />
        <span className="grow" />
        {may('webhooks') && (
          <Button size="small" onClick={() => setEditing(true)}>
            {t.common.edit}
          </Button>
        )}
      </div>
      <dl className="pairs">
        <div>
          <dt>{contract.words.url}</dt>
          <dd className="row">
            <code>{endpoint.url}</code> <Copyable text={endpoint.url} label={t.endpoint.copyUrl} />
          </dd>
        </div>
        {endpoint.description !== '' && (
          <div>
            <dt>{t.webhooks.description}</dt>
            <dd>{endpoint.description}</dd>
          </div>
        )}
        <div>
          <dt>{contract.words.trigger}</dt>
          <dd className="row">
            {endpoint.subscriptions.map(({ topic, trigger }) => (
              <span className="tag" key={`${topic} ${trigger}`}>
                {topic !== undefined && topic !== trigger ? `${topicLabel(topic)} · ` : ''}
                {triggerLabel(trigger)}
              </span>
            ))}
            <Filters endpoint={endpoint} />
            <Ordering endpoint={endpoint} />
            <Transformation endpoint={endpoint} />
          </dd>
        </div>
        {endpoint.version !== null && (
          <div>
            <dt>{t.webhooks.version}</dt>
            <dd>{endpoint.version}</dd>
          </div>
        )}
        {endpoint.rate_limit !== null && (
          <div>
            <dt>{t.webhooks.rate}</dt>
            <dd>{f.number(endpoint.rate_limit)}</dd>
          </div>
        )}
        {endpoint.concurrency !== null && (
          <div>
            <dt>{t.webhooks.concurrency}</dt>
            <dd>{f.number(endpoint.concurrency)}</dd>
          </div>
        )}
        {endpoint.thin && (
          <div>
            <dt>{t.webhooks.payload}</dt>
            <dd>{t.webhooks.thin}</dd>
          </div>
        )}
        {endpoint.auth !== null && (
          <div>
            <dt>{t.auth.title}</dt>
            <dd>
              {t.auth.types[endpoint.auth.type]} <code>{endpoint.auth.username ?? endpoint.auth.client_id}</code>
            </dd>
          </div>
        )}
        {endpoint.tls !== null && <TlsFacts tls={endpoint.tls} />}
        {addresses.length > 0 && (
          <div>
            <dt>{t.webhooks.sourceAddresses}</dt>
            <dd>
              <code>{addresses.join(', ')}</code>
            </dd>
          </div>
        )}
        {headers.length > 0 && (
          <div>
            <dt>{t.webhooks.headers}</dt>
            <dd className="stack tight">
              {headers.map(([name, value]) => (
                <code key={name}>{`${name}: ${value}`}</code>
              ))}
            </dd>
          </div>
        )}
        <div>
          <dt>{t.common.created}</dt>
          <dd>
            <Time at={endpoint.created_at} />
          </dd>
        </div>
      </dl>
      {isEditing && (
        <EndpointForm endpoint={endpoint} onClose={() => setEditing(false)} onDone={() => setEditing(false)} />
      )}
    </section>
  );
}
