import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { matchesTrigger } from '../events/getters.ts';
import { useLanguage } from '../texts/language.tsx';
import { Check, TriCheck } from '../ui/field.tsx';
import type { DraftPair } from './endpoint-draft.ts';

/** With more than this many, one looks for one by its words. */
const SEARCHED_FROM = 8;

const ALL: DraftPair = { topic: '', trigger: '*' };

interface Item extends DraftPair {
  key: string;
  label: string;
  about: string;
}

/** Events to tick, in their groups: one, a whole group, or all there are and will be. None stands there twice. */
export function EventTree({
  pairs,
  onChange,
}: {
  pairs: readonly DraftPair[];
  onChange: (pairs: DraftPair[]) => void;
}) {
  const { contract, hasTopicChoice } = useAccount();
  const { t } = useLanguage();
  const [wanted, setWanted] = useState('');
  const groups = useGroups(pairs);
  const items = groups.flatMap((group) => group.items);
  const isAll = pairs.some((pair) => pair.trigger === '*' && !hasTopicChoice);
  // A pattern like `order.*` can be subscribed by the API: it is every event that it matches.
  const isOn = ({ topic, trigger }: Item) =>
    pairs.some((pair) => matchesTrigger(pair.trigger, trigger) && (!hasTopicChoice || pair.topic === topic));
  const choose = (some: readonly Item[], on: boolean) => {
    const keys = new Set(some.map((item) => item.key));
    const chosen = items.filter((item) => (keys.has(item.key) ? on : isOn(item)));
    onChange(chosen.map(({ topic, trigger }) => ({ topic, trigger })));
  };
  const fits = ({ label, trigger }: Item) => `${label} ${trigger}`.toLowerCase().includes(wanted.trim().toLowerCase());
  const word = contract.words.trigger;
  return (
    <fieldset className="stack tight">
      <legend className="legend">
        {t.common.labelled(
          word,
          t.webhooks.chosenEvents(isAll ? items.length : items.filter(isOn).length, items.length),
        )}
      </legend>
      {items.length > SEARCHED_FROM && (
        <input
          type="search"
          aria-label={t.webhooks.searchEvents}
          placeholder={t.webhooks.searchEvents}
          value={wanted}
          onChange={({ target }) => setWanted(target.value)}
        />
      )}
      <div className="box tree">
        {contract.limits.wildcards && !hasTopicChoice && wanted.trim() === '' && (
          <Check
            label={t.events.all}
            about={t.webhooks.allEventsAbout}
            checked={isAll}
            onChange={(on) => onChange(on ? [ALL] : [])}
          />
        )}
        {groups.map(({ key, label, items: all }) => {
          const shown = all.filter(fits);
          const on = shown.filter(isOn).length;
          return (
            shown.length > 0 && (
              <section key={key} aria-label={label}>
                {label !== '' && (
                  <TriCheck
                    label={<strong>{label}</strong>}
                    name={t.endpoint.allOf(label)}
                    state={on === shown.length ? 'on' : on > 0 ? 'mixed' : 'off'}
                    onToggle={() => choose(shown, on < shown.length)}
                  />
                )}
                <div className={label === '' ? '' : 'inner'}>
                  {shown.map((item) => (
                    <Check
                      key={item.key}
                      label={item.label}
                      about={item.about}
                      checked={isOn(item)}
                      onChange={(checked) => choose([item], checked)}
                    />
                  ))}
                </div>
              </section>
            )
          );
        })}
        {groups.every((group) => !group.items.some(fits)) && <p className="quiet">{t.webhooks.noneFits}</p>}
      </div>
    </fieldset>
  );
}

/** The contract's groups, what belongs to none, and what is subscribed although nobody would offer it. */
function useGroups(pairs: readonly DraftPair[]) {
  const { contract, hasTopicChoice, triggerLabel, topicLabel } = useAccount();
  const { t } = useLanguage();
  const keyOf = ({ topic, trigger }: DraftPair) => (hasTopicChoice ? `${topic} ${trigger}` : trigger);
  const toItem = (pair: DraftPair): Item => ({
    ...pair,
    key: keyOf(pair),
    label: hasTopicChoice ? `${triggerLabel(pair.trigger)} · ${topicLabel(pair.topic)}` : triggerLabel(pair.trigger),
    about: [pair.trigger, contract.triggers.find((one) => one.value === pair.trigger)?.description]
      .filter(Boolean)
      .join(': '),
  });
  const all = new Map(
    contract.pairs.map(({ topic, trigger }) => {
      const item = toItem({ topic: topic ?? '', trigger });
      return [item.key, item];
    }),
  );
  const others = pairs.filter((pair) => !pair.trigger.includes('*') && !all.has(keyOf(pair))).map(toItem);
  const grouped = contract.groups.map((group) => ({
    key: group.value,
    label: group.label,
    items: [...all.values()].filter((item) => group.triggers.includes(item.trigger)),
  }));
  const inGroups = new Set(grouped.flatMap((group) => group.items.map((item) => item.key)));
  const rest = [...[...all.values()].filter((item) => !inGroups.has(item.key)), ...others];
  return rest.length === 0
    ? grouped
    : [...grouped, { key: '', label: grouped.length === 0 ? '' : t.webhooks.otherEvents, items: rest }];
}
