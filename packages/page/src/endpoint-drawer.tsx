import { useQueryClient } from '@tanstack/react-query';
import { Eye, EyeOff } from 'lucide-react';
import { Switch, Tabs } from 'radix-ui';
import { useState } from 'react';
import { topicLabel, triggerLabel, useAccount, useUrlState } from './account.tsx';
import { call, get, post } from './api.ts';
import { AttemptView } from './attempt-view.tsx';
import { EndpointForm } from './endpoint-form.tsx';
import type { Attempt, Endpoint, Page, Verdict } from './types.ts';
import { Confirm, Copyable, Dialog, duration, EndpointStatusView, ErrorNote, toast } from './ui.tsx';
import { VerifyHelp } from './verify.tsx';

interface TestResult {
  succeeded: boolean;
  attempt: Attempt;
}

/** Everything about one webhook: its settings, its secret, a test, help with verifying. */
export function EndpointDrawer({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { contract } = useAccount();
  const { params, set } = useUrlState();
  return (
    <Dialog title={endpoint.description || new URL(endpoint.url).host} kind="drawer" onClose={onClose}>
      <Tabs.Root value={params.get('tab') ?? 'settings'} onValueChange={(tab) => set({ tab })}>
        <Tabs.List className="tabs" aria-label={contract.words.endpoint}>
          <Tabs.Trigger value="settings">Settings</Tabs.Trigger>
          <Tabs.Trigger value="verify">Verify signatures</Tabs.Trigger>
        </Tabs.List>
        <Tabs.Content value="settings">
          <Settings endpoint={endpoint} />
        </Tabs.Content>
        <Tabs.Content value="verify">
          <VerifyHelp endpoint={endpoint} />
        </Tabs.Content>
      </Tabs.Root>
    </Dialog>
  );
}

function Settings({ endpoint }: { endpoint: Endpoint }) {
  const { path, contract, may } = useAccount();
  const [isEditing, setEditing] = useState(false);
  const actions = useEndpointActions(endpoint);
  const here = `${path}/endpoints/${endpoint.id}`;
  return (
    <div className="stack">
      <div className="row spread">
        <EndpointStatusView endpoint={endpoint} />
        <div className="row">
          {may('webhooks') && (
            <>
              <button type="button" className="button" onClick={() => setEditing(true)}>
                Edit
              </button>
              {endpoint.status === 'active' ? (
                <button type="button" className="button" onClick={() => actions.act('deactivate', 'Deactivated.')}>
                  Deactivate
                </button>
              ) : (
                <button type="button" className="button primary" onClick={() => actions.act('activate', 'Activated.')}>
                  Activate
                </button>
              )}
            </>
          )}
        </div>
      </div>
      <dl className="stack tight" style={{ margin: 0 }}>
        <div>
          <dt className="quiet">{contract.words.url}</dt>
          <dd className="row" style={{ margin: 0 }}>
            <code style={{ overflowWrap: 'anywhere' }}>{endpoint.url}</code>{' '}
            <Copyable text={endpoint.url} label="Copy the URL" />
          </dd>
        </div>
        <div>
          <dt className="quiet">{contract.words.trigger}s</dt>
          <dd style={{ margin: 0 }} className="row">
            {endpoint.subscriptions.map(({ topic, trigger }) => (
              <span className="tag" key={`${topic} ${trigger}`}>
                {topic !== undefined && topic !== trigger ? `${topicLabel(contract, topic)} · ` : ''}
                {triggerLabel(contract, trigger)}
              </span>
            ))}
          </dd>
        </div>
        {endpoint.version !== null && (
          <div>
            <dt className="quiet">API version</dt>
            <dd style={{ margin: 0 }}>{endpoint.version}</dd>
          </div>
        )}
      </dl>
      <SecretView endpoint={endpoint} />
      {may('webhooks') && <TestingMode endpoint={endpoint} onChange={actions.setTesting} />}
      {may('webhooks') && <SendTest endpoint={endpoint} here={here} />}
      <ErrorNote error={actions.error} />
      {isEditing && (
        <EndpointForm endpoint={endpoint} onClose={() => setEditing(false)} onDone={() => setEditing(false)} />
      )}
    </div>
  );
}

export function useEndpointActions(endpoint: Endpoint) {
  const { path } = useAccount();
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const here = `${path}/endpoints/${endpoint.id}`;
  const run = async (work: () => Promise<unknown>, said: string) => {
    setError(undefined);
    try {
      await work();
      await queries.invalidateQueries({ queryKey: [path, 'endpoints'] });
      toast(said);
    } catch (thrown) {
      setError(thrown);
      await queries.invalidateQueries({ queryKey: [path, 'endpoints'] });
    }
  };
  return {
    error,
    act: (verb: 'activate' | 'deactivate', said: string) => void run(() => post(`${here}/${verb}`), said),
    setTesting: (enabled: boolean) =>
      void run(
        () => post(`${here}/testing-mode`, { enabled }),
        enabled ? 'Testing Mode is on.' : 'Testing Mode is off.',
      ),
    /** Shown at once; put right by the answer if the server sees it differently. */
    change: (body: Partial<Endpoint>, said: string) => {
      queries.setQueryData<Page<Endpoint>>([path, 'endpoints'], (before) =>
        before === undefined
          ? before
          : { ...before, data: before.data.map((one) => (one.id === endpoint.id ? { ...one, ...body } : one)) },
      );
      void run(() => call('PATCH', here, body), said);
    },
  };
}

function TestingMode({ endpoint, onChange }: { endpoint: Endpoint; onChange: (enabled: boolean) => void }) {
  const { contract } = useAccount();
  const { duration_ms: total, interval_ms: interval } = contract.policy.testing_mode;
  return (
    <div className="card">
      <div className="body row spread">
        <div>
          <h3 id="testing-mode">Testing Mode</h3>
          <p className="quiet">
            Sends a sample every {duration(interval)} for {Math.round(total / 3_600_000)} hours, and failures do not
            deactivate it.
          </p>
        </div>
        <Switch.Root
          className="switch"
          aria-labelledby="testing-mode"
          checked={endpoint.testing_until !== null}
          onCheckedChange={onChange}
        />
      </div>
    </div>
  );
}

export function SendTest({ endpoint, here }: { endpoint: Endpoint; here: string }) {
  const { path } = useAccount();
  const queries = useQueryClient();
  const [result, setResult] = useState<TestResult>();
  const [verdict, setVerdict] = useState<Verdict>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const send = async () => {
    setBusy(true);
    setError(undefined);
    setResult(undefined);
    try {
      const sent = await post<TestResult>(`${here}/test`);
      const { headers, body } = sent.attempt.request;
      setVerdict(await post<Verdict>(`${here}/verify`, { headers, body }));
      setResult(sent);
      await queries.invalidateQueries({ queryKey: [path, 'deliveries'] });
    } catch (thrown) {
      setError(thrown);
    }
    setBusy(false);
  };
  return (
    <section className="stack tight" aria-label="Send test">
      <div className="row">
        <button type="button" className="button" disabled={busy} onClick={send}>
          {busy ? 'Sending …' : 'Send test'}
        </button>
        <span className="quiet">
          One sample, now{endpoint.status === 'inactive' ? '; works while it is inactive' : ''}.
        </span>
      </div>
      <ErrorNote error={error} />
      {result && (
        <>
          <div className={`note ${result.succeeded ? 'good' : 'bad'}`} role="status">
            {result.succeeded
              ? `Your server answered ${result.attempt.response?.status} in ${duration(result.attempt.duration_ms)}.`
              : `It failed${result.attempt.response ? ` with ${result.attempt.response.status}` : ''} after ${duration(result.attempt.duration_ms)}.`}{' '}
            {verdict?.valid && 'The signature verifies with the secret of this webhook.'}
          </div>
          <AttemptView attempt={result.attempt} />
        </>
      )}
    </section>
  );
}

export function SecretView({ endpoint }: { endpoint: Endpoint }) {
  const { path, contract, may } = useAccount();
  const [secret, setSecret] = useState<string>();
  const [isRotating, setRotating] = useState(false);
  const [overlap, setOverlap] = useState(86_400);
  const [error, setError] = useState<unknown>();
  const here = `${path}/endpoints/${endpoint.id}`;
  if (!may('webhooks')) return null;
  const read = async () => {
    try {
      const answer = await get<{ secret: string }>(`${here}/secret`);
      return answer.secret;
    } catch (thrown) {
      setError(thrown);
      return undefined;
    }
  };
  return (
    <section className="stack tight" aria-label={contract.words.secret}>
      <h3>{contract.words.secret}</h3>
      <div className="row">
        <code data-testid="secret" style={{ overflowWrap: 'anywhere' }}>
          {secret ?? '••••••••••••••••••••••••'}
        </code>
        <button
          type="button"
          className="button small icon"
          aria-label={secret === undefined ? 'Reveal the secret' : 'Hide the secret'}
          onClick={async () => setSecret(secret === undefined ? await read() : undefined)}
        >
          {secret === undefined ? <Eye size={14} aria-hidden /> : <EyeOff size={14} aria-hidden />}
        </button>
        {secret !== undefined && <Copyable text={secret} label="Copy the secret" secret />}
        <button type="button" className="button small" onClick={() => setRotating(true)}>
          Rotate
        </button>
      </div>
      {endpoint.public_key !== null && (
        <p className="quiet">
          Public key: <code>{endpoint.public_key}</code>
        </p>
      )}
      <p className="hint">Your server verifies with it that requests come from here.</p>
      <ErrorNote error={error} />
      {isRotating && (
        <Confirm
          title="Rotate the secret?"
          text={
            contract.signature_overlap
              ? 'You get a new secret. For a while requests carry a signature of each, so you can change over without a gap.'
              : 'You get a new secret, and from now on requests are signed with it alone: change your server at the same time.'
          }
          verb="Rotate"
          onClose={() => setRotating(false)}
          onConfirm={async () => {
            const body = { overlap_seconds: overlap };
            setSecret((await post<{ secret: string }>(`${here}/rotate-secret`, body)).secret);
          }}
        >
          {contract.signature_overlap && (
            <label className="field">
              <span>The secret before signs too</span>
              <select value={overlap} onChange={(e) => setOverlap(Number(e.target.value))}>
                <option value={0}>Not any more</option>
                <option value={3_600}>For an hour</option>
                <option value={86_400}>For a day</option>
                <option value={604_800}>For a week</option>
              </select>
            </label>
          )}
        </Confirm>
      )}
    </section>
  );
}
