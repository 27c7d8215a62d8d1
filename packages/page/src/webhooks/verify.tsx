import { useMutation } from '@tanstack/react-query';
import { Tabs } from 'radix-ui';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint, Verdict } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Code } from '../ui/code.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Field } from '../ui/field.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { readHeaders } from './endpoint-draft.ts';
import { snippets } from './snippets/snippets.ts';

/** Ready code for this contract, and why a signature that was pasted does not fit. */
export function VerifyHelp({ endpoint }: { endpoint: Endpoint }) {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const code = snippets(contract.signature, endpoint.signature);
  if (code.length === 0) return <p className="quiet">{t.verify.unsigned}</p>;
  return (
    <div className="stack">
      <Tabs.Root defaultValue={code[0]?.language ?? ''}>
        <Tabs.List className="tabs" aria-label={t.verify.language}>
          {code.map(({ language }) => (
            <Tabs.Trigger key={language} value={language}>
              {language}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {code.map(({ language, text }) => (
          <Tabs.Content key={language} value={language} className="stack tight">
            <div className="row">
              <span className="quiet">{t.verify.rawBody}</span>
              <span className="grow" />
              <Copyable text={text} label={t.verify.copyCode(language)} />
            </div>
            <Code label={t.verify.code(language)} text={text} />
          </Tabs.Content>
        ))}
      </Tabs.Root>
      {may('webhooks') && <WhyNot endpoint={endpoint} />}
    </div>
  );
}

function WhyNot({ endpoint }: { endpoint: Endpoint }) {
  const { path } = useAccount();
  const { t } = useLanguage();
  const [headers, setHeaders] = useState('');
  const [body, setBody] = useState('');
  const check = useMutation({
    mutationFn: () => post<Verdict>(`${path}/endpoints/${endpoint.id}/verify`, { headers: readPasted(headers), body }),
  });
  return (
    <section className="card" aria-label={t.verify.whyNot}>
      <header>
        <h3>{t.verify.whyNot}</h3>
      </header>
      <div className="body stack">
        <Field label={t.verify.headers}>
          <textarea
            value={headers}
            placeholder="Header-Name: value"
            onChange={(event) => setHeaders(event.target.value)}
          />
        </Field>
        <Field label={t.verify.body}>
          <textarea value={body} onChange={(event) => setBody(event.target.value)} />
        </Field>
        <div>
          <Button disabled={check.isPending} onClick={() => check.mutate()}>
            {t.verify.check}
          </Button>
        </div>
        <ErrorNote error={check.error} />
        {check.data && <VerdictView verdict={check.data} />}
      </div>
    </section>
  );
}

function VerdictView({ verdict }: { verdict: Verdict }) {
  const { t } = useLanguage();
  const text = t.diagnosis[verdict.diagnosis];
  return (
    <div className={`note ${verdict.valid ? 'good' : 'bad'}`} role="status">
      <strong>{text?.title ?? verdict.diagnosis}</strong>
      <p>{text?.todo}</p>
      {!verdict.valid && verdict.given !== null && (
        <dl className="pairs mono">
          <div>
            <dt>{t.verify.given(verdict.header ?? '')}</dt>
            <dd>{verdict.given}</dd>
          </div>
          <div>
            <dt>{t.verify.expected}</dt>
            <dd>{verdict.expected}</dd>
          </div>
        </dl>
      )}
    </div>
  );
}

/** `Name: value` lines, or a JSON object. */
function readPasted(text: string): Record<string, string> {
  try {
    const parsed = JSON.parse(text) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]));
  } catch {
    return readHeaders(text);
  }
}
