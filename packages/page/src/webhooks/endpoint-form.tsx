import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { ApiError, call, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { Code } from '../ui/code.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { prettyJson } from '../ui/pretty-json.ts';
import { Secret } from '../ui/secret.tsx';
import { toast } from '../ui/toasts.tsx';
import { type Draft, draftOf, pairMistake, urlMistake, wishOf } from './endpoint-draft.ts';

/** "Create webhook", and the same fields when one is edited. */
export function EndpointForm(props: {
  endpoint?: Endpoint;
  url?: string;
  onClose: () => void;
  onDone: (id: string) => void;
}) {
  const { endpoint, url = '', onClose, onDone } = props;
  const { path, contract, hasTopicChoice } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const [draft, setDraft] = useState(() => draftOf(contract, endpoint, url));
  const [error, setError] = useState<unknown>();
  const change = (changes: Partial<Draft>) => setDraft((before) => ({ ...before, ...changes }));
  const secret = useNewSecret(endpoint === undefined);
  const word = contract.words.endpoint;
  const mistake = urlMistake(draft.url, contract);
  const refused = error instanceof ApiError ? error.at('url') : undefined;

  const save = async () => {
    const wish = wishOf(draft, contract, hasTopicChoice);
    const saved = endpoint
      ? await call<Endpoint>('PATCH', `${path}/endpoints/${endpoint.id}`, wish)
      : await post<Endpoint>(`${path}/endpoints`, { ...wish, ...(secret === undefined ? {} : { secret }) });
    await queries.invalidateQueries({ queryKey: [path, 'endpoints'] });
    toast(endpoint ? t.common.saved : t.webhooks.created(word));
    onDone(saved.id);
  };
  return (
    <FormDialog
      title={endpoint ? t.webhooks.edit(word) : t.webhooks.create(word)}
      verb={endpoint ? t.common.save : t.webhooks.add}
      wide
      disabled={draft.url === '' || mistake !== undefined}
      submit={save}
      onError={setError}
      onClose={onClose}
    >
      <Subscription draft={draft} change={change} />
      <Field
        label={contract.words.url}
        hint={t.webhooks.urlHint}
        error={mistake === undefined ? refused : t.webhooks.urlMistakes[mistake]}
      >
        <input
          type="url"
          required
          value={draft.url}
          placeholder="https://example.com/webhooks"
          aria-invalid={mistake !== undefined}
          onChange={(event) => change({ url: event.target.value.trim() })}
        />
      </Field>
      {contract.versions && (
        <Field label={t.webhooks.version}>
          <Select
            value={draft.version}
            choices={contract.versions.values.map((value) => ({ value, label: value }))}
            onChange={(version) => change({ version })}
          />
        </Field>
      )}
      <MoreFields draft={draft} change={change} />
      <Sample draft={draft} />
      {secret !== undefined && (
        <section className="stack tight" aria-label={contract.words.secret}>
          <h3>{contract.words.secret}</h3>
          <Secret text={secret} />
          <p className="hint">{t.webhooks.newSecretHint(word)}</p>
        </section>
      )}
    </FormDialog>
  );
}

/** A secret to be shown before the webhook exists; it is kept by nobody until then. */
function useNewSecret(isWanted: boolean): string | undefined {
  const { path } = useAccount();
  const made = useQuery({
    queryKey: [path, 'new-secret'],
    enabled: isWanted,
    queryFn: () => post<{ secret: string }>(`${path}/generate-secret`),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return isWanted ? made.data?.secret : undefined;
}

interface Part {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
}

/** What shall be told: an event, and where the contract has both, with which response. */
function Subscription({ draft, change }: Part) {
  const { contract, hasTopicChoice } = useAccount();
  const { t } = useLanguage();
  const trigger = draft.triggers[0] ?? '';
  if (contract.free_triggers) {
    return (
      <Field label={contract.words.trigger} hint={t.webhooks.freeTriggersHint}>
        <input
          type="text"
          value={draft.triggers.join(', ')}
          onChange={(event) => change({ triggers: event.target.value.split(/,\s*/) })}
          onBlur={() => change({ triggers: draft.triggers.map((one) => one.trim()).filter((one) => one !== '') })}
        />
      </Field>
    );
  }
  const mistake = hasTopicChoice ? pairMistake(contract, draft.topic, trigger) : undefined;
  const choose = (value: string) => {
    const topic = contract.pairs.find((pair) => pair.trigger === value)?.topic;
    change({ triggers: [value], ...(hasTopicChoice && topic ? { topic } : {}) });
  };
  return (
    <>
      <div className={hasTopicChoice ? 'two' : 'stack'}>
        <Field
          label={contract.words.trigger}
          hint={contract.triggers.find((one) => one.value === trigger)?.description}
        >
          <Select value={trigger} choices={contract.triggers} onChange={choose} />
        </Field>
        {hasTopicChoice && (
          <Field
            label={contract.words.topic}
            hint={contract.topics.find((one) => one.value === draft.topic)?.description}
          >
            <Select
              value={draft.topic}
              choices={contract.topics.map(({ value, label }) => ({
                value,
                label: pairMistake(contract, value, trigger) === undefined ? label : t.webhooks.withoutPayload(label),
              }))}
              onChange={(topic) => change({ topic })}
            />
          </Field>
        )}
      </div>
      {mistake !== undefined && (
        <div className="note wait" role="status">
          {t.webhooks.pairMistakes[mistake]}
        </div>
      )}
    </>
  );
}

function MoreFields({ draft, change }: Part) {
  const { contract } = useAccount();
  const { t } = useLanguage();
  return (
    <details>
      <summary>{t.webhooks.moreFields(contract.limits.own_rate_limit)}</summary>
      <div className="stack inset">
        <Field label={t.webhooks.description}>
          <input
            type="text"
            maxLength={500}
            value={draft.description}
            onChange={(event) => change({ description: event.target.value })}
          />
        </Field>
        <Field label={t.webhooks.headers} hint={t.webhooks.headersHint}>
          <textarea
            value={draft.headers}
            placeholder="X-My-Header: value"
            onChange={(event) => change({ headers: event.target.value })}
          />
        </Field>
        {contract.limits.own_rate_limit && (
          <Field label={t.webhooks.rate}>
            <input
              type="number"
              min={1}
              max={1000}
              value={draft.rate}
              onChange={(event) => change({ rate: event.target.value })}
            />
          </Field>
        )}
      </div>
    </details>
  );
}

function Sample({ draft }: { draft: Draft }) {
  const { contract, hasTopicChoice } = useAccount();
  const { t } = useLanguage();
  const sample = contract.pairs.find(
    (pair) => pair.trigger === draft.triggers[0] && (!hasTopicChoice || pair.topic === draft.topic),
  )?.sample;
  return (
    <div className="stack tight">
      <h3>{t.webhooks.sample}</h3>
      {sample === undefined ? (
        <p className="quiet">{contract.free_triggers ? t.webhooks.freeSample : t.webhooks.noSample}</p>
      ) : (
        <Code small label={t.webhooks.sample} text={prettyJson(JSON.stringify(sample))} />
      )}
    </div>
  );
}
