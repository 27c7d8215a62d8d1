import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { CheckCircle2, CircleDashed, Trash2 } from 'lucide-react';
import { type FormEvent, useMemo, useState } from 'react';
import { Link } from 'wouter';
import { useAccount, useUrlState } from '../account.tsx';
import { call, get, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Bin, BinRequest } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { Empty, ErrorNote, QueryError } from '../ui/notes.tsx';
import { Status } from '../ui/status.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { toast } from '../ui/toasts.tsx';
import { headerMistake, readHeaders } from '../webhooks/endpoint-draft.ts';
import { RequestDrawer } from './request-drawer.tsx';

const PREVIEW_LENGTH = 200;
const LOOK_EVERY_MS = 1_500;
const REQUESTS_SHOWN = 100;
/** Clocks of several nodes differ a little: what came this much earlier may be seen later. */
const OVERLAP_MS = 10_000;

/** The newest requests: what is new is read, and put before what is known. */
async function readRequests(path: string, known: readonly BinRequest[] = []): Promise<BinRequest[]> {
  const newest = known[0];
  const since = newest ? `?from=${new Date(Date.parse(newest.at) - OVERLAP_MS).toISOString()}` : '';
  const { requests } = await get<Bin & { requests: BinRequest[] }>(path + since);
  const read = new Set(requests.map((request) => request.id));
  return [...requests, ...known.filter((request) => !read.has(request.id))]
    .sort((a, b) => (a.id < b.id ? 1 : -1))
    .slice(0, REQUESTS_SHOWN);
}

/** A bin: its address, what it answers, and what has come. */
export function BinView({ bin }: { bin: Bin }) {
  const { path, contract, may } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const queries = useQueryClient();
  const detail = useQuery({
    queryKey: [path, 'bin', bin.id],
    queryFn: ({ queryKey }) => readRequests(`${path}/bins/${bin.id}`, queries.getQueryData<BinRequest[]>(queryKey)),
    refetchInterval: LOOK_EVERY_MS,
  });
  const [isRemoving, setRemoving] = useState(false);
  const requests = detail.data ?? [];
  const openId = params.get('request');
  const open = requests.find((request) => request.id === openId);
  return (
    <div className="stack">
      <section className="card" aria-label={t.inspector.bin}>
        <div className="body stack">
          <div className="row">
            <code data-testid="bin-url">{bin.url}</code>
            <Copyable text={bin.url} label={t.inspector.copyUrl} />
            <span className="grow" />
            <span className="quiet">
              {t.inspector.expires} <Time at={bin.expires_at} />
            </span>
            {may('webhooks') && (
              <>
                <Copyable
                  text={async () => (await post<{ url: string }>(`${path}/bins/${bin.id}/share`)).url}
                  label={t.inspector.share}
                >
                  {t.inspector.share}
                </Copyable>
                <Link className="button" href={`/?new=1&url=${encodeURIComponent(bin.url)}`}>
                  {t.inspector.createHere(contract.words.endpoint)}
                </Link>
                <Button
                  size="icon"
                  aria-label={t.inspector.delete}
                  title={t.inspector.delete}
                  onClick={() => setRemoving(true)}
                >
                  <Trash2 size={15} aria-hidden />
                </Button>
              </>
            )}
          </div>
          {may('webhooks') && <AnswerForm bin={bin} />}
        </div>
      </section>
      <QueryError of={detail} />
      {detail.data && requests.length === 0 && <Empty title={t.inspector.waiting} text={t.inspector.waitingText} />}
      {requests.length > 0 && (
        <Requests requests={requests} openId={openId} onOpen={(id) => set({ request: id }, openId !== null)} />
      )}
      {open && <RequestDrawer key={open.id} bin={bin} request={open} onClose={() => set({ request: null }, true)} />}
      {isRemoving && (
        <FormDialog
          title={t.inspector.deleteTitle}
          verb={t.common.delete}
          danger
          onClose={() => setRemoving(false)}
          submit={async () => {
            await call('DELETE', `${path}/bins/${bin.id}`);
            toast(t.inspector.deleted);
            await queries.invalidateQueries({ queryKey: [path, 'bins'] });
          }}
        >
          <p>{t.inspector.deleteText}</p>
        </FormDialog>
      )}
    </div>
  );
}

const column = columnsOf<BinRequest>();

function Requests(props: { requests: BinRequest[]; openId: string | null; onOpen: (id: string) => void }) {
  const { requests, openId, onOpen } = props;
  const { t } = useLanguage();
  const columns = useMemo(
    () =>
      column.columns([
        column.accessor('at', {
          header: t.messages.when,
          meta: { width: '116px', phoneWidth: '112px' },
          cell: ({ getValue }) => <Time at={getValue()} />,
        }),
        column.accessor('method', {
          header: t.inspector.method,
          meta: { width: '92px', phoneWidth: '92px', kind: 'code' },
        }),
        column.accessor((request) => request.verified_by ?? '', {
          id: 'signature',
          header: t.inspector.signature,
          meta: { width: '200px', phoneWidth: 'auto' },
          cell: ({ getValue }) =>
            getValue() === '' ? (
              <Status tone="off" icon={CircleDashed}>
                {t.inspector.unverified}
              </Status>
            ) : (
              <Status tone="good" icon={CheckCircle2}>
                {t.inspector.verified}
              </Status>
            ),
        }),
        column.accessor((request) => request.body.slice(0, PREVIEW_LENGTH), {
          id: 'body',
          header: t.inspector.body,
          meta: { kind: 'code', wideOnly: true },
        }),
      ]),
    [t],
  );
  return (
    <DataTable
      label={t.inspector.requests}
      rows={requests}
      columns={columns}
      rowId={(request) => request.id}
      openId={openId}
      onOpen={(request) => onOpen(request.id)}
    />
  );
}

/** What the bin answers: to try out how retries go. */
function AnswerForm({ bin }: { bin: Bin }) {
  const { path } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const [status, setStatus] = useState(String(bin.status));
  const [delay, setDelay] = useState(String(bin.delay_ms));
  const [body, setBody] = useState(bin.body);
  const [headers, setHeaders] = useState(() =>
    Object.entries(bin.headers)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
  );
  const noHeader = headerMistake(headers);
  const save = useMutation({
    mutationFn: () =>
      call('PATCH', `${path}/bins/${bin.id}`, {
        status: Number(status),
        delay_ms: Number(delay),
        body,
        headers: readHeaders(headers),
      }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: [path, 'bins'] });
      toast(t.inspector.saved);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form className="row end answers" onSubmit={submit}>
      <Field label={t.inspector.answers}>
        <input type="number" min={200} max={599} value={status} onChange={(event) => setStatus(event.target.value)} />
      </Field>
      <Field label={t.inspector.after}>
        <input type="number" min={0} max={30_000} value={delay} onChange={(event) => setDelay(event.target.value)} />
      </Field>
      <Field label={t.inspector.withBody} className="grow">
        <input type="text" value={body} onChange={(event) => setBody(event.target.value)} />
      </Field>
      <Button type="submit" disabled={save.isPending || noHeader !== undefined}>
        {t.common.save}
      </Button>
      <details className="whole">
        <summary>{t.inspector.answerHeaders}</summary>
        <div className="inset">
          <Field
            label={t.inspector.answerHeaders}
            hint={t.inspector.answerHeadersHint}
            error={noHeader === undefined ? undefined : t.webhooks.noHeader(noHeader)}
          >
            <textarea
              value={headers}
              placeholder={'Retry-After: 120\nX-Trace: abc'}
              aria-invalid={noHeader !== undefined}
              onChange={(event) => setHeaders(event.target.value)}
            />
          </Field>
        </div>
      </details>
      <ErrorNote error={save.error} />
    </form>
  );
}
