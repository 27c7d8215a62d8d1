import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CheckCircle2, Plus, Trash2 } from 'lucide-react';
import { type FormEvent, useEffect, useState } from 'react';
import { Link } from 'wouter';
import { useAccount, useUrlState } from './account.tsx';
import { call, get, post } from './api.ts';
import type { Bin, BinRequest } from './types.ts';
import { Body, Copyable, Dialog, Empty, ErrorNote, Headers, Skeleton, Time, toast } from './ui.tsx';

/** Request bins: an address that shows what it is sent, and answers as one likes. */
export function Inspector() {
  const { path, may } = useAccount();
  const queries = useQueryClient();
  const { params, set } = useUrlState();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    document.title = 'Inspector';
  }, []);
  const bins = useQuery({ queryKey: [path, 'bins'], queryFn: () => get<{ data: Bin[] }>(`${path}/bins`) });
  const create = async () => {
    setError(undefined);
    try {
      const bin = await post<Bin>(`${path}/bins`);
      await queries.invalidateQueries({ queryKey: [path, 'bins'] });
      set({ bin: bin.id });
    } catch (thrown) {
      setError(thrown);
    }
  };
  const list = bins.data?.data ?? [];
  const open = list.find((bin) => bin.id === params.get('bin')) ?? list[0];
  return (
    <>
      <div className="head">
        <h1>Inspector</h1>
        <span className="grow" />
        {may('webhooks') && (
          <button type="button" className="button primary" onClick={create}>
            <Plus size={16} aria-hidden /> New bin
          </button>
        )}
      </div>
      <ErrorNote error={bins.error ?? error} />
      {!bins.data && !bins.error && <Skeleton />}
      {bins.data && list.length === 0 && (
        <Empty
          title="No request bins yet"
          text="A bin is an address of ours that keeps the newest requests and shows it at once. Point a webhook at it to see your requests, or let it answer 500 to try out retries."
        />
      )}
      {list.length > 1 && (
        <div className="toolbar">
          <select aria-label="Bin" value={open?.id} onChange={(e) => set({ bin: e.target.value })}>
            {list.map((bin) => (
              <option key={bin.id} value={bin.id}>
                {bin.url}
              </option>
            ))}
          </select>
        </div>
      )}
      {open && <BinView key={open.id} bin={open} />}
    </>
  );
}

function BinView({ bin }: { bin: Bin }) {
  const { path, contract, may } = useAccount();
  const queries = useQueryClient();
  const [openId, setOpenId] = useState<string>();
  const detail = useQuery({
    queryKey: [path, 'bin', bin.id],
    queryFn: () => get<Bin & { requests: BinRequest[] }>(`${path}/bins/${bin.id}`),
    refetchInterval: 1_500,
  });
  const requests = detail.data?.requests ?? [];
  const open = requests.find((request) => request.id === openId);
  return (
    <div className="stack">
      <section className="card" aria-label="Bin">
        <div className="body stack">
          <div className="row">
            <code data-testid="bin-url" style={{ overflowWrap: 'anywhere' }}>
              {bin.url}
            </code>
            <Copyable text={bin.url} label="Copy the address" />
            <span style={{ flex: 1 }} />
            {may('webhooks') && (
              <>
                <Link className="button" href={`/?new=1&url=${encodeURIComponent(bin.url)}`}>
                  Create {contract.words.endpoint.toLowerCase()} here
                </Link>
                <button
                  type="button"
                  className="button icon"
                  aria-label="Delete this bin"
                  onClick={async () => {
                    await call('DELETE', `${path}/bins/${bin.id}`);
                    await queries.invalidateQueries({ queryKey: [path, 'bins'] });
                    toast('The bin is deleted.');
                  }}
                >
                  <Trash2 size={15} aria-hidden />
                </button>
              </>
            )}
          </div>
          {may('webhooks') && <AnswerForm bin={bin} />}
          <p className="quiet">
            Expires <Time at={bin.expires_at} />.
          </p>
        </div>
      </section>
      <ErrorNote error={detail.error} />
      {requests.length === 0 ? (
        <p className="quiet" role="status">
          Waiting for requests …
        </p>
      ) : (
        <section className="scroll" aria-label="Requests" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th>When</th>
                <th>Method</th>
                <th>Signature</th>
                <th>Body</th>
              </tr>
            </thead>
            <tbody>
              {requests.map((request) => (
                <tr key={request.id}>
                  <td>
                    <button type="button" className="button plain small" onClick={() => setOpenId(request.id)}>
                      <Time at={request.at} />
                    </button>
                  </td>
                  <td className="mono">{request.method}</td>
                  <td>
                    {request.verified_by === null ? (
                      <span className="quiet">not by your webhooks</span>
                    ) : (
                      <span className="status good">
                        <CheckCircle2 size={14} aria-hidden /> Verified
                      </span>
                    )}
                  </td>
                  <td className="mono quiet" title={request.body.slice(0, 500)}>
                    {request.body.slice(0, 200)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {open && (
        <Dialog
          title={`${open.method} ${new Date(open.at).toLocaleTimeString()}`}
          kind="drawer"
          onClose={() => setOpenId(undefined)}
        >
          <div className="stack">
            {open.verified_by !== null && (
              <div className="note good">The signature verifies with the secret of your webhook.</div>
            )}
            <Headers headers={open.headers} label="Headers" />
            <Body text={open.body} />
          </div>
        </Dialog>
      )}
    </div>
  );
}

/** What the bin answers: to try out how retries go. */
function AnswerForm({ bin }: { bin: Bin }) {
  const { path } = useAccount();
  const queries = useQueryClient();
  const [status, setStatus] = useState(String(bin.status));
  const [delay, setDelay] = useState(String(bin.delay_ms));
  const [body, setBody] = useState(bin.body);
  const [error, setError] = useState<unknown>();
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setError(undefined);
    try {
      await call('PATCH', `${path}/bins/${bin.id}`, { status: Number(status), delay_ms: Number(delay), body });
      await queries.invalidateQueries({ queryKey: [path, 'bins'] });
      toast('Saved: that is what it answers now.');
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <form className="row" onSubmit={save} style={{ alignItems: 'end' }}>
      <label className="field" style={{ width: 110 }}>
        <span>Answers</span>
        <input type="number" min={200} max={599} value={status} onChange={(e) => setStatus(e.target.value)} />
      </label>
      <label className="field" style={{ width: 130 }}>
        <span>After (ms)</span>
        <input type="number" min={0} max={30000} value={delay} onChange={(e) => setDelay(e.target.value)} />
      </label>
      <label className="field" style={{ flex: 1, minWidth: 160 }}>
        <span>With this body</span>
        <input type="text" value={body} onChange={(e) => setBody(e.target.value)} />
      </label>
      <button type="submit" className="button">
        Save
      </button>
      <ErrorNote error={error} />
    </form>
  );
}
