import { Plus, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useAccount, useEndpoints, useUrlState } from '../account.tsx';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { useKeys } from '../ui/keyboard.ts';
import { ErrorNote, Skeleton } from '../ui/notes.tsx';
import { RowAction } from '../ui/row-action.tsx';
import { Sparkline } from '../ui/sparkline.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { useTitle } from '../ui/title.ts';
import { UrlText } from '../ui/url-text.tsx';
import { type Day, useEndpointDays } from './endpoint-days.ts';
import { EndpointDrawer } from './endpoint-drawer.tsx';
import { EndpointForm } from './endpoint-form.tsx';
import { EndpointStatusView } from './endpoint-status.tsx';
import { FirstWebhook } from './first-webhook.tsx';
import { NoticesButton } from './notices.tsx';
import { useRemovals } from './removals.ts';
import { useWebhookName } from './webhook-name.ts';

export function WebhookList() {
  const { contract, may } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const endpoints = useEndpoints();
  const { removed, remove } = useRemovals();
  const { days, isLoading, error } = useEndpointDays();
  const [wanted, setWanted] = useState('');
  const list = useMemo(
    () =>
      (endpoints.data?.data ?? [])
        .filter((endpoint) => !removed.has(endpoint.id))
        .map((endpoint): Row => ({ ...endpoint, day: days.get(endpoint.id), isLoading })),
    [endpoints.data, removed, days, isLoading],
  );
  const shown = useMemo(() => list.filter((endpoint) => fits(endpoint, wanted)), [list, wanted]);
  const columns = useColumns(remove);
  const openId = params.get('endpoint');
  const open = list.find((endpoint) => endpoint.id === openId);
  const word = contract.words.endpoint;
  useTitle(t.webhooks.title(word));
  const create = () => set({ new: '1' });
  useKeys({ c: () => may('webhooks') && create() });
  return (
    <>
      <Head title={t.webhooks.title(word)}>
        {list.length > SEARCHED_FROM && (
          <input
            type="search"
            className="narrow"
            aria-label={t.webhooks.search}
            placeholder={t.webhooks.search}
            value={wanted}
            onChange={({ target }) => setWanted(target.value)}
          />
        )}
        <NoticesButton />
        {may('webhooks') && (
          <Button kind="primary" onClick={create}>
            <Plus size={16} aria-hidden /> {t.webhooks.create(word)}
          </Button>
        )}
      </Head>
      <ErrorNote error={endpoints.error ?? error} />
      {!endpoints.data && !endpoints.error && <Skeleton />}
      {endpoints.data && list.length === 0 && <FirstWebhook onCreate={create} />}
      {list.length > 0 && shown.length === 0 && <p className="quiet">{t.webhooks.noneFits}</p>}
      {shown.length > 0 && (
        <DataTable
          label={t.webhooks.title(word)}
          rows={shown}
          columns={columns}
          rowId={(endpoint) => endpoint.id}
          openId={openId}
          onOpen={(endpoint) => set({ endpoint: endpoint.id }, openId !== null)}
        />
      )}
      {openId !== null && endpoints.data && !open && <div className="note wait">{t.webhooks.gone(word)}</div>}
      {params.get('new') !== null && endpoints.data && may('webhooks') && (
        <EndpointForm
          url={params.get('url') ?? ''}
          trigger={params.get('trigger') ?? undefined}
          like={list.find((endpoint) => endpoint.id === params.get('like'))}
          onClose={() => set(NOT_NEW)}
          onDone={(id) => set({ ...NOT_NEW, endpoint: id })}
        />
      )}
      {open && (
        <EndpointDrawer key={open.id} endpoint={open} onClose={() => set({ endpoint: null, tab: null }, true)} />
      )}
    </>
  );
}

/** What a new one begins with stands in the URL, too. */
const NOT_NEW = { new: null, url: null, trigger: null, like: null };

/** With more than this many, one looks for one by its words. */
const SEARCHED_FROM = 8;

function fits({ url, description, subscriptions }: Endpoint, wanted: string): boolean {
  const text = [url, description, ...subscriptions.map((one) => one.trigger)].join('\n').toLowerCase();
  return text.includes(wanted.trim().toLowerCase());
}

/** An endpoint with what its last 24 hours came to. */
interface Row extends Endpoint {
  day: Day | undefined;
  isLoading: boolean;
}

const column = columnsOf<Row>();

function useColumns(onRemove: (endpoint: Endpoint) => void) {
  const { contract, may, hasTopicChoice, triggerLabel, topicLabel } = useAccount();
  const { t, f } = useLanguage();
  const nameOf = useWebhookName();
  return useMemo(() => {
    const first = (endpoint: Endpoint) => endpoint.subscriptions[0];
    return column.columns([
      column.accessor((endpoint) => triggerLabel(first(endpoint)?.trigger ?? ''), {
        id: 'trigger',
        header: contract.words.trigger,
        meta: { width: '17%' },
        cell: ({ row, getValue }) => (
          <>
            {getValue()}
            {row.original.subscriptions.length > 1 && (
              <span className="tag">{t.webhooks.more(row.original.subscriptions.length - 1)}</span>
            )}
            {row.original.description !== '' && <span className="quiet">{` · ${row.original.description}`}</span>}
            <span className="phone-only mono quiet">
              <UrlText url={row.original.url} />
            </span>
          </>
        ),
      }),
      ...(hasTopicChoice
        ? [
            column.accessor((endpoint) => topicLabel(first(endpoint)?.topic), {
              id: 'topic',
              header: contract.words.topic,
              meta: { width: '9%', wideOnly: true },
            }),
          ]
        : []),
      column.accessor('url', {
        header: contract.words.url,
        meta: { kind: 'code', wideOnly: true },
        cell: ({ getValue }) => <UrlText url={getValue()} />,
      }),
      column.accessor('status', {
        header: t.webhooks.status,
        meta: { width: '196px', phoneWidth: '124px' },
        cell: ({ row }) => <EndpointStatusView endpoint={row.original} place="list" />,
      }),
      column.accessor((endpoint) => endpoint.day?.share ?? undefined, {
        id: 'day',
        header: t.webhooks.day,
        sortUndefined: 'last',
        meta: { width: '160px', wideOnly: true },
        cell: ({ row, getValue }) => {
          const { day } = row.original;
          const share = getValue();
          if (row.original.isLoading) return <span className="skeleton inline" />;
          return (
            day && (
              <span className="row nowrap">
                <Sparkline buckets={day.hours} />
                <span className={share === undefined ? 'quiet' : ''} title={t.webhooks.successRate}>
                  {share === undefined ? '–' : f.percent(share)}
                </span>
              </span>
            )
          );
        },
      }),
      column.accessor((endpoint) => endpoint.day?.last_delivery_at ?? undefined, {
        id: 'last',
        header: t.webhooks.lastMessage,
        sortUndefined: 'last',
        meta: { width: '108px', wideOnly: true },
        cell: ({ row, getValue }) =>
          row.original.isLoading ? <span className="skeleton inline" /> : <Time at={getValue() ?? null} />,
      }),
      ...(may('webhooks')
        ? [
            column.display({
              id: 'actions',
              header: t.common.actions,
              meta: { kind: 'actions', width: '52px', phoneWidth: '48px' },
              cell: ({ row }) => (
                <RowAction
                  icon={Trash2}
                  title={t.common.delete}
                  label={t.webhooks.deleteOne(contract.words.endpoint, nameOf(row.original))}
                  onClick={() => onRemove(row.original)}
                />
              ),
            }),
          ]
        : []),
    ]);
  }, [contract, may, hasTopicChoice, triggerLabel, topicLabel, nameOf, t, f, onRemove]);
}
