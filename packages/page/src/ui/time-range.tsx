import { useState } from 'react';
import { useLanguage } from '../texts/language.tsx';
import { Select } from './field.tsx';

const HOUR_MS = 3_600_000;
const SPANS_MS = { '1h': HOUR_MS, '24h': 24 * HOUR_MS, '7d': 168 * HOUR_MS, '30d': 720 * HOUR_MS } as const;
export type Span = keyof typeof SPANS_MS;
const SPANS = Object.keys(SPANS_MS) as Span[];

/** Either so much before now, or from one moment to another (ISO 8601; empty: open). */
export interface Range {
  span: Span | 'any' | 'own';
  from: string;
  to: string;
}

export function isSpan(text: string | null): text is Span {
  return text !== null && Object.hasOwn(SPANS_MS, text);
}

/** The moments of a range at this moment. */
export function momentsOf({ span, from, to }: Range, nowMs: number): { from?: string; to?: string } {
  if (span !== 'own') return isSpan(span) ? { from: new Date(nowMs - SPANS_MS[span]).toISOString() } : {};
  return { ...(from === '' ? {} : { from }), ...(to === '' ? {} : { to }) };
}

/** So much before now. */
export function SpanSelect(props: { label: string; value: Span; onChange: (span: Span) => void }) {
  const { t } = useLanguage();
  return <Select {...props} choices={SPANS.map((span) => ({ value: span, label: t.time.last[span] }))} />;
}

/** A choice of spans, and two moments of one's own. */
export function TimeRange(props: { value: Range; onChange: (range: Range) => void; withAny?: boolean }) {
  const { value, onChange, withAny = false } = props;
  const { t } = useLanguage();
  return (
    <>
      <Select
        label={t.time.label}
        value={value.span}
        choices={[
          ...(withAny ? [{ value: 'any' as const, label: t.time.any }] : []),
          ...SPANS.map((span) => ({ value: span, label: t.time.last[span] })),
          { value: 'own' as const, label: t.time.own },
        ]}
        onChange={(span) => onChange({ ...value, span })}
      />
      {value.span === 'own' && (
        <>
          <MomentInput label={t.time.from} value={value.from} onChange={(from) => onChange({ ...value, from })} />
          <MomentInput label={t.time.to} value={value.to} onChange={(to) => onChange({ ...value, to })} />
        </>
      )}
    </>
  );
}

function MomentInput(props: { label: string; value: string; onChange: (iso: string) => void }) {
  const { label, value, onChange } = props;
  const [text, setText] = useState(toLocal(value));
  const [last, setLast] = useState(value);
  // Set from elsewhere.
  if (value !== last) {
    setLast(value);
    if (value !== fromLocal(text)) setText(toLocal(value));
  }
  return (
    <input
      type="datetime-local"
      aria-label={label}
      title={label}
      max="9999-12-31T23:59"
      value={text}
      onChange={(event) => {
        setText(event.target.value);
        const iso = fromLocal(event.target.value);
        // A year that is being typed is one of the first centuries.
        if (event.target.value === '' || iso >= '2000') onChange(iso);
      }}
    />
  );
}

function fromLocal(text: string): string {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? '' : new Date(ms).toISOString();
}

/** `2026-11-22T08:30`, as the clock on the wall says. */
function toLocal(iso: string): string {
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) return '';
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
