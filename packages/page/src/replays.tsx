import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useAccount, useEndpoints } from './account.tsx';
import { get, post } from './api.ts';
import type { Replay } from './types.ts';
import { Dialog, duration, ErrorNote, toast } from './ui.tsx';

const HOUR_MS = 3_600_000;
const RANGES: [label: string, ms: number][] = [
  ['The last hour', HOUR_MS],
  ['The last 24 hours', 24 * HOUR_MS],
  ['The last 7 days', 168 * HOUR_MS],
  ['The last 30 days', 720 * HOUR_MS],
];

/** Sends messages of a time again: first how many and for how long, then progress, with a way to stop. */
export function Replays() {
  const { path, may } = useAccount();
  const [isOpen, setOpen] = useState(false);
  const queries = useQueryClient();
  const replays = useQuery({
    queryKey: [path, 'replays'],
    queryFn: () => get<{ data: Replay[] }>(`${path}/replays`),
    refetchInterval: (query) => (query.state.data?.data.some((r) => r.status === 'running') ? 1_000 : 30_000),
  });
  const running = replays.data?.data.find((replay) => replay.status === 'running');
  if (!may('webhooks')) return null;
  return (
    <>
      {running && (
        <span className="row" role="status">
          <progress max={Math.max(running.count, 1)} value={running.done} aria-label="Replay" /> {running.done} of{' '}
          {running.count}
          <button
            type="button"
            className="button small"
            onClick={async () => {
              await post(`${path}/replays/${running.id}/cancel`);
              await queries.invalidateQueries({ queryKey: [path, 'replays'] });
              toast('The replay is cancelled.');
            }}
          >
            Cancel
          </button>
        </span>
      )}
      <button type="button" className="button" onClick={() => setOpen(true)}>
        Replay …
      </button>
      {isOpen && <ReplayDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function ReplayDialog({ onClose }: { onClose: () => void }) {
  const { path, contract } = useAccount();
  const queries = useQueryClient();
  const endpoints = useEndpoints();
  const [range, setRange] = useState(24 * HOUR_MS);
  const [status, setStatus] = useState('discarded');
  const [endpoint, setEndpoint] = useState('');
  const [plan, setPlan] = useState<Replay & { body: object }>();
  const [error, setError] = useState<unknown>();
  const preview = async () => {
    setError(undefined);
    const now = Date.now();
    const body = {
      from: new Date(now - range).toISOString(),
      to: new Date(now).toISOString(),
      ...(status === '' ? {} : { status }),
      ...(endpoint === '' ? {} : { endpoint }),
    };
    try {
      setPlan({ ...(await post<Replay>(`${path}/replay`, { ...body, dry_run: true })), body });
    } catch (thrown) {
      setError(thrown);
    }
  };
  const start = async () => {
    try {
      await post(`${path}/replay`, plan?.body);
      await queries.invalidateQueries({ queryKey: [path, 'replays'] });
      toast('The replay has started.');
      onClose();
    } catch (thrown) {
      setError(thrown);
    }
  };
  const changed =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      setPlan(undefined);
      set(value);
    };
  return (
    <Dialog
      title="Replay messages"
      onClose={onClose}
      footer={
        <>
          <span className="grow" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          {plan ? (
            <button type="button" className="button primary" disabled={plan.count === 0} onClick={start}>
              Replay {plan.count.toLocaleString()}
            </button>
          ) : (
            <button type="button" className="button primary" onClick={preview}>
              Preview
            </button>
          )}
        </>
      }
    >
      <div className="stack">
        <label className="field">
          <span>Time</span>
          <select value={range} onChange={(e) => changed(setRange)(Number(e.target.value))}>
            {RANGES.map(([label, ms]) => (
              <option key={ms} value={ms}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>Which</span>
          <select value={status} onChange={(e) => changed(setStatus)(e.target.value)}>
            <option value="discarded">Failed ones</option>
            <option value="skipped">Ones that were not sent</option>
            <option value="succeeded">Delivered ones</option>
            <option value="">All</option>
          </select>
        </label>
        <label className="field">
          <span>{contract.words.endpoint}</span>
          <select value={endpoint} onChange={(e) => changed(setEndpoint)(e.target.value)}>
            <option value="">All</option>
            {endpoints.data?.data.map(({ id, url }) => (
              <option key={id} value={id}>
                {url}
              </option>
            ))}
          </select>
        </label>
        {plan && (
          <div className="note" role="status">
            {plan.count === 0
              ? 'There is nothing to replay.'
              : `${plan.count.toLocaleString()} messages, ${plan.rate_per_s} a second: this takes ${duration(plan.seconds * 1000)}. Your server gets them with the same ids.`}
          </div>
        )}
        <ErrorNote error={error} />
      </div>
    </Dialog>
  );
}
