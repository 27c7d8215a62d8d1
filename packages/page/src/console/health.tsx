import { useQuery } from '@tanstack/react-query';
import { AlertCircle, RotateCw } from 'lucide-react';
import { useMemo } from 'react';
import { useLocation, useSearchParams } from 'wouter';
import { get } from '../api.ts';
import { VolumeChart } from '../charts/volume-chart.tsx';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { FailingEndpoint, NodeInfo, Overview } from '../types.ts';
import { Select } from '../ui/field.tsx';
import { QueryError, Skeleton } from '../ui/notes.tsx';
import { Status } from '../ui/status.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { Cells } from './cells.tsx';

const HOUR_MS = 3_600_000;

/** How the whole installation is doing. */
export function Health() {
  const { t, f } = useLanguage();
  const overview = useQuery({
    queryKey: ['overview'],
    queryFn: () => get<Overview>('/v1/overview'),
    refetchInterval: 5_000,
  });
  const { data } = overview;
  const [params, setParams] = useSearchParams();
  const shown = data?.nodes.find((one) => String(one.id) === params.get('node'));
  return (
    <>
      <Head title={t.console.health}>
        {data && data.nodes.length > 1 && (
          <Select
            label={t.console.node}
            value={shown?.id ?? null}
            choices={[
              { value: null, label: t.console.allNodes(data.nodes.length) },
              ...data.nodes.map((one) => ({ value: one.id, label: `${one.host} · ${one.id}` })),
            ]}
            onChange={(id) => setParams(id === null ? {} : { node: String(id) }, { replace: true })}
          />
        )}
      </Head>
      <QueryError of={overview} />
      {!data && !overview.error && <Skeleton />}
      {data && (
        <div className="stack">
          <dl className="tiles">
            <Tile name={t.console.throughput} value={t.console.perSecond(f.number((shown ?? data).finished_per_s))} />
            <Tile name={t.console.waiting} value={f.number(data.waiting)} />
            <div>
              <dt>{t.charts.oldestWaiting}</dt>
              <dd>
                <Time at={data.oldest_waiting_at} none={t.charts.nothingWaits} />
              </dd>
            </div>
            <Tile name={t.console.inFlight} value={f.number((shown ?? data).in_flight)} />
            <Tile name={t.console.inMemory} value={f.number((shown ?? data).in_memory)} />
            <Tile name={t.console.accounts} value={f.number(data.accounts)} />
          </dl>
          <section className="card" aria-label={t.charts.volume}>
            <header>
              <h2>{t.charts.volume}</h2>
              <span className="quiet">{t.time.last['24h']}</span>
            </header>
            <div className="body">
              <VolumeChart buckets={data.volume} bucketMs={HOUR_MS} />
            </div>
          </section>
          <div className="stack tight">
            <h2>{t.console.failing}</h2>
            <Failing endpoints={data.failing} />
          </div>
          <div className="stack tight">
            <h2>{t.console.nodes}</h2>
            <Nodes nodes={data.nodes} />
          </div>
          <Cells />
          <div className="stack tight">
            <h2>{t.console.database}</h2>
            <p className="quiet">
              {t.console.databaseText(
                data.database.version,
                f.bytes(data.database.size_bytes),
                data.database.oldest_day ?? t.console.today,
              )}
            </p>
          </div>
        </div>
      )}
    </>
  );
}

function Tile({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

const failing = columnsOf<FailingEndpoint>();

function Failing({ endpoints }: { endpoints: FailingEndpoint[] }) {
  const { t, f } = useLanguage();
  const [, navigate] = useLocation();
  const columns = useMemo(
    () =>
      failing.columns([
        failing.accessor((one) => one.account_name || one.account_id, {
          id: 'account',
          header: t.console.account,
          meta: { width: '22%' },
        }),
        failing.accessor('url', { header: t.console.url, meta: { kind: 'code' } }),
        failing.accessor((one) => one.reason ?? one.status, {
          id: 'status',
          header: t.messages.status,
          meta: { width: '220px', phoneWidth: '130px' },
          cell: ({ row: { original: one } }) =>
            one.status === 'active' ? (
              <Status tone="wait" icon={RotateCw}>
                {one.retrying > 0 ? t.console.retrying(f.number(one.retrying)) : t.endpoint.failing}
              </Status>
            ) : (
              <Status tone="bad" icon={AlertCircle}>
                {t.endpoint.reasons[one.reason ?? 'user']}
              </Status>
            ),
        }),
        failing.accessor('failures_in_a_row', {
          header: t.console.inARow,
          meta: { width: '164px', kind: 'number', wideOnly: true },
          cell: ({ getValue }) => (getValue() === 0 ? '–' : f.number(getValue())),
        }),
      ]),
    [t, f],
  );
  if (endpoints.length === 0) return <p className="quiet">{t.console.noneFailing}</p>;
  return (
    <DataTable
      label={t.console.failing}
      rows={endpoints}
      columns={columns}
      rowId={(one) => one.endpoint_id}
      onOpen={(one) => navigate(`/accounts/${one.account_id}/?endpoint=${one.endpoint_id}`)}
    />
  );
}

const node = columnsOf<NodeInfo>();

function Nodes({ nodes }: { nodes: NodeInfo[] }) {
  const { t, f } = useLanguage();
  const columns = useMemo(
    () =>
      node.columns([
        node.accessor('host', {
          header: t.console.host,
          cell: ({ row }) => (
            <>
              {row.original.host} {row.original.is_this && <span className="tag">{t.console.thisOne}</span>}
            </>
          ),
        }),
        node.accessor('id', { header: t.console.node, meta: { width: '90px', kind: 'number' } }),
        node.accessor('finished_per_s', {
          header: t.console.throughput,
          meta: { width: '120px', kind: 'number', wideOnly: true },
          cell: ({ getValue }) => t.console.perSecond(f.number(getValue())),
        }),
        node.accessor('in_flight', {
          header: t.console.inFlight,
          meta: { width: '104px', kind: 'number', wideOnly: true },
          cell: ({ getValue }) => f.number(getValue()),
        }),
        node.accessor('in_memory', {
          header: t.console.inMemory,
          meta: { width: '104px', kind: 'number', wideOnly: true },
          cell: ({ getValue }) => f.number(getValue()),
        }),
        node.accessor('started_at', {
          header: t.console.started,
          meta: { width: '120px', wideOnly: true },
          cell: ({ getValue }) => <Time at={getValue()} />,
        }),
        node.accessor('heartbeat_at', {
          header: t.console.heartbeat,
          meta: { width: '120px' },
          cell: ({ getValue }) => <Time at={getValue()} />,
        }),
      ]),
    [t, f],
  );
  return <DataTable label={t.console.nodes} rows={nodes} columns={columns} rowId={(one) => String(one.id)} />;
}
