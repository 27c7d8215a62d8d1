import { useMemo, useState } from 'react';
import { useLanguage } from '../texts/language.tsx';
import { Button } from './button.tsx';
import { Copyable } from './copyable.tsx';
import { prettyJson } from './pretty-json.ts';

/** Longer texts are shown as they are, and cut: laying them out would stop the browser. */
const LARGE = 100_000;
const SHOWN = 20_000;

export function Code({ text, label, small = false }: { text: string; label: string; small?: boolean }) {
  return (
    <section className={small ? 'code small' : 'code'} aria-label={label} tabIndex={0}>
      <pre>{text}</pre>
    </section>
  );
}

/** How many bytes travelled, not how many characters stand here. */
function bytesOf(text: string, encoding: string): number {
  if (encoding !== 'base64') return new TextEncoder().encode(text).length;
  return Math.floor((text.replace(/=+$/, '').length * 3) / 4);
}

/** A body: JSON in lines, or the text as it is. */
export function Body({ text, label, encoding = 'utf8' }: { text: string; label: string; encoding?: string }) {
  const { t, f } = useLanguage();
  const size = useMemo(() => f.bytes(bytesOf(text, encoding)), [f, text, encoding]);
  const [isRaw, setRaw] = useState(false);
  const [isWhole, setWhole] = useState(false);
  if (text === '') return <p className="quiet">{t.code.empty}</p>;
  const isLarge = text.length > LARGE;
  const pretty = isLarge ? text : prettyJson(text);
  const shown = isLarge && !isWhole ? text.slice(0, SHOWN) : isRaw ? text : pretty;
  return (
    <div className="stack tight">
      <div className="row">
        <span className="quiet">{size}</span>
        {encoding === 'base64' && <span className="tag">{t.code.binary}</span>}
        <span className="grow" />
        {pretty !== text && (
          <Button size="small" kind="plain" onClick={() => setRaw(!isRaw)}>
            {isRaw ? t.code.pretty : t.code.raw}
          </Button>
        )}
        <Copyable text={text} label={t.common.copyIt(label)} />
      </div>
      <Code text={shown} label={label} />
      {isLarge && !isWhole && <Button onClick={() => setWhole(true)}>{t.code.showAll(size)}</Button>}
    </div>
  );
}

export function Headers({ headers, label }: { headers: Record<string, string>; label: string }) {
  return (
    <section className="code" aria-label={label} tabIndex={0}>
      <table className="headers mono">
        <tbody>
          {Object.entries(headers).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
