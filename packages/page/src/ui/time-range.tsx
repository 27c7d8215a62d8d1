import { useState } from 'react';
import type { Zone } from '../texts/format.ts';
import { useLanguage } from '../texts/language.tsx';
import { Select } from './field.tsx';

const HOUR_MS = 3_600_000;
const SPANS_MS = { '1h': HOUR_MS, '24h': 24 * HOUR_MS, '7d': 168 * HOUR_MS, '30d': 720 * HOUR_MS } as const;
export type Span = keyof typeof SPANS_MS;
const SPANS = Object.keys(SPANS_MS) as Span[];

/** Either so much before now, or from one moment to another (ISO 8601; empty: open). */
export interface Range {
  span: Span | 'own';
  from: string;
  to: string;
}

export function isSpan(text: string | null): text is Span {
  return text !== null && Object.hasOwn(SPANS_MS, text);
}

/** The moments of a range at this moment. */
export function momentsOf({ span, from, to }: Range, nowMs: number): { from?: string; to?: string } {
  if (span !== 'own') return { from: new Date(nowMs - SPANS_MS[span]).toISOString() };
  return { ...(from === '' ? {} : { from }), ...(to === '' ? {} : { to }) };
}

/** A choice of spans, and of two moments of one's own. */
export function SpanSelect(props: { label: string; value: Range['span']; onChange: (span: Range['span']) => void }) {
  const { label, value, onChange } = props;
  const { t } = useLanguage();
  return (
    <Select
      label={label}
      value={value}
      choices={[
        ...SPANS.map((span) => ({ value: span, label: t.time.last[span] })),
        { value: 'own' as const, label: t.time.own },
      ]}
      onChange={onChange}
    />
  );
}

export function MomentInputs({ value, onChange }: { value: Range; onChange: (range: Range) => void }) {
  const { t } = useLanguage();
  return (
    <>
      <MomentInput label={t.time.from} value={value.from} onChange={(from) => onChange({ ...value, from })} />
      <MomentInput label={t.time.to} value={value.to} onChange={(to) => onChange({ ...value, to })} />
    </>
  );
}

/** A span, or two moments. */
export function TimeRange({ value, onChange }: { value: Range; onChange: (range: Range) => void }) {
  const { t } = useLanguage();
  return (
    <>
      <SpanSelect label={t.time.label} value={value.span} onChange={(span) => onChange({ ...value, span })} />
      {value.span === 'own' && <MomentInputs value={value} onChange={onChange} />}
    </>
  );
}

function MomentInput(props: { label: string; value: string; onChange: (iso: string) => void }) {
  const { label, value, onChange } = props;
  const { f, zone } = useLanguage();
  const [text, setText] = useState(toClock(value, zone));
  const [last, setLast] = useState(`${zone} ${value}`);
  // Set from elsewhere.
  if (`${zone} ${value}` !== last) {
    setLast(`${zone} ${value}`);
    if (value !== fromClock(text, zone)) setText(toClock(value, zone));
  }
  const name = `${label} (${f.zone(value === '' ? Date.now() : Date.parse(value))})`;
  return (
    <input
      type="datetime-local"
      aria-label={name}
      title={name}
      max="9999-12-31T23:59"
      value={text}
      onChange={(event) => {
        setText(event.target.value);
        const iso = fromClock(event.target.value, zone);
        // A year that is being typed is one of the first centuries.
        if (event.target.value === '' || iso >= '2000') onChange(iso);
      }}
    />
  );
}

/** A moment as `datetime-local` has it, in ISO 8601; empty when it is none. */
export function fromClock(text: string, zone: Zone): string {
  const ms = Date.parse(zone === 'utc' ? `${text}Z` : text);
  return Number.isNaN(ms) ? '' : new Date(ms).toISOString();
}

/** `2026-11-22T08:30`, as the clock on the wall says, or UTC's. */
export function toClock(iso: string, zone: Zone): string {
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) return '';
  const aheadMs = zone === 'utc' ? 0 : -new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms + aheadMs).toISOString().slice(0, 16);
}
