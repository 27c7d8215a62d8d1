import { Plus, X } from 'lucide-react';
import { useAccount } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';
import { Button } from '../ui/button.tsx';
import { Field, Select } from '../ui/field.tsx';
import { type Draft, type DraftPair, pairMistake } from './endpoint-draft.ts';

interface Props {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
}

/** What shall be told: events, and where the contract has both, with which response. */
export function SubscriptionFields({ draft, change }: Props) {
  const { contract } = useAccount();
  const { t } = useLanguage();
  if (contract.free_triggers) {
    return (
      <Field label={contract.words.trigger} hint={t.webhooks.freeTriggersHint}>
        <input
          type="text"
          required
          value={draft.triggers}
          onChange={(event) => change({ triggers: event.target.value })}
        />
      </Field>
    );
  }
  const { pairs } = draft;
  const set = (at: number, pair: DraftPair) => change({ pairs: pairs.map((one, i) => (i === at ? pair : one)) });
  return (
    <>
      {pairs.map((pair, at) => (
        <PairFields
          // biome-ignore lint/suspicious/noArrayIndexKey: the same pair may be chosen twice while one edits
          key={at}
          pair={pair}
          onChange={(changed) => set(at, changed)}
          onRemove={pairs.length > 1 ? () => change({ pairs: pairs.filter((_, i) => i !== at) }) : undefined}
        />
      ))}
      {contract.limits.subscriptions_per_endpoint > pairs.length && (
        <div>
          <Button size="small" kind="plain" onClick={() => change({ pairs: [...pairs, pairs.at(-1) as DraftPair] })}>
            <Plus size={14} aria-hidden /> {t.webhooks.another(contract.words.trigger)}
          </Button>
        </div>
      )}
    </>
  );
}

function PairFields(props: {
  pair: DraftPair;
  onChange: (pair: DraftPair) => void;
  onRemove: (() => void) | undefined;
}) {
  const { pair, onChange, onRemove } = props;
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
    <div className="stack tight">
      <div className="row top nowrap">
        <div className={`grow ${hasTopicChoice ? 'two' : ''}`}>
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
        {onRemove && (
          <Button
            kind="plain"
            size="icon"
            className="beside-field"
            aria-label={t.webhooks.removeEvent(contract.words.trigger)}
            title={t.webhooks.removeEvent(contract.words.trigger)}
            onClick={onRemove}
          >
            <X size={14} aria-hidden />
          </Button>
        )}
      </div>
      {mistake !== undefined && (
        <div className="note wait" role="status">
          {t.webhooks.pairMistakes[mistake]}
        </div>
      )}
    </div>
  );
}
