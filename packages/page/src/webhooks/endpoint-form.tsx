import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { call, post } from '../api.ts';
import { matchesTrigger } from '../events/getters.ts';
import { RequestPreview } from '../events/request-preview.tsx';
import { useLanguage } from '../texts/language.tsx';
import { fieldMistake } from '../texts/problem-words.ts';
import type { Endpoint } from '../types.ts';
import { FormDialog } from '../ui/dialog.tsx';
import { Check, Field, Select } from '../ui/field.tsx';
import { Secret } from '../ui/secret.tsx';
import { toast } from '../ui/toasts.tsx';
import { AddressField, useAddressMistake } from './address-field.tsx';
import { authWish } from './auth-draft.ts';
import { AuthFields } from './auth-fields.tsx';
import { type Draft, detailsOf, draftOf, headerMistake, isEmptyDraft, wishOf } from './endpoint-draft.ts';
import { useNewSecret } from './new-secret.ts';
import { SubscriptionFields } from './subscription-fields.tsx';
import { tlsWish } from './tls-draft.ts';
import { TlsFields, useEgress } from './tls-fields.tsx';
import { UrlCheckView } from './url-check.tsx';

interface Props {
  /** The one that is edited; without it, one is created. */
  endpoint?: Endpoint;
  /** What a new one begins with. */
  like?: Endpoint | undefined;
  url?: string;
  trigger?: string | undefined;
  /** Where address and events have their own places: what is left. */
  parts?: 'all' | 'details';
  onClose: () => void;
  onDone: (id: string) => void;
}

/** "Create webhook", and the same fields when one is edited or duplicated. */
export function EndpointForm(props: Props) {
  const { endpoint, like, url = '', trigger, parts = 'all', onClose, onDone } = props;
  const { path, contract, hasTopicChoice } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const [draft, setDraft] = useState(() => draftOf(contract, endpoint ?? like, { url, trigger }));
  const [error, setError] = useState<unknown>();
  const change = (changes: Partial<Draft>) => {
    setError(undefined);
    setDraft((before) => ({ ...before, ...changes }));
  };
  const secret = useNewSecret(endpoint === undefined && contract.signature.scheme !== 'none');
  const word = contract.words.endpoint;
  const address = useAddressMistake(draft.url, error);
  const wrong = (field: string) => fieldMistake(error, field, t);
  const addresses = useEgress()?.addresses ?? [];

  const save = async () => {
    const wish = {
      ...(parts === 'details' ? detailsOf(draft, contract) : wishOf(draft, contract, hasTopicChoice)),
      ...authWish(draft.auth, endpoint?.auth),
      ...tlsWish(draft.tls, endpoint?.tls),
    };
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
      values={draft}
      fields={FIELDS}
      disabled={
        draft.url === '' ||
        address.isWrong ||
        headerMistake(draft.headers) !== undefined ||
        (parts === 'all' && isEmptyDraft(draft, contract))
      }
      submit={save}
      onError={setError}
      onClose={onClose}
    >
      {parts === 'all' && (
        <>
          <SubscriptionFields draft={draft} change={change} error={wrong('subscriptions')} />
          <AddressField
            url={draft.url}
            mistake={address.text}
            hint={
              addresses.length === 0
                ? t.webhooks.urlHint
                : `${t.webhooks.urlHint} ${t.webhooks.comesFrom(addresses.join(', '))}`
            }
            onChange={(url) => change({ url })}
          />
          {address.text === undefined && <UrlCheckView url={draft.url} />}
          {contract.versions && (
            <Field label={t.webhooks.version} error={wrong('version')}>
              <Select
                value={draft.version}
                choices={contract.versions.values.map((value) => ({ value, label: value }))}
                onChange={(version) => change({ version })}
              />
            </Field>
          )}
        </>
      )}
      <MoreFields draft={draft} change={change} wrong={wrong} isOpen={parts === 'details'} before={endpoint} />
      {parts === 'all' && <Sample draft={draft} />}
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

/** Whose mistakes stand beside them. */
const FIELDS = [
  'url',
  'subscriptions',
  'version',
  'description',
  'headers',
  'rate_limit',
  'concurrency',
  'auth',
  'tls',
];

interface Part {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  wrong: (field: string) => string | undefined;
}

function MoreFields({
  draft,
  change,
  wrong,
  isOpen,
  before,
}: Part & { isOpen: boolean; before: Endpoint | undefined }) {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const noHeader = headerMistake(draft.headers);
  const headersError = noHeader === undefined ? wrong('headers') : t.webhooks.noHeader(noHeader);
  const isWrong = ['description', 'headers', 'rate_limit', 'concurrency', 'auth', 'tls'].some(
    (field) => wrong(field) !== undefined,
  );
  const fields = (
    <>
      <Field label={t.webhooks.description} error={wrong('description')}>
        <input
          type="text"
          maxLength={500}
          value={draft.description}
          onChange={(event) => change({ description: event.target.value })}
        />
      </Field>
      <Field label={t.webhooks.headers} hint={t.webhooks.headersHint} error={headersError}>
        <textarea
          value={draft.headers}
          placeholder="X-My-Header: value"
          aria-invalid={headersError !== undefined}
          onChange={(event) => change({ headers: event.target.value })}
        />
      </Field>
      {contract.limits.authentication && (
        <>
          <AuthFields
            draft={draft.auth}
            change={(changes) => change({ auth: { ...draft.auth, ...changes } })}
            wrong={wrong}
            isThere={before !== undefined && before.auth !== null}
          />
          <TlsFields
            draft={draft.tls}
            change={(changes) => change({ tls: { ...draft.tls, ...changes } })}
            wrong={wrong}
            isThere={before !== undefined && before.tls !== null}
          />
        </>
      )}
      {contract.limits.own_rate_limit && (
        <Field label={t.webhooks.rate} error={wrong('rate_limit')}>
          <input
            type="number"
            min={1}
            max={1000}
            value={draft.rate}
            onChange={(event) => change({ rate: event.target.value })}
          />
        </Field>
      )}
      {contract.limits.own_concurrency && (
        <Field label={t.webhooks.concurrency} error={wrong('concurrency')}>
          <input
            type="number"
            min={1}
            max={contract.policy.concurrency}
            placeholder={String(contract.policy.concurrency)}
            value={draft.concurrency}
            onChange={(event) => change({ concurrency: event.target.value })}
          />
        </Field>
      )}
      {contract.limits.thin_events && (
        <Check
          label={t.webhooks.thin}
          about={t.webhooks.thinAbout}
          checked={draft.thin}
          onChange={(thin) => change({ thin })}
        />
      )}
    </>
  );
  if (isOpen) return fields;
  return (
    <details open={isWrong || undefined}>
      <summary>{t.webhooks.moreFields(contract.limits.authentication, contract.limits.own_rate_limit)}</summary>
      <div className="stack inset">{fields}</div>
    </details>
  );
}

/** What the first event that is chosen sends. */
function Sample({ draft }: { draft: Draft }) {
  const { contract, hasTopicChoice } = useAccount();
  const { t } = useLanguage();
  const [typed = ''] = draft.triggers.split(',').map((name) => name.trim());
  const first = contract.free_triggers ? { trigger: typed, topic: '' } : draft.pairs[0];
  const pair = contract.pairs.find(
    ({ trigger, topic }) =>
      first && matchesTrigger(first.trigger, trigger) && (!hasTopicChoice || topic === first.topic),
  );
  const isOneEvent = contract.free_triggers && typed !== '' && !typed.includes('*');
  const of = contract.free_triggers ? (isOneEvent ? { trigger: typed } : {}) : pair;
  return (
    <div className="stack tight">
      <h3>{t.webhooks.sample}</h3>
      {of === undefined ? (
        <p className="quiet">{first === undefined ? t.webhooks.chooseEvent : t.webhooks.noSample}</p>
      ) : (
        <RequestPreview
          of={'topic' in of ? { trigger: of.trigger, topic: of.topic } : of}
          otherwise={<p className="quiet">{t.webhooks.freeSample}</p>}
        />
      )}
    </div>
  );
}
