import type { ReactNode } from 'react';
import { useLanguage } from '../texts/language.tsx';
import { problemWords } from '../texts/problem-words.ts';
import { Button } from './button.tsx';

/** What went wrong, in words. Nothing when nothing did. */
export function ErrorNote({ error }: { error: unknown }) {
  const { t } = useLanguage();
  if (error === undefined || error === null) return null;
  const { title, detail } = problemWords(error, t);
  return (
    <div className="note bad" role="alert">
      <strong>{`${title}.`}</strong> {detail}
    </div>
  );
}

/** What went wrong with reading, and a way to try again; the page tries by itself, too. */
export function QueryError({ of }: { of: { error: unknown; refetch: () => unknown } }) {
  const { t } = useLanguage();
  if (of.error === undefined || of.error === null) return null;
  return (
    <div className="row top">
      <span className="grow">
        <ErrorNote error={of.error} />
      </span>
      <Button onClick={() => void of.refetch()}>{t.common.again}</Button>
    </div>
  );
}

/** Rows in the final geometry: nothing moves when the data arrives. */
export function Skeleton({ rows = 5 }: { rows?: number }) {
  const { t } = useLanguage();
  return (
    <div className="box" role="status" aria-label={t.common.loading}>
      {Array.from({ length: rows }, (_, i) => `row ${i}`).map((key) => (
        <div key={key} className="skeleton-row">
          <div className="skeleton" />
        </div>
      ))}
    </div>
  );
}

/** Teaches: a picture of what will be there, one sentence, one button. As a screen of its own it only says what is. */
export function Empty(props: { title: string; text: string; isScreen?: boolean; children?: ReactNode }) {
  const { title, text, isScreen = false, children } = props;
  return (
    <div className="empty">
      {isScreen ? <h1>{title}</h1> : <Ghost />}
      {!isScreen && <h2>{title}</h2>}
      <p className="quiet">{text}</p>
      {children}
    </div>
  );
}

const GHOST_ROWS = [
  { y: 10, kind: 'good', widths: [70, 90, 30] },
  { y: 32, kind: 'good', widths: [54, 104, 24] },
  { y: 54, kind: 'wait', widths: [82, 76, 36] },
] as const;

/** Rows of a table to come. */
function Ghost() {
  return (
    <svg className="ghost" width={264} height={66} aria-hidden>
      {GHOST_ROWS.map(({ y, kind, widths: [first, second, third] }) => (
        <g key={y}>
          <circle className={kind} cx={8} cy={y} r={4} />
          <rect x={22} y={y - 3} width={first} height={6} rx={3} />
          <rect x={116} y={y - 3} width={second} height={6} rx={3} />
          <rect x={228} y={y - 3} width={third} height={6} rx={3} />
        </g>
      ))}
    </svg>
  );
}
