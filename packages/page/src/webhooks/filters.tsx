import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { useAccount } from '../account.tsx';
import { ApiError, call } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import { problemWords } from '../texts/problem-words.ts';
import type { Endpoint, Subscription, TriedFilter } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { Time } from '../ui/time.tsx';
import { useSaveFromDialog } from './endpoint-actions.ts';

const EXAMPLE = '{ "at": "/customer/country", "in": ["DE", "AT"] }';
/** Of the events that a filter was tried out on, those that are shown. */
const SHOWN = 10;

/** What a webhook's subscriptions want of the payload; nothing where the contract has no filters. */
export function Filters({ endpoint }: { endpoint: Endpoint }) {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const [isOpen, setOpen] = useState(false);
  const count = endpoint.subscriptions.filter(({ filter }) => filter !== undefined).length;
  if (!contract.limits.filters || endpoint.subscriptions.length === 0 || (count === 0 && !may('webhooks'))) return null;
  return (
    <>
      <Button size="small" onClick={() => setOpen(true)}>
        {count === 0 ? t.filters.add : t.filters.count(count)}
      </Button>
      {isOpen && <FilterDialog endpoint={endpoint} onClose={() => setOpen(false)} />}
    </>
  );
}

const textOf = ({ filter }: Subscription): string => (filter === undefined ? '' : JSON.stringify(filter, null, 2));

function FilterDialog({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { may } = useAccount();
  const { t } = useLanguage();
  const saveChanges = useSaveFromDialog(endpoint, onClose);
  const labelOf = useSubscriptionLabel();
  const { subscriptions } = endpoint;
  const [at, setAt] = useState(() =>
    Math.max(
      subscriptions.findIndex(({ filter }) => filter !== undefined),
      0,
    ),
  );
  const [texts, setTexts] = useState<readonly string[]>(() => subscriptions.map(textOf));
  const [error, setError] = useState<unknown>();
  const text = texts[at] ?? '';
  const parsed = parse(text);
  const subscription = subscriptions[at];
  const refused = error instanceof ApiError ? error.at(`subscriptions/${at}/filter`) : undefined;
  const mistake = parsed === undefined ? t.test.noJson : refused;
  const save = async () => {
    const changed = subscriptions.map(({ filter: _, ...pair }, i) => {
      const filter = parse(texts[i] ?? '');
      return filter === undefined || filter === null ? pair : { ...pair, filter };
    });
    await saveChanges({ subscriptions: changed });
  };
  return (
    <FormDialog
      title={t.filters.title}
      wide
      verb={t.common.save}
      disabled={!may('webhooks') || texts.some((one) => parse(one) === undefined)}
      values={texts}
      fields={['subscriptions']}
      submit={save}
      onError={setError}
      onClose={onClose}
    >
      <p className="quiet">{t.filters.about}</p>
      {subscriptions.length > 1 && (
        <Field label={t.filters.of}>
          <Select
            value={String(at)}
            choices={subscriptions.map((one, i) => ({ value: String(i), label: labelOf(one) }))}
            onChange={(value) => setAt(Number(value))}
          />
        </Field>
      )}
      <Field label={t.filters.filter} hint={t.filters.hint} error={mistake}>
        <textarea
          spellCheck={false}
          rows={7}
          placeholder={EXAMPLE}
          value={text}
          readOnly={!may('webhooks')}
          aria-invalid={mistake !== undefined}
          onChange={({ target }) => {
            setError(undefined);
            setTexts(texts.map((one, i) => (i === at ? target.value : one)));
          }}
        />
      </Field>
      {subscription && parsed !== undefined && parsed !== null && may('webhooks') && (
        <TriedOut subscription={subscription} filter={parsed} />
      )}
    </FormDialog>
  );
}

/** Null: there is none. Undefined: it is no JSON. */
function parse(text: string): unknown {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Which of the newest events would pass, while one types. */
function TriedOut({ subscription, filter }: { subscription: Subscription; filter: unknown }) {
  const { path, triggerLabel } = useAccount();
  const { t } = useLanguage();
  const { topic, trigger } = subscription;
  const question = useDeferredValue(JSON.stringify({ ...(topic === undefined ? {} : { topic }), trigger, filter }));
  const tried = useQuery({
    queryKey: [path, 'try-filter', question],
    queryFn: () => call<TriedFilter>('POST', `${path}/try-filter`, JSON.parse(question)),
    placeholderData: (before) => before,
    retry: false,
  });
  if (tried.error) return <p className="bad">{problemWords(tried.error, t).detail}</p>;
  if (!tried.data) return null;
  const { data } = tried.data;
  const passing = data.filter(({ passes }) => passes).length;
  return (
    <section className="stack tight" aria-label={t.filters.tried}>
      <p role="status">{data.length === 0 ? t.filters.nothing : t.filters.passing(passing, data.length)}</p>
      {data.length > 0 && (
        <ul className="feed box">
          {data.slice(0, SHOWN).map(({ id, trigger: one, created_at, passes }) => (
            <li key={id} className="line">
              <span className={passes ? 'good' : 'quiet'}>{passes ? t.filters.passes : t.filters.keptBack}</span>
              <span>{triggerLabel(one)}</span>
              <code className="quiet">{id}</code>
              <span className="quiet num">
                <Time at={created_at} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function useSubscriptionLabel(): (subscription: Subscription) => string {
  const { triggerLabel, topicLabel, hasTopicChoice } = useAccount();
  return ({ topic, trigger }) =>
    hasTopicChoice ? `${triggerLabel(trigger)} · ${topicLabel(topic)}` : triggerLabel(trigger);
}
