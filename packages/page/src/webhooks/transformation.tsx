import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useDeferredValue, useState } from 'react';
import { useAccount } from '../account.tsx';
import { call } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import { problemWords } from '../texts/problem-words.ts';
import type { Endpoint, TriedTransformation } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Body, Headers } from '../ui/code.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { Skeleton } from '../ui/notes.tsx';
import { useSaveFromDialog } from './endpoint-actions.ts';
import { type Source, useSources } from './payload-sources.ts';

const CodeEditor = lazy(() => import('../ui/code-editor.tsx'));

const BEGIN = `function transform(request, event) {
  request.headers['x-event'] = event.trigger;
  return request;
}
`;

/** The function that reshapes a webhook's requests; nothing where the contract has none. */
export function Transformation({ endpoint }: { endpoint: Endpoint }) {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const [isOpen, setOpen] = useState(false);
  const isThere = endpoint.transformation !== null;
  if (!contract.limits.transformations || !(isThere || may('webhooks'))) return null;
  if (!may('webhooks')) return <span className="tag">{t.transformation.isThere}</span>;
  return (
    <>
      <Button size="small" onClick={() => setOpen(true)}>
        {isThere ? t.transformation.edit : t.transformation.add}
      </Button>
      {isOpen && <TransformationDialog endpoint={endpoint} onClose={() => setOpen(false)} />}
    </>
  );
}

function TransformationDialog({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { t } = useLanguage();
  const saveChanges = useSaveFromDialog(endpoint, onClose);
  const sources = useSources(endpoint);
  const [picked, setPicked] = useState<Source>();
  const source = picked ?? sources[0];
  const [code, setCode] = useState(endpoint.transformation ?? BEGIN);
  const isEmpty = code.trim() === '';
  return (
    <FormDialog
      title={t.transformation.title}
      wide
      verb={t.common.save}
      values={code}
      disabled={isEmpty && endpoint.transformation === null}
      submit={() => saveChanges({ transformation: isEmpty ? null : code })}
      onClose={onClose}
    >
      <p className="quiet">{t.transformation.about}</p>
      <Suspense fallback={<Skeleton rows={6} />}>
        <CodeEditor text={code} label={t.transformation.code} onChange={setCode} />
      </Suspense>
      <p className="hint">{t.transformation.hint}</p>
      <Field label={t.transformation.triedOn}>
        <Select
          value={source?.key ?? ''}
          choices={sources.map((one) => ({ value: one.key, label: one.label }))}
          onChange={(next) => setPicked(sources.find((one) => one.key === next))}
        />
      </Field>
      {source && !isEmpty && <TriedOut endpoint={endpoint} code={code} source={source} />}
    </FormDialog>
  );
}

/** What the function is given, and what it makes of that, while one types. */
function TriedOut({ endpoint, code, source }: { endpoint: Endpoint; code: string; source: Source }) {
  const { path } = useAccount();
  const { t } = useLanguage();
  const { trigger, topic, event } = source;
  const of = { ...(event === undefined ? { trigger } : { event }), ...(topic === null ? {} : { topic }) };
  const question = useDeferredValue(JSON.stringify({ transformation: code, endpoint: endpoint.id, ...of }));
  const tried = useQuery({
    queryKey: [path, 'try-transformation', question],
    queryFn: ({ signal }) =>
      whenQuiet(signal, () => call<TriedTransformation>('POST', `${path}/try-transformation`, JSON.parse(question))),
    placeholderData: (before) => before,
    retry: false,
  });
  if (tried.error) return <p className="bad">{problemWords(tried.error, t).detail}</p>;
  if (!tried.data) return <Skeleton rows={4} />;
  const { before, after, error } = tried.data;
  return (
    <div className="two">
      <section className="stack tight" aria-label={t.transformation.given}>
        <h3>{t.transformation.given}</h3>
        <Body text={before.body} encoding={before.body_encoding} label={t.events.body} />
      </section>
      <section className="stack tight" aria-label={t.transformation.made}>
        <h3>{t.transformation.made}</h3>
        {error !== null && (
          <p className="bad" role="status">
            <code>{error}</code>
          </p>
        )}
        {after && (
          <>
            <p role="status">
              <code>{after.method}</code>
            </p>
            <Headers headers={after.headers} label={t.attempt.requestHeaders} />
            <Body text={after.body} encoding={after.body_encoding} label={t.attempt.requestBody} />
          </>
        )}
      </section>
    </div>
  );
}

const PAUSE_MS = 300;

/** Not with every letter: when one has paused. */
async function whenQuiet<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  signal.throwIfAborted();
  return ask();
}
