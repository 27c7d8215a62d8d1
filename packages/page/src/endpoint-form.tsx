import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { hasTopicChoice, useAccount } from './account.tsx';
import { ApiError, call, post } from './api.ts';
import type { Contract, Endpoint } from './types.ts';
import { Dialog, ErrorNote, prettyJson, toast } from './ui.tsx';

/** What would be wrong with this URL, as far as the page can tell while it is typed. */
function urlMistake(url: string, contract: Contract): string | undefined {
  if (url === '') return undefined;
  if (!URL.canParse(url)) return 'Write the whole address, as https://example.com/webhooks';
  const { protocol, username, pathname } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:') return 'Webhooks go to https or http.';
  if (contract.limits.https_only && protocol !== 'https:' && !pathname.startsWith('/bin/'))
    return 'Only https is allowed here.';
  return username === '' ? undefined : 'No user name or password in the address: use a header instead.';
}

/** Why a pair of topic and trigger would send nothing, if so. */
function pairMistake(contract: Contract, topic: string, trigger: string): string | undefined {
  const is = (pair: { topic: string | null; trigger: string }) => pair.topic === topic && pair.trigger === trigger;
  if (contract.pairs.some(is)) return undefined;
  if (contract.empty_pairs.some(is)) return 'This combination yields no payload: nothing will ever be sent.';
  return contract.other_pairs === 'possible'
    ? 'This combination is unusual: something is sent only when the event carries this response.'
    : 'This combination does not exist.';
}

/** "Create webhook", and the same fields when one is edited. */
export function EndpointForm(props: {
  endpoint?: Endpoint;
  url?: string;
  onClose: () => void;
  onDone: (id: string) => void;
}) {
  const { endpoint, onClose, onDone } = props;
  const { path, contract } = useAccount();
  const queries = useQueryClient();
  const first = endpoint?.subscriptions[0];
  const [triggers, setTriggers] = useState<string[]>(
    endpoint?.subscriptions.map((s) => s.trigger) ?? [contract.triggers[0]?.value ?? '*'],
  );
  const [topic, setTopic] = useState(first?.topic ?? contract.pairs[0]?.topic ?? '');
  const [url, setUrl] = useState(props.url ?? endpoint?.url ?? '');
  const [description, setDescription] = useState(endpoint?.description ?? '');
  const [headers, setHeaders] = useState(
    Object.entries(endpoint?.headers ?? {})
      .map(([n, v]) => `${n}: ${v}`)
      .join('\n'),
  );
  const [version, setVersion] = useState(endpoint?.version ?? contract.versions?.default ?? '');
  const [rate, setRate] = useState(endpoint?.rate_limit?.toString() ?? '');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const trigger = triggers[0] ?? '';
  const withTopics = hasTopicChoice(contract);
  const mistake = urlMistake(url, contract);
  const warning = withTopics ? pairMistake(contract, topic, trigger) : undefined;
  const sample = contract.pairs.find(
    (pair) => pair.trigger === trigger && (!withTopics || pair.topic === topic),
  )?.sample;

  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const body = {
      url,
      description,
      subscriptions: withTopics ? [{ topic, trigger }] : triggers.map((value) => ({ trigger: value })),
      headers: Object.fromEntries(
        headers
          .split('\n')
          .filter((line) => line.includes(':'))
          .map((line) => [line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()]),
      ),
      ...(contract.versions ? { version } : {}),
      ...(contract.limits.own_rate_limit ? { rate_limit: rate === '' ? null : Number(rate) } : {}),
    };
    try {
      const saved = endpoint
        ? await call<Endpoint>('PATCH', `${path}/endpoints/${endpoint.id}`, body)
        : await post<Endpoint>(`${path}/endpoints`, body);
      await queries.invalidateQueries({ queryKey: [path, 'endpoints'] });
      toast(endpoint ? 'Saved.' : `${contract.words.endpoint} created.`);
      onDone(saved.id);
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };

  const word = contract.words.endpoint.toLowerCase();
  return (
    <Dialog
      title={endpoint ? `Edit ${word}` : `Create ${word}`}
      onClose={onClose}
      wide
      footer={
        <>
          <span className="grow" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            form="endpoint-form"
            className="button primary"
            disabled={busy || url === '' || mistake !== undefined}
          >
            {endpoint ? 'Save' : 'Add'}
          </button>
        </>
      }
    >
      <form id="endpoint-form" className="stack" onSubmit={save}>
        <div className={withTopics ? 'two' : 'stack'}>
          {contract.free_triggers ? (
            <label className="field">
              <span>{contract.words.trigger}</span>
              <input
                type="text"
                value={triggers.join(', ')}
                onChange={(e) => setTriggers(e.target.value.split(/,\s*/))}
                onBlur={() => setTriggers((list) => list.map((t) => t.trim()).filter((t) => t !== ''))}
              />
              <small>
                As `order.created`; `order.*` for all that begin so, `*` for everything. Several are separated by
                commas.
              </small>
            </label>
          ) : (
            <label className="field">
              <span>{contract.words.trigger}</span>
              <select
                value={trigger}
                onChange={(e) => {
                  setTriggers([e.target.value]);
                  const sole = contract.pairs.find((pair) => pair.trigger === e.target.value)?.topic;
                  if (withTopics && sole) setTopic(sole);
                }}
              >
                {contract.triggers.map(({ value, label }) => (
                  <option key={value} value={value}>
                    {label}
                  </option>
                ))}
              </select>
              <small>{contract.triggers.find((t) => t.value === trigger)?.description}</small>
            </label>
          )}
          {withTopics && (
            <label className="field">
              <span>{contract.words.topic}</span>
              <select value={topic} onChange={(e) => setTopic(e.target.value)}>
                {contract.topics.map(({ value, label }) => (
                  <option key={value} value={value}>
                    {label}
                    {pairMistake(contract, value, trigger) === undefined ? '' : ' (no payload)'}
                  </option>
                ))}
              </select>
              <small>{contract.topics.find((t) => t.value === topic)?.description}</small>
            </label>
          )}
        </div>
        {warning !== undefined && (
          <div className="note wait" role="status">
            {warning}
          </div>
        )}
        <label className="field">
          <span>{contract.words.url}</span>
          <input
            type="url"
            required
            value={url}
            placeholder="https://example.com/webhooks"
            aria-invalid={mistake !== undefined}
            aria-describedby="url-hint"
            onChange={(e) => setUrl(e.target.value.trim())}
          />
          <small id="url-hint" className={mistake === undefined ? '' : 'bad'}>
            {mistake ??
              (error instanceof ApiError ? error.at('url') : undefined) ??
              'Where your server takes the requests.'}
          </small>
        </label>
        {contract.versions && (
          <label className="field">
            <span>API version</span>
            <select value={version} onChange={(e) => setVersion(e.target.value)}>
              {contract.versions.values.map((value) => (
                <option key={value}>{value}</option>
              ))}
            </select>
          </label>
        )}
        <details>
          <summary>More: description, headers{contract.limits.own_rate_limit ? ', rate limit' : ''}</summary>
          <div className="stack" style={{ paddingTop: 12 }}>
            <label className="field">
              <span>Description</span>
              <input type="text" maxLength={500} value={description} onChange={(e) => setDescription(e.target.value)} />
            </label>
            <label className="field">
              <span>Headers of your own</span>
              <textarea value={headers} onChange={(e) => setHeaders(e.target.value)} placeholder="X-My-Header: value" />
              <small>One a line. They are sent with every request.</small>
            </label>
            {contract.limits.own_rate_limit && (
              <label className="field">
                <span>Requests a second, at most</span>
                <input type="number" min={1} max={1000} value={rate} onChange={(e) => setRate(e.target.value)} />
              </label>
            )}
          </div>
        </details>
        <section aria-label="Sample payload">
          <h3>What will arrive</h3>
          {sample === undefined ? (
            <p className="quiet">
              {contract.free_triggers ? 'Whatever the event carries.' : 'Nothing: this combination has no payload.'}
            </p>
          ) : (
            <div className="code" style={{ maxHeight: 200 }} tabIndex={0}>
              <pre>{prettyJson(JSON.stringify(sample))}</pre>
            </div>
          )}
        </section>
        {!endpoint && (
          <p className="quiet">
            {contract.words.secret}: made when you add the {word}; you find it in its window, with copy and reveal.
            Requests are signed with it.
          </p>
        )}
        <ErrorNote error={error} />
      </form>
    </Dialog>
  );
}
