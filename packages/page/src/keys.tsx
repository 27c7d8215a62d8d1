import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus, RotateCcw, Trash2 } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useAccount } from './account.tsx';
import { ApiError, call, get, post } from './api.ts';
import type { ApiKey, Page } from './types.ts';
import { Confirm, Copyable, Dialog, Empty, ErrorNote, Skeleton, Time, toast } from './ui.tsx';

type Open =
  | { kind: 'new' }
  | { kind: 'edit' | 'delete' | 'rotate'; key: ApiKey }
  | { kind: 'shown'; text: string }
  | undefined;

export function Keys() {
  const { path, contract, may } = useAccount();
  const queries = useQueryClient();
  const [open, setOpen] = useState<Open>();
  const keys = useQuery({
    queryKey: [path, 'keys'],
    queryFn: () => get<Page<ApiKey>>(`${path}/keys?limit=200`),
    refetchInterval: 10_000,
  });
  const refresh = () => queries.invalidateQueries({ queryKey: [path, 'keys'] });
  const labelOf = (scope: string) => contract.scopes.find((s) => s.value === scope)?.label ?? scope;
  const close = () => setOpen(undefined);
  return (
    <>
      <div className="head">
        <h1>API keys</h1>
        <span className="grow" />
        {may('keys') && (
          <button type="button" className="button primary" onClick={() => setOpen({ kind: 'new' })}>
            <Plus size={16} aria-hidden /> Generate API key
          </button>
        )}
      </div>
      <ErrorNote error={keys.error} />
      {!keys.data && !keys.error && <Skeleton />}
      {keys.data?.data.length === 0 && (
        <Empty
          title="No API keys yet"
          text="A key lets your code call the API for this account, for exactly the scopes that you choose. It is shown once."
        />
      )}
      {keys.data && keys.data.data.length > 0 && (
        <section className="scroll" aria-label="API keys" tabIndex={0}>
          <table className="acting">
            <thead>
              <tr>
                <th>Scopes</th>
                <th>Label</th>
                <th>Key</th>
                <th>Created</th>
                <th>Last used</th>
                <th>Expires</th>
                <th>
                  <span className="sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {keys.data.data.map((key) => (
                <tr key={key.id}>
                  <td>
                    <button
                      type="button"
                      className="button plain small"
                      disabled={!may('keys')}
                      title="Edit"
                      onClick={() => setOpen({ kind: 'edit', key })}
                    >
                      {key.scopes.length === 0 ? 'No scopes' : key.scopes.map(labelOf).join(', ')}
                    </button>
                  </td>
                  <td>{key.label}</td>
                  <td className="mono">{key.prefix}…</td>
                  <td>
                    <Time at={key.created_at} />
                  </td>
                  <td>
                    <Time at={key.last_used_at} />
                  </td>
                  <td>
                    {key.expires_at === null ? <span className="quiet">never</span> : <Time at={key.expires_at} />}
                  </td>
                  <td className="num">
                    {may('keys') && (
                      <>
                        <button
                          type="button"
                          className="button plain icon"
                          aria-label={`Rotate ${key.label}`}
                          title="Rotate"
                          onClick={() => setOpen({ kind: 'rotate', key })}
                        >
                          <RotateCcw size={15} aria-hidden />
                        </button>
                        <button
                          type="button"
                          className="button plain icon"
                          aria-label={`Delete ${key.label}`}
                          title="Delete"
                          onClick={() => setOpen({ kind: 'delete', key })}
                        >
                          <Trash2 size={15} aria-hidden />
                        </button>
                      </>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {(open?.kind === 'new' || open?.kind === 'edit') && (
        <KeyDialog
          existing={open.kind === 'edit' ? open.key : undefined}
          onClose={close}
          onDone={(text) => {
            void refresh();
            setOpen(text === undefined ? undefined : { kind: 'shown', text });
          }}
        />
      )}
      {open?.kind === 'shown' && <ShownOnce text={open.text} onClose={close} />}
      {open?.kind === 'delete' && (
        <Confirm
          title={`Delete “${open.key.label}”?`}
          text="Whoever uses this key is refused within a second. This cannot be undone."
          verb="Delete key"
          onClose={close}
          onConfirm={async () => {
            await call('DELETE', `${path}/keys/${open.key.id}`);
            await refresh();
            toast(`“${open.key.label}” is deleted.`);
          }}
        />
      )}
      {open?.kind === 'rotate' && (
        <RotateDialog
          apiKey={open.key}
          onClose={close}
          onDone={(text) => {
            void refresh();
            setOpen({ kind: 'shown', text });
          }}
        />
      )}
    </>
  );
}

function ShownOnce({ text, onClose }: { text: string; onClose: () => void }) {
  return (
    <Dialog
      title="Your API key"
      onClose={onClose}
      footer={
        <>
          <span className="grow" />
          <button type="button" className="button primary" onClick={onClose}>
            I have kept it
          </button>
        </>
      }
    >
      <div className="stack">
        <div className="note wait">
          This is the only time that it is shown. Keep it where your code finds it, and nobody else.
        </div>
        <div className="row">
          <code data-testid="api-key" style={{ overflowWrap: 'anywhere' }}>
            {text}
          </code>
          <Copyable text={text} label="Copy the key" secret />
        </div>
      </div>
    </Dialog>
  );
}

const EXPIRIES: [label: string, days: number | null][] = [
  ['Never', null],
  ['In 30 days', 30],
  ['In 90 days', 90],
  ['In a year', 365],
];

function KeyDialog(props: { existing: ApiKey | undefined; onClose: () => void; onDone: (text?: string) => void }) {
  const { existing, onClose, onDone } = props;
  const { path, contract } = useAccount();
  const [label, setLabel] = useState(existing?.label ?? '');
  const [scopes, setScopes] = useState(new Set(existing?.scopes ?? []));
  const [free, setFree] = useState(existing?.scopes.join(', ') ?? '');
  const [days, setDays] = useState<number | null>(null);
  const [error, setError] = useState<unknown>();
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const chosen = contract.scopes.length > 0 ? [...scopes] : free.split(/[\s,]+/).filter((s) => s !== '');
    try {
      if (existing) {
        await call('PATCH', `${path}/keys/${existing.id}`, { label, scopes: chosen });
        toast('Saved.');
        onDone();
      } else {
        const expires_at = days === null ? null : new Date(Date.now() + days * 86_400_000).toISOString();
        onDone((await post<{ key: string }>(`${path}/keys`, { label, scopes: chosen, expires_at })).key);
      }
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <Dialog
      title={existing ? 'Edit API key' : 'Generate API key'}
      onClose={onClose}
      footer={
        <>
          <span className="grow" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" form="key-form" className="button primary">
            {existing ? 'Save' : 'Generate'}
          </button>
        </>
      }
    >
      <form id="key-form" className="stack" onSubmit={save}>
        <label className="field">
          <span>Label</span>
          <input type="text" required maxLength={200} value={label} onChange={(e) => setLabel(e.target.value)} />
          <small>What it is for, so that you know it again.</small>
        </label>
        {contract.scopes.length > 0 ? (
          <fieldset>
            <legend className="legend">Scopes</legend>
            {contract.scopes.map((scope) => (
              <label className="check" key={scope.value}>
                <input
                  type="checkbox"
                  checked={scopes.has(scope.value)}
                  onChange={() => {
                    const next = new Set(scopes);
                    if (!next.delete(scope.value)) next.add(scope.value);
                    setScopes(next);
                  }}
                />
                <span>
                  {scope.label}
                  <br />
                  <small className="quiet">{scope.description ?? scope.value}</small>
                </span>
              </label>
            ))}
          </fieldset>
        ) : (
          <label className="field">
            <span>Scopes</span>
            <input
              type="text"
              value={free}
              onChange={(e) => setFree(e.target.value)}
              placeholder="orders:read, orders:write"
            />
            <small>Separated by commas.</small>
          </label>
        )}
        {!existing && (
          <label className="field">
            <span>Expires</span>
            <select
              value={String(days)}
              onChange={(e) => setDays(e.target.value === 'null' ? null : Number(e.target.value))}
            >
              {EXPIRIES.map(([text, value]) => (
                <option key={text} value={String(value)}>
                  {text}
                </option>
              ))}
            </select>
          </label>
        )}
        <ErrorNote error={error instanceof ApiError || error ? error : undefined} />
      </form>
    </Dialog>
  );
}

const OVERLAPS: [label: string, seconds: number][] = [
  ['At once', 0],
  ['After an hour', 3_600],
  ['After a day', 86_400],
  ['After a week', 604_800],
];

function RotateDialog({
  apiKey,
  onClose,
  onDone,
}: {
  apiKey: ApiKey;
  onClose: () => void;
  onDone: (text: string) => void;
}) {
  const { path } = useAccount();
  const [overlap, setOverlap] = useState(86_400);
  const [error, setError] = useState<unknown>();
  const rotate = async () => {
    try {
      onDone((await post<{ key: string }>(`${path}/keys/${apiKey.id}/rotate`, { overlap_seconds: overlap })).key);
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <Dialog
      title={`Rotate “${apiKey.label}”`}
      onClose={onClose}
      footer={
        <>
          <span className="grow" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" className="button primary" onClick={rotate}>
            Rotate
          </button>
        </>
      }
    >
      <div className="stack">
        <p>You get a new key with the same label and scopes.</p>
        <label className="field">
          <span>The key before stops working</span>
          <select value={overlap} onChange={(e) => setOverlap(Number(e.target.value))}>
            {OVERLAPS.map(([text, seconds]) => (
              <option key={text} value={seconds}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <ErrorNote error={error} />
      </div>
    </Dialog>
  );
}
