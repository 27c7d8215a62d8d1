import { X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useAccount, useEndpoints, useUrlState } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';
import { Button } from '../ui/button.tsx';
import { type Choice, Select } from '../ui/field.tsx';
import { DELIVERY_STATUSES } from '../ui/status.tsx';
import { TimeRange } from '../ui/time-range.tsx';
import { CLEARED, isFiltered, rangeOf } from './filters.ts';

/** How long one pauses before a search begins: it may read many payloads. */
const PAUSE_MS = 500;

/** What of the history is shown; it stands in the URL. */
export function FilterBar() {
  const { contract, hasTopicChoice } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const endpoints = useEndpoints().data?.data ?? [];
  const { words } = contract;
  const error = params.get('last_error');
  const answer = params.get('last_status') ?? (error === null ? null : (t.attemptErrors[error]?.short ?? error));
  const select = (name: string, label: string, every: string, choices: readonly Choice<string>[]) => (
    <Select
      label={label}
      value={params.get(name) ?? ''}
      choices={[{ value: '', label: every }, ...choices]}
      onChange={(value) => set({ [name]: value }, true)}
    />
  );
  return (
    <search className="toolbar">
      <TextFilter name="q" type="search" label={t.messages.search} hint={t.messages.searchHint} />
      {select(
        'status',
        t.messages.status,
        t.messages.everyStatus,
        DELIVERY_STATUSES.map((value) => ({ value, label: t.deliveryStatus[value] })),
      )}
      {contract.free_triggers ? (
        <TextFilter name="trigger" type="text" label={words.trigger} hint={words.trigger} />
      ) : (
        select('trigger', words.trigger, t.messages.every(words.trigger), contract.triggers)
      )}
      {hasTopicChoice && select('topic', words.topic, t.messages.every(words.topic), contract.topics)}
      {endpoints.length > 1 &&
        select(
          'endpoint',
          words.endpoint,
          t.messages.every(words.endpoint),
          endpoints.map(({ id, url }) => ({ value: id, label: url })),
        )}
      {select('test', t.messages.tests, t.messages.withTests, [
        { value: 'false', label: t.messages.withoutTests },
        { value: 'true', label: t.messages.onlyTests },
      ])}
      <TimeRange
        withAny
        value={rangeOf(params)}
        onChange={({ span, from, to }) =>
          set(span === 'own' ? { span, from, to } : { span: span === 'any' ? null : span, from: null, to: null })
        }
      />
      {answer !== null && (
        <Button size="small" onClick={() => set({ last_status: null, last_error: null })}>
          {t.messages.answered(answer)} <X size={12} aria-hidden />
        </Button>
      )}
      {isFiltered(params) && (
        <Button kind="plain" onClick={() => set(CLEARED)}>
          {t.messages.clear}
        </Button>
      )}
    </search>
  );
}

/** Filters by what is typed when one pauses, or at once with Enter. */
function TextFilter(props: { name: 'q' | 'trigger'; type: 'search' | 'text'; label: string; hint: string }) {
  const { name, type, label, hint } = props;
  const { params, set } = useUrlState();
  const q = params.get(name) ?? '';
  const [text, setText] = useState(q);
  const [last, setLast] = useState(q);
  const [sent, setSent] = useState(q);
  // Changed from elsewhere; what one typed oneself may have gone on meanwhile.
  if (q !== last) {
    setLast(q);
    if (q !== sent) setText(q);
  }
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = (wanted: string) => {
    clearTimeout(timer.current);
    setSent(wanted.trim());
    set({ [name]: wanted.trim() }, true);
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        search(text);
      }}
    >
      <input
        type={type}
        aria-label={label}
        placeholder={hint}
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          clearTimeout(timer.current);
          timer.current = window.setTimeout(() => search(target.value), PAUSE_MS);
        }}
      />
    </form>
  );
}
