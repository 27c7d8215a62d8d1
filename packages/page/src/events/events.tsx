import { useQuery } from '@tanstack/react-query';
import { Radio } from 'lucide-react';
import { useMemo } from 'react';
import { useAccount, useEndpoints, useUrlState } from '../account.tsx';
import { get } from '../api.ts';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint, Page } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Empty, QueryError, Skeleton } from '../ui/notes.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { useTitle } from '../ui/title.ts';
import { EventDrawer } from './event-drawer.tsx';
import { FeedDrawer } from './feed-drawer.tsx';
import { gettersOf } from './getters.ts';

/** Everything that can happen, what it looks like, and which of my webhooks get it. */
export function Events() {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  useTitle(t.nav.events);
  const open = params.get('event');
  return (
    <>
      <Head title={t.nav.events}>
        <Button onClick={() => set({ follow: '1' })}>
          <Radio size={16} aria-hidden /> {t.feed.follow}
        </Button>
      </Head>
      <div className="stack">
        {contract.triggers.length > 0 && <Catalog />}
        {contract.free_triggers && <SeenEvents />}
      </div>
      {open !== null && <EventDrawer key={open} trigger={open} onClose={() => set({ event: null }, true)} />}
      {params.get('follow') !== null && <FeedDrawer onClose={() => set({ follow: null }, true)} />}
    </>
  );
}

/** How many get it now. */
function countOf(endpoints: readonly Endpoint[], trigger: string): number {
  return gettersOf(endpoints, trigger).filter((endpoint) => endpoint.status === 'active').length;
}

interface Row {
  trigger: string;
  label: string;
  description: string;
  isDeprecated?: boolean;
  /** Of the newest one, where events are not declared by the contract. */
  seenAt?: string;
  getters: number;
}

/** The events of the contract, by group. */
function Catalog() {
  const { contract } = useAccount();
  const endpoints = useEndpoints().data?.data;
  const groups = useMemo(() => {
    const declared = contract.groups.length > 0 ? contract.groups : undefined;
    const all = { value: 'all', label: contract.title, triggers: contract.triggers.map((one) => one.value) };
    return (declared ?? [all]).map(({ triggers, ...group }) => ({
      ...group,
      rows: triggers.map((trigger): Row => {
        const word = contract.triggers.find((one) => one.value === trigger);
        return {
          trigger,
          label: word?.label ?? trigger,
          description: word?.description ?? '',
          isDeprecated: word?.deprecated ?? false,
          getters: countOf(endpoints ?? [], trigger),
        };
      }),
    }));
  }, [contract, endpoints]);
  return (
    <div className="stack">
      {groups.map(({ value, label, rows }) => (
        <div key={value} className="stack tight">
          <h2>{label}</h2>
          <EventTable label={label} rows={rows} areDeclared />
        </div>
      ))}
    </div>
  );
}

/** Contracts that let the product name its events as it likes: what has come lately. */
function SeenEvents() {
  const { path, contract } = useAccount();
  const { t } = useLanguage();
  const endpoints = useEndpoints().data?.data;
  const events = useQuery({
    queryKey: [path, 'events'],
    queryFn: () => get<Page<{ trigger: string; created_at: string; test: boolean }>>(`${path}/events?limit=200`),
    refetchInterval: 15_000,
  });
  const rows = useMemo(() => {
    const seen = new Map<string, Row>();
    for (const { trigger, created_at, test } of events.data?.data ?? []) {
      const isDeclared = contract.triggers.some((one) => one.value === trigger);
      if (test || isDeclared || seen.has(trigger)) continue;
      const getters = countOf(endpoints ?? [], trigger);
      seen.set(trigger, { trigger, label: trigger, description: '', seenAt: created_at, getters });
    }
    return [...seen.values()];
  }, [events.data, endpoints, contract]);
  return (
    <>
      <QueryError of={events} />
      {!events.data && !events.error && <Skeleton />}
      {events.data && rows.length === 0 && contract.triggers.length === 0 && (
        <Empty title={t.events.none} text={t.events.noneText} />
      )}
      {rows.length > 0 && (
        <div className="stack tight">
          <p className="quiet">{t.events.seen}</p>
          <EventTable label={t.nav.events} rows={rows} areDeclared={false} />
        </div>
      )}
    </>
  );
}

const column = columnsOf<Row>();

function EventTable({ label, rows, areDeclared }: { label: string; rows: readonly Row[]; areDeclared: boolean }) {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const columns = useMemo(() => {
    const getters = column.accessor('getters', {
      header: t.events.getters(contract.words.endpoint),
      meta: { width: '150px', phoneWidth: '140px' },
      cell: ({ getValue }) =>
        getValue() === 0 ? <span className="quiet">{t.events.nobody}</span> : t.events.getterCount(getValue()),
    });
    if (!areDeclared) {
      return column.columns([
        column.accessor('label', { header: contract.words.trigger }),
        column.accessor('seenAt', {
          header: t.events.lastSeen,
          meta: { width: '150px' },
          cell: ({ getValue }) => <Time at={getValue() ?? null} />,
        }),
        getters,
      ]);
    }
    return column.columns([
      column.accessor('label', {
        header: contract.words.trigger,
        meta: { width: '26%' },
        cell: ({ getValue, row }) => (
          <>
            {getValue()} {row.original.isDeprecated && <span className="tag">{t.events.deprecated}</span>}
          </>
        ),
      }),
      column.accessor('trigger', { header: t.events.name, meta: { width: '24%', kind: 'code', wideOnly: true } }),
      column.accessor('description', {
        header: t.events.description,
        meta: { wideOnly: true },
        cell: ({ getValue }) => <span title={getValue()}>{getValue()}</span>,
      }),
      getters,
    ]);
  }, [contract, areDeclared, t]);
  return (
    <DataTable
      label={label}
      rows={rows}
      columns={columns}
      rowId={(row) => row.trigger}
      openId={params.get('event')}
      onOpen={(row) => set({ event: row.trigger }, params.get('event') !== null)}
    />
  );
}
