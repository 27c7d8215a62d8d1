import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus, Trash2 } from 'lucide-react';
import { lazy, useEffect, useState } from 'react';
import { hasTopicChoice, topicLabel, triggerLabel, useAccount, useEndpoints, useUrlState } from './account.tsx';
import { call, get, post } from './api.ts';
import { EndpointDrawer } from './endpoint-drawer.tsx';
import { EndpointForm } from './endpoint-form.tsx';
import type { Bin, Endpoint, EndpointStats } from './types.ts';
import { Confirm, Empty, EndpointStatusView, ErrorNote, Skeleton, Sparkline, Time, toast, useKeys } from './ui.tsx';

const LoopsSettings = lazy(() => import('./settings-form.tsx').then((m) => ({ default: m.LoopsSettings })));

/** For how long a deletion can be taken back. */
const UNDO_MS = 6_000;

export function Webhooks() {
  const { contract } = useAccount();
  // One endpoint per account: settings instead of a list.
  return contract.limits.endpoints_per_account === 1 ? <LoopsSettings /> : <WebhookList />;
}

function WebhookList() {
  const { path, contract, may } = useAccount();
  const queries = useQueryClient();
  const { params, set } = useUrlState();
  const endpoints = useEndpoints();
  const stats = useQuery({
    queryKey: [path, 'endpoint-stats'],
    queryFn: () => get<{ data: EndpointStats[] }>(`${path}/endpoint-stats`),
    refetchInterval: 15_000,
  });
  const [removed, setRemoved] = useState<ReadonlySet<string>>(new Set());
  const [removing, setRemoving] = useState<Endpoint>();
  const [at, setAt] = useState(-1);
  const word = contract.words.endpoint;
  const list = (endpoints.data?.data ?? []).filter((endpoint) => !removed.has(endpoint.id));
  const openId = params.get('endpoint');
  const open = list.find((endpoint) => endpoint.id === openId);
  useKeys({
    j: () => setAt((i) => Math.min(i + 1, list.length - 1)),
    k: () => setAt((i) => Math.max(i - 1, 0)),
    Enter: () => list[at] && set({ endpoint: list[at].id }),
    c: () => may('webhooks') && set({ new: '1' }),
  });
  useEffect(() => {
    document.title = `${word}s`;
  }, [word]);

  /** Deleted when the time to undo is over. */
  const remove = (endpoint: Endpoint) => {
    setRemoved((before) => new Set(before).add(endpoint.id));
    const putBack = () =>
      setRemoved((before) => {
        const next = new Set(before);
        next.delete(endpoint.id);
        return next;
      });
    const timer = setTimeout(() => {
      call('DELETE', `${path}/endpoints/${endpoint.id}`)
        .then(() => queries.invalidateQueries({ queryKey: [path, 'endpoints'] }))
        .catch(putBack);
    }, UNDO_MS);
    toast(`${word} to ${new URL(endpoint.url).host} is deleted.`, () => {
      clearTimeout(timer);
      putBack();
    });
  };

  return (
    <>
      <div className="head">
        <h1>{word}s</h1>
        <span className="grow" />
        {may('webhooks') && (
          <button type="button" className="button primary" onClick={() => set({ new: '1' })}>
            <Plus size={16} aria-hidden /> Create {word.toLowerCase()}
          </button>
        )}
      </div>
      <ErrorNote error={endpoints.error} />
      {!endpoints.data && !endpoints.error && <Skeleton />}
      {endpoints.data && list.length === 0 && <FirstWebhook onCreate={() => set({ new: '1' })} />}
      {list.length > 0 && (
        <section className="scroll" aria-label={`${word}s`} tabIndex={0}>
          <table className="acting">
            <thead>
              <tr>
                <th>{contract.words.trigger}</th>
                {hasTopicChoice(contract) && <th>{contract.words.topic}</th>}
                <th>{contract.words.url}</th>
                <th>Status</th>
                <th>Last 24 hours</th>
                <th className="num">Success</th>
                <th>Last message</th>
                <th>
                  <span className="sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((endpoint, i) => (
                <Row
                  key={endpoint.id}
                  endpoint={endpoint}
                  stats={stats.data?.data.find((s) => s.endpoint_id === endpoint.id)}
                  isOn={i === at}
                  onOpen={() => set({ endpoint: endpoint.id })}
                  onRemove={may('webhooks') ? () => setRemoving(endpoint) : undefined}
                />
              ))}
            </tbody>
          </table>
        </section>
      )}
      {params.get('new') !== null && (
        <EndpointForm
          onClose={() => set({ new: null, url: null })}
          {...(params.get('url') === null ? {} : { url: params.get('url') ?? '' })}
          onDone={(id) => set({ new: null, url: null, endpoint: id })}
        />
      )}
      {removing && (
        <Confirm
          title={`Delete the ${word.toLowerCase()} to ${new URL(removing.url).host}?`}
          text="What still waits for it is not sent. Its messages stay in the history."
          verb="Delete"
          onClose={() => setRemoving(undefined)}
          onConfirm={async () => remove(removing)}
        />
      )}
      {open && <EndpointDrawer endpoint={open} onClose={() => set({ endpoint: null, tab: null })} />}
    </>
  );
}

function Row(props: {
  endpoint: Endpoint;
  stats: EndpointStats | undefined;
  isOn: boolean;
  onOpen: () => void;
  onRemove: (() => void) | undefined;
}) {
  const { endpoint, stats, isOn, onOpen, onRemove } = props;
  const { contract } = useAccount();
  const [first, ...more] = endpoint.subscriptions;
  const sum = (kind: 'succeeded' | 'discarded') => (stats?.hours ?? []).reduce((total, hour) => total + hour[kind], 0);
  const total = sum('succeeded') + sum('discarded');
  return (
    <tr className="link" data-on={isOn} onClick={onOpen}>
      <td>
        <button
          type="button"
          className="button plain small"
          onClick={(event) => {
            event.stopPropagation();
            onOpen();
          }}
        >
          {first ? triggerLabel(contract, first.trigger) : ''}
          {more.length > 0 && <span className="tag">+{more.length}</span>}
        </button>
      </td>
      {hasTopicChoice(contract) && <td>{topicLabel(contract, first?.topic)}</td>}
      <td className="mono url" title={endpoint.url}>
        {endpoint.url}
      </td>
      <td>
        <EndpointStatusView endpoint={endpoint} />
      </td>
      <td>{stats && <Sparkline buckets={stats.hours} />}</td>
      <td className="num">
        {total === 0 ? <span className="quiet">–</span> : `${Math.round((sum('succeeded') / total) * 100)} %`}
      </td>
      <td>{stats ? <Time at={stats.last_delivery_at} /> : null}</td>
      <td className="num">
        {onRemove && (
          <button
            type="button"
            className="button plain icon"
            aria-label={`Delete the webhook to ${endpoint.url}`}
            title="Delete"
            onClick={(event) => {
              event.stopPropagation();
              onRemove();
            }}
          >
            <Trash2 size={15} aria-hidden />
          </button>
        )}
      </td>
    </tr>
  );
}

/** Leads from nothing to a verified delivery. */
export function FirstWebhook({ onCreate }: { onCreate: () => void }) {
  const { path, contract, may } = useAccount();
  const { set } = useUrlState();
  const [error, setError] = useState<unknown>();
  const tryOut = async () => {
    try {
      const bin = await post<Bin>(`${path}/bins`);
      set({ new: '1', url: bin.url });
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <Empty
      title={`No ${contract.words.endpoint.toLowerCase()}s yet`}
      text="A webhook tells your server what happened, as soon as it happens. Create one, or try it out with a request bin of ours: you see what would arrive without writing any code."
    >
      {may('webhooks') && (
        <div className="row">
          <button type="button" className="button primary" onClick={onCreate}>
            Create {contract.words.endpoint.toLowerCase()}
          </button>
          <button type="button" className="button" onClick={tryOut}>
            Try it with a request bin
          </button>
        </div>
      )}
      <ErrorNote error={error} />
    </Empty>
  );
}
