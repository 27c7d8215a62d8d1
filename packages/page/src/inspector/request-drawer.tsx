import { useMutation, useQueryClient } from '@tanstack/react-query';
import { RotateCw } from 'lucide-react';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { part, post } from '../api.ts';
import { recall, remember } from '../browser-storage.ts';
import { useLanguage } from '../texts/language.tsx';
import { fieldMistake } from '../texts/problem-words.ts';
import type { Bin, BinRequest } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Body, Headers } from '../ui/code.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { asCurl } from '../ui/curl.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { ErrorNote } from '../ui/notes.tsx';

/** One request that came: what it said, as a command, and to be sent once more, here or to a server of one's own. */
export function RequestDrawer({ bin, request, onClose }: { bin: Bin; request: BinRequest; onClose: () => void }) {
  const { may } = useAccount();
  const { t, f } = useLanguage();
  return (
    <Dialog title={`${request.method} ${f.precise(Date.parse(request.at))}`} kind="drawer" onClose={onClose}>
      <div className="stack">
        {request.verified_by !== null && <div className="note good">{t.inspector.verifies}</div>}
        <div className="row">
          <code>{request.path}</code>
          <span className="grow" />
          <Copyable text={asCurl(request.method, bin.url, request)} label={t.attempt.copyCurl}>
            {t.attempt.curl}
          </Copyable>
        </div>
        {may('webhooks') && <Forward bin={bin} request={request} />}
        <Headers headers={request.headers} label={t.inspector.headers} />
        <Body text={request.body} label={t.inspector.body} encoding={request.body_encoding} />
        {request.truncated && <p className="quiet">{t.inspector.truncated}</p>}
      </div>
    </Dialog>
  );
}

interface Forwarded {
  error: string | null;
  duration_ms: number;
  response: { status: number; body: string; body_encoding: string } | null;
}

/** Where an account last forwarded to, in this browser. */
const lastUrlOf = (account: string) => `posthorn-forward-url-${account}`;

function Forward({ bin, request }: { bin: Bin; request: BinRequest }) {
  const { id, path } = useAccount();
  const { t, f } = useLanguage();
  const queries = useQueryClient();
  const [url, setUrl] = useState(() => recall(lastUrlOf(id)) ?? '');
  const send = useMutation({
    /** @param to nothing: to the bin itself */
    mutationFn: (to: string | undefined) =>
      post<Forwarded>(
        `${path}/bins/${bin.id}/requests/${part(request.id)}/forward`,
        to === undefined ? {} : { url: to },
      ),
    onSuccess: async (_, to) => {
      if (to === undefined) await queries.invalidateQueries({ queryKey: [path, 'bin', bin.id] });
      else remember(lastUrlOf(id), to);
    },
  });
  const wrong = fieldMistake(send.error, 'url', t);
  const { data } = send;
  return (
    <section className="stack tight" aria-label={t.inspector.again}>
      <form
        className="row end"
        onSubmit={(event) => {
          event.preventDefault();
          send.mutate(url);
        }}
      >
        <Field label={t.inspector.forwardTo} error={wrong} className="grow">
          <input
            type="url"
            required
            value={url}
            placeholder="https://example.com/webhooks"
            aria-invalid={wrong !== undefined}
            onChange={({ target }) => {
              send.reset();
              setUrl(target.value.trim());
            }}
          />
        </Field>
        <Button type="submit" disabled={url === '' || send.isPending}>
          {t.inspector.forward}
        </Button>
        <Button disabled={send.isPending} onClick={() => send.mutate(undefined)}>
          <RotateCw size={14} aria-hidden /> {t.inspector.replay}
        </Button>
      </form>
      {wrong === undefined && <ErrorNote error={send.error} />}
      {data && (
        <div className={`note ${data.error === null ? 'good' : 'bad'}`} role="status">
          {data.response
            ? t.inspector.answered(data.response.status, f.measured(data.duration_ms))
            : `${t.attemptErrors[data.error ?? '']?.what ?? data.error}.`}
          {data.response && data.response.body !== '' && (
            <Body text={data.response.body} label={t.attempt.responseBody} encoding={data.response.body_encoding} />
          )}
        </div>
      )}
    </section>
  );
}
