import { Tabs } from 'radix-ui';
import { useState } from 'react';
import { useAccount } from './account.tsx';
import { post } from './api.ts';
import { snippets } from './snippets.ts';
import { DIAGNOSIS } from './texts.ts';
import type { Endpoint, Verdict } from './types.ts';
import { Copyable, ErrorNote } from './ui.tsx';

/** Ready code for this contract, and why a signature that was pasted does not fit. */
export function VerifyHelp({ endpoint }: { endpoint: Endpoint }) {
  const { contract } = useAccount();
  const code = snippets(contract.signature, endpoint.signature);
  return (
    <div className="stack">
      {code.length === 0 ? (
        <p className="quiet">Requests of this contract are not signed.</p>
      ) : (
        <Tabs.Root defaultValue={code[0]?.language ?? ''}>
          <Tabs.List className="tabs" aria-label="Language">
            {code.map(({ language }) => (
              <Tabs.Trigger key={language} value={language}>
                {language}
              </Tabs.Trigger>
            ))}
          </Tabs.List>
          {code.map(({ language, text }) => (
            <Tabs.Content key={language} value={language} className="stack tight">
              <div className="row">
                <Copyable text={text} label={`Copy the ${language} code`} />
                <span className="quiet">Give it the raw body, before any JSON parser.</span>
              </div>
              <section className="code" aria-label={`${language} code`} tabIndex={0}>
                <pre>{text}</pre>
              </section>
            </Tabs.Content>
          ))}
        </Tabs.Root>
      )}
      <WhyNot endpoint={endpoint} />
    </div>
  );
}

function WhyNot({ endpoint }: { endpoint: Endpoint }) {
  const { path } = useAccount();
  const [headers, setHeaders] = useState('');
  const [body, setBody] = useState('');
  const [verdict, setVerdict] = useState<Verdict>();
  const [error, setError] = useState<unknown>();
  const check = async () => {
    setError(undefined);
    try {
      setVerdict(
        await post<Verdict>(`${path}/endpoints/${endpoint.id}/verify`, { headers: readHeaders(headers), body }),
      );
    } catch (thrown) {
      setError(thrown);
    }
  };
  const text = verdict && DIAGNOSIS[verdict.diagnosis];
  return (
    <section className="card" aria-label="Why does my signature fail?">
      <header>
        <h3>Why does my signature fail?</h3>
      </header>
      <div className="body stack">
        <label className="field">
          <span>Headers, as they arrived</span>
          <textarea value={headers} onChange={(e) => setHeaders(e.target.value)} placeholder={'Header-Name: value'} />
        </label>
        <label className="field">
          <span>Body, as your code sees it</span>
          <textarea value={body} onChange={(e) => setBody(e.target.value)} />
        </label>
        <div>
          <button type="button" className="button" onClick={check}>
            Check
          </button>
        </div>
        <ErrorNote error={error} />
        {verdict && (
          <div className={`note ${verdict.valid ? 'good' : 'bad'}`} role="status">
            <strong>{text?.title ?? verdict.diagnosis}</strong>
            <p>{text?.todo}</p>
            {!verdict.valid && verdict.given !== null && (
              <dl className="mono" style={{ overflowWrap: 'anywhere', margin: '8px 0 0' }}>
                <dt className="quiet">{verdict.header}, given</dt>
                <dd style={{ margin: 0 }}>{verdict.given}</dd>
                <dt className="quiet">to be expected</dt>
                <dd style={{ margin: 0 }}>{verdict.expected}</dd>
              </dl>
            )}
          </div>
        )}
      </div>
    </section>
  );
}

/** `Name: value` lines, or a JSON object. */
function readHeaders(text: string): Record<string, string> {
  try {
    const parsed = JSON.parse(text) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]));
  } catch {
    const lines = text.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(':');
      return at > 0 ? [[line.slice(0, at).trim(), line.slice(at + 1).trim()] as const] : [];
    });
    return Object.fromEntries(lines);
  }
}
