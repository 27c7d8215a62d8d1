import { useQuery } from '@tanstack/react-query';
import { useId } from 'react';
import { useAccount } from '../account.tsx';
import { get } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Page } from '../types.ts';
import { Field, Select } from '../ui/field.tsx';
import { type Draft, type DraftPair, pairMistake } from './endpoint-draft.ts';
import { EventTree } from './event-tree.tsx';

interface Props {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  error: string | undefined;
}

/** What shall be told: free names, one event where a webhook has only one, or as many as one likes. */
export function SubscriptionFields({ draft, change, error }: Props) {
  const { contract } = useAccount();
  const [pair] = draft.pairs;
  if (contract.free_triggers) return <FreeField draft={draft} change={change} error={error} />;
  return (
    <div className="stack tight" data-field="subscriptions">
      {contract.limits.subscriptions_per_endpoint === 1 && draft.pairs.length === 1 && pair ? (
        <PairFields pair={pair} onChange={(changed) => change({ pairs: [changed] })} />
      ) : (
        <EventTree pairs={draft.pairs} onChange={(pairs) => change({ pairs })} />
      )}
      {error !== undefined && (
        <small className="bad" role="alert">
          {error}
        </small>
      )}
    </div>
  );
}

/** Names of one's own, with those that are declared, or came lately, as suggestions. */
function FreeField({ draft, change, error }: Props) {
  const { path, contract } = useAccount();
  const { t } = useLanguage();
  const list = useId();
  const seen = useQuery({
    queryKey: [path, 'events', ''],
    queryFn: () => get<Page<{ trigger: string }>>(`${path}/events?limit=50`),
    staleTime: 60_000,
  });
  const declared = contract.triggers.filter((one) => !one.deprecated).map((one) => one.value);
  const names = [...new Set([...declared, ...(seen.data?.data.map((event) => event.trigger) ?? [])])].sort();
  return (
    <Field label={contract.words.trigger} hint={t.webhooks.freeTriggersHint} error={error}>
      <input
        type="text"
        required
        list={list}
        value={draft.triggers}
        aria-invalid={error !== undefined}
        onChange={(event) => change({ triggers: event.target.value })}
      />
      <datalist id={list}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </Field>
  );
}

function PairFields({ pair, onChange }: { pair: DraftPair; onChange: (pair: DraftPair) => void }) {
  const { contract, hasTopicChoice, triggerLabel } = useAccount();
  const { t } = useLanguage();
  const { topic, trigger } = pair;
  // A pattern like `return.*` can be subscribed by the API.
  const isListed = contract.triggers.some((one) => one.value === trigger);
  const choices = isListed
    ? contract.triggers
    : [{ value: trigger, label: triggerLabel(trigger) }, ...contract.triggers];
  const mistake = hasTopicChoice ? pairMistake(contract, topic, trigger) : undefined;
  const choose = (value: string) => {
    const fitting = contract.pairs.find((one) => one.trigger === value)?.topic;
    onChange({ trigger: value, topic: hasTopicChoice && fitting ? fitting : topic });
  };
  return (
    <>
      <div className={hasTopicChoice ? 'two' : ''}>
        <Field
          label={contract.words.trigger}
          hint={contract.triggers.find((one) => one.value === trigger)?.description}
        >
          <Select value={trigger} choices={choices} onChange={choose} />
        </Field>
        {hasTopicChoice && (
          <Field label={contract.words.topic} hint={contract.topics.find((one) => one.value === topic)?.description}>
            <Select
              value={topic}
              choices={contract.topics.map(({ value, label }) => ({
                value,
                label: pairMistake(contract, value, trigger) === undefined ? label : t.webhooks.withoutPayload(label),
              }))}
              onChange={(value) => onChange({ ...pair, topic: value })}
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
