import { ListFilter, X } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useAccount, useEndpoints, useUrlState } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';
import { Button } from '../ui/button.tsx';
import { type Choice, Select } from '../ui/field.tsx';
import { DELIVERY_STATUSES } from '../ui/status.tsx';
import { MomentInputs, SpanSelect } from '../ui/time-range.tsx';
import { useWebhookName } from '../webhooks/webhook-name.ts';
import { CLEARED, isFiltered, rangeOf, rangeParams, testsOf } from './filters.ts';

/** How long one pauses before a search begins: it may read many payloads. */
const PAUSE_MS = 500;

/**
 * What of the history is shown; it stands in the URL. One row: what is used every day; the rest, and on phones all but
 * the search, unfolds below it.
 */
export function FilterBar() {
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const [isUnfolded, setUnfolded] = useState(false);
  const range = rangeOf(params);
  const isOwn = range.span === 'own';
  return (
    <search className="filters">
      <div className="toolbar">
        <TextFilter name="q" type="search" label={t.messages.search} hint={t.messages.searchHint} />
        <SpanSelect
          label={t.time.label}
          value={range.span}
          onChange={(span) => set(rangeParams({ ...range, span }), true)}
        />
        <Everyday />
        <Button aria-expanded={isUnfolded || isOwn} onClick={() => setUnfolded(!isUnfolded)}>
          <ListFilter size={14} aria-hidden /> {t.messages.filters}
        </Button>
        {isFiltered(params) && (
          <Button kind="plain" onClick={() => set(CLEARED)}>
            {t.messages.clear}
          </Button>
        )}
      </div>
      {(isUnfolded || isOwn) && (
        <div className="toolbar unfolded">
          {isOwn && <MomentInputs value={range} onChange={({ from, to }) => set({ span: 'own', from, to }, true)} />}
          {isUnfolded && <Rare />}
        </div>
      )}
      <Chips />
    </search>
  );
}

/** Filters by one of a few values. */
function SelectFilter(props: {
  name: string;
  label: string;
  every: string;
  choices: readonly Choice<string>[];
  className?: string;
}) {
  const { name, label, every, choices, className } = props;
  const { params, set } = useUrlState();
  const value = params.get(name) ?? '';
  const isKnown = value === '' || choices.some((choice) => choice.value === value);
  return (
    <Select
      label={label}
      {...(className === undefined ? {} : { className })}
      value={value}
      choices={[{ value: '', label: every }, ...choices, ...(isKnown ? [] : [{ value, label: value }])]}
      onChange={(value) => set({ [name]: value }, true)}
    />
  );
}

function Everyday({ className = 'wide-only' }: { className?: string }) {
  const nameOf = useWebhookName();
  const { contract } = useAccount();
  const { t } = useLanguage();
  const endpoints = useEndpoints().data?.data ?? [];
  const { words } = contract;
  return (
    <>
      <SelectFilter
        name="status"
        className={className}
        label={t.messages.status}
        every={t.messages.everyStatus}
        choices={DELIVERY_STATUSES.map((value) => ({ value, label: t.deliveryStatus[value] }))}
      />
      {contract.free_triggers ? (
        <TextFilter name="trigger" type="text" className={className} label={words.trigger} hint={words.trigger} />
      ) : (
        <SelectFilter
          name="trigger"
          className={className}
          label={words.trigger}
          every={t.messages.every(words.trigger)}
          choices={contract.triggers}
        />
      )}
      {endpoints.length > 1 && (
        <SelectFilter
          name="endpoint"
          className={className}
          label={words.endpoint}
          every={t.messages.every(words.endpoint)}
          choices={endpoints.map((endpoint) => ({ value: endpoint.id, label: nameOf(endpoint) }))}
        />
      )}
    </>
  );
}

function Rare() {
  const { contract, hasTopicChoice } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const { words } = contract;
  const errors = Object.entries(t.attemptErrors).filter(([value]) => value !== 'http_status');
  return (
    <>
      <Everyday className="phone-only" />
      {hasTopicChoice && (
        <SelectFilter
          name="topic"
          label={words.topic}
          every={t.messages.every(words.topic)}
          choices={contract.topics}
        />
      )}
      <TextFilter name="last_status" type="text" label={t.messages.answerStatus} hint={t.messages.answerStatus} />
      <SelectFilter
        name="last_error"
        label={t.messages.answerError}
        every={t.messages.everyAnswer}
        choices={errors.map(([value, { short }]) => ({ value, label: short }))}
      />
      <Select
        label={t.messages.tests}
        value={testsOf(params)}
        choices={[
          { value: 'false', label: t.messages.withoutTests },
          { value: 'all', label: t.messages.withTests },
          { value: 'true', label: t.messages.onlyTests },
        ]}
        onChange={(tests) => set({ test: tests === 'false' ? null : tests }, true)}
      />
    </>
  );
}

/** Filters that may be folded away: seen all the same, and taken away with a click. */
function Chips() {
  const { topicLabel, triggerLabel } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const nameOf = useWebhookName();
  const endpoints = useEndpoints().data?.data ?? [];
  const endpointOf = (id: string) => {
    const known = endpoints.find((one) => one.id === id);
    return known ? nameOf(known) : id;
  };
  const chip = (name: string, label: (value: string) => ReactNode, className = '') => {
    const value = params.get(name);
    return (
      value !== null && (
        <Button size="small" key={name} className={className} onClick={() => set({ [name]: null })}>
          {label(value)} <X size={12} aria-hidden />
        </Button>
      )
    );
  };
  const chips = [
    chip('status', (value) => t.deliveryStatus[value as keyof typeof t.deliveryStatus] ?? value, 'phone-only'),
    chip('trigger', triggerLabel, 'phone-only'),
    // Where there is one endpoint there is nothing to choose, but a link may have chosen it.
    chip('endpoint', endpointOf, endpoints.length > 1 ? 'phone-only' : ''),
    chip('topic', topicLabel),
    chip('last_status', t.messages.answered),
    chip('last_error', (value) => t.messages.answered(t.attemptErrors[value]?.short ?? value)),
    chip('test', (value) => (value === 'true' ? t.messages.onlyTests : t.messages.withTests)),
  ].filter((one) => one !== false);
  return chips.length > 0 && <div className="row chips">{chips}</div>;
}

type TextName = 'q' | 'trigger' | 'last_status';
const IS_VALID: Partial<Record<TextName, RegExp>> = { last_status: /^([1-5]\d\d)?$/ };

/** Filters by what is typed when one pauses, or at once with Enter. */
function TextFilter(props: {
  name: TextName;
  type: 'search' | 'text';
  label: string;
  hint: string;
  className?: string;
}) {
  const { name, type, label, hint, className = '' } = props;
  const { params, set } = useUrlState();
  const q = params.get(name) ?? '';
  const [text, setText] = useState(q);
  const [last, setLast] = useState(q);
  const [sent, setSent] = useState(q);
  // Changed from elsewhere; what one typed oneself may have gone on meanwhile.
  if (q !== last) {
    setLast(q);
    setSent(q);
    if (q !== sent) setText(q);
  }
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = (wanted: string) => {
    clearTimeout(timer.current);
    if (IS_VALID[name]?.test(wanted.trim()) === false) return;
    setSent(wanted.trim());
    set({ [name]: wanted.trim() }, true);
  };
  return (
    <form
      className={className}
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
