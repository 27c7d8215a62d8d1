import { Switch } from 'radix-ui';
import { useEffect, useState } from 'react';
import { useAccount, useEndpoints, useUrlState } from './account.tsx';
import { SecretView, SendTest, useEndpointActions } from './endpoint-drawer.tsx';
import { EndpointForm } from './endpoint-form.tsx';
import { MessageList } from './messages.tsx';
import type { Endpoint } from './types.ts';
import { EndpointStatusView, ErrorNote, Skeleton } from './ui.tsx';
import { VerifyHelp } from './verify.tsx';
import { FirstWebhook } from './webhooks.tsx';

/** The settings of contracts with one endpoint per account: URL, on or off, secret, toggles, and messages below. */
export function LoopsSettings() {
  const { contract } = useAccount();
  const endpoints = useEndpoints();
  const { params, set } = useUrlState();
  const endpoint = endpoints.data?.data[0];
  useEffect(() => {
    document.title = 'Webhooks';
  }, []);
  return (
    <>
      <div className="head">
        <h1>Webhooks</h1>
        {endpoint && <EndpointStatusView endpoint={endpoint} />}
      </div>
      <ErrorNote error={endpoints.error} />
      {!endpoints.data && !endpoints.error && <Skeleton />}
      {endpoints.data && !endpoint && <FirstWebhook onCreate={() => set({ new: '1' })} />}
      {endpoint && (
        <div className="stack">
          <EndpointSettings endpoint={endpoint} />
          <Toggles endpoint={endpoint} />
          <details className="card">
            <summary style={{ padding: '12px 16px' }}>Verify requests</summary>
            <div className="body">
              <VerifyHelp endpoint={endpoint} />
            </div>
          </details>
          <h2>Messages</h2>
          <p className="quiet">
            What was sent in the last {contract.policy.retention_days} days. Click one to see your server's response.
          </p>
          <MessageList />
        </div>
      )}
      {params.get('new') !== null && (
        <EndpointForm
          onClose={() => set({ new: null, url: null })}
          {...(params.get('url') === null ? {} : { url: params.get('url') ?? '' })}
          onDone={() => set({ new: null, url: null })}
        />
      )}
    </>
  );
}

function EndpointSettings({ endpoint }: { endpoint: Endpoint }) {
  const { path, contract, may } = useAccount();
  const actions = useEndpointActions(endpoint);
  const [url, setUrl] = useState(endpoint.url);
  return (
    <section className="card" aria-label={contract.words.endpoint}>
      <header>
        <h2 id="endpoint-title">{contract.words.endpoint}</h2>
        <Switch.Root
          className="switch"
          aria-label={endpoint.status === 'active' ? 'Turn the endpoint off' : 'Turn the endpoint on'}
          disabled={!may('webhooks')}
          checked={endpoint.status === 'active'}
          onCheckedChange={(on) =>
            actions.act(on ? 'activate' : 'deactivate', on ? 'The endpoint is on.' : 'The endpoint is off.')
          }
        />
      </header>
      <div className="body stack">
        <div className="row">
          <label className="field" style={{ flex: 1 }}>
            <span>{contract.words.url}</span>
            <input type="url" value={url} disabled={!may('webhooks')} onChange={(e) => setUrl(e.target.value)} />
          </label>
          {url !== endpoint.url && (
            <button
              type="button"
              className="button primary"
              style={{ alignSelf: 'end' }}
              onClick={() => actions.change({ url }, 'Saved.')}
            >
              Save
            </button>
          )}
        </div>
        <SecretView endpoint={endpoint} />
        {may('webhooks') && <SendTest endpoint={endpoint} here={`${path}/endpoints/${endpoint.id}`} />}
        <ErrorNote error={actions.error} />
      </div>
    </section>
  );
}

/** A toggle for each group; click its name for the single events. */
function Toggles({ endpoint }: { endpoint: Endpoint }) {
  const { contract, may } = useAccount();
  const actions = useEndpointActions(endpoint);
  const on = new Set(endpoint.subscriptions.map((s) => s.trigger));
  const toggle = (triggers: readonly string[], isOn: boolean) => {
    const next = new Set(on);
    for (const trigger of triggers) {
      if (isOn) next.add(trigger);
      else next.delete(trigger);
    }
    if (next.size > 0) actions.change({ subscriptions: [...next].map((trigger) => ({ trigger })) }, 'Saved.');
  };
  return (
    <section className="card" aria-label="Events">
      <header>
        <h2>Events</h2>
        <span className="quiet">{on.size} on</span>
      </header>
      <div className="body stack">
        {contract.groups.map((group) => {
          const count = group.triggers.filter((trigger) => on.has(trigger)).length;
          const isAll = count === group.triggers.length;
          const isLast = on.size === count;
          return (
            <div className="row" key={group.value} style={{ alignItems: 'flex-start' }}>
              <Switch.Root
                className="switch"
                aria-label={`All of ${group.label}`}
                checked={isAll}
                disabled={!may('webhooks') || (isAll && isLast)}
                onCheckedChange={(checked) => toggle(group.triggers, checked)}
              />
              <details style={{ flex: 1 }}>
                <summary>
                  {group.label} <span className="quiet">{`${count} of ${group.triggers.length}`}</span>
                </summary>
                {group.triggers.map((trigger) => (
                  <label className="check" key={trigger}>
                    <input
                      type="checkbox"
                      checked={on.has(trigger)}
                      disabled={!may('webhooks') || (on.size === 1 && on.has(trigger))}
                      onChange={(e) => toggle([trigger], e.target.checked)}
                    />
                    <span>
                      <code>{trigger}</code>
                      <br />
                      <small className="quiet">{contract.triggers.find((t) => t.value === trigger)?.description}</small>
                    </span>
                  </label>
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
