import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { ApiError, call, post } from '../api.ts';
import { matchesTrigger } from '../events/getters.ts';
import { RequestPreview } from '../events/request-preview.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { FormDialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { Secret } from '../ui/secret.tsx';
import { toast } from '../ui/toasts.tsx';
import { type Draft, draftOf, headerMistake, urlMistake, wishOf } from './endpoint-draft.ts';
import { SubscriptionFields } from './subscription-fields.tsx';

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
  const change = (changes: Partial<Draft>) => {
    setError(undefined);
    setDraft((before) => ({ ...before, ...changes }));
  };
  const secret = useNewSecret(endpoint === undefined && contract.signature.scheme !== 'none');
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
      disabled={draft.url === '' || mistake !== undefined || headerMistake(draft.headers) !== undefined}
      submit={save}
      onError={setError}
      onClose={onClose}
    >
      <SubscriptionFields draft={draft} change={change} />
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
          aria-invalid={(mistake ?? refused) !== undefined}
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

function MoreFields({ draft, change }: Part) {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const noHeader = headerMistake(draft.headers);
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
        <Field
          label={t.webhooks.headers}
          hint={t.webhooks.headersHint}
          error={noHeader === undefined ? undefined : t.webhooks.noHeader(noHeader)}
        >
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

/** What the first event that is chosen sends. */
function Sample({ draft }: { draft: Draft }) {
  const { contract, hasTopicChoice } = useAccount();
  const { t } = useLanguage();
  const [first] = draft.pairs;
  const pair = contract.pairs.find(
    ({ trigger, topic }) =>
      first && matchesTrigger(first.trigger, trigger) && (!hasTopicChoice || topic === first.topic),
  );
  const isOneEvent = contract.free_triggers && first !== undefined && !first.trigger.includes('*');
  const of = contract.free_triggers ? (isOneEvent ? { trigger: first.trigger } : {}) : pair;
  return (
    <div className="stack tight">
      <h3>{t.webhooks.sample}</h3>
      {of === undefined ? (
        <p className="quiet">{t.webhooks.noSample}</p>
      ) : (
        <RequestPreview
          of={'topic' in of ? { trigger: of.trigger, topic: of.topic } : of}
          otherwise={<p className="quiet">{t.webhooks.freeSample}</p>}
        />
      )}
    </div>
  );
}
