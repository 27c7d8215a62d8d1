import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus, RotateCcw, Trash2 } from 'lucide-react';
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { useAccount, useEndpoints, useUrlState } from '../account.tsx';
import { call, getAll } from '../api.ts';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { ApiKey } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Empty, QueryError, Skeleton } from '../ui/notes.tsx';
import { RowAction } from '../ui/row-action.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { useTitle } from '../ui/title.ts';
import { toast } from '../ui/toasts.tsx';
import { KeyCode } from './key-code.tsx';
import { KeyDialog, RotateDialog, ShownOnce } from './key-dialogs.tsx';

type Open =
  | { kind: 'new'; scopes?: string[] }
  | { kind: 'edit' | 'delete' | 'rotate'; key: ApiKey }
  | { kind: 'shown'; text: string }
  | undefined;

/** API keys: a screen, or the part below the webhooks where the contract wants both on one page. */
export function Keys() {
  const { contract } = useAccount();
  return contract.page.keys === 'below-webhooks' ? <KeysPart /> : <KeysScreen />;
}

function KeysScreen() {
  const { t } = useLanguage();
  useTitle(t.nav.keys);
  return <KeyList />;
}

/** Below the webhooks; /keys is the way to it. */
function KeysPart() {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const [location] = useLocation();
  const isWanted = location === '/keys';
  // What stands above takes its final height when it is there.
  const areWebhooksThere = useEndpoints().isFetched;
  const part = useRef<HTMLDivElement>(null);
  const wasWanted = useRef(false);
  useTitle(isWanted ? t.nav.keys : t.webhooks.title(contract.words.endpoint));
  useEffect(() => {
    if (isWanted && areWebhooksThere) part.current?.scrollIntoView({ block: 'start' });
    if (!isWanted && wasWanted.current) window.scrollTo({ top: 0 });
    wasWanted.current = isWanted;
  }, [isWanted, areWebhooksThere]);
  return (
    <div ref={part} className="page-part">
      <KeyList isPart />
    </div>
  );
}

function KeyList({ isPart = false }: { isPart?: boolean }): ReactNode {
  const { path, may } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const { params, set } = useUrlState();
  const wanted = may('keys') ? params.get('scope') : null;
  const [open, setOpen] = useState<Open>(wanted === null ? undefined : { kind: 'new', scopes: [wanted] });
  const keys = useQuery({
    queryKey: [path, 'keys'],
    queryFn: () => getAll<ApiKey>(`${path}/keys`),
    refetchInterval: 10_000,
  });
  const columns = useColumns(setOpen);
  const refresh = () => queries.invalidateQueries({ queryKey: [path, 'keys'] });
  const close = () => {
    setOpen(undefined);
    if (wanted !== null) set({ scope: null }, true);
  };
  const generate = may('keys') && (
    <Button kind="primary" onClick={() => setOpen({ kind: 'new' })}>
      <Plus size={16} aria-hidden /> {t.keys.generateKey}
    </Button>
  );
  const list = keys.data?.data;
  const done = (text?: string) => {
    void refresh();
    setOpen(text === undefined ? undefined : { kind: 'shown', text });
  };
  return (
    <>
      <Head title={t.nav.keys} isPart={isPart}>
        {generate}
      </Head>
      <QueryError of={keys} />
      {!list && !keys.error && <Skeleton />}
      {list?.length === 0 && <Empty title={t.keys.none} text={t.keys.noneText} />}
      {list && list.length > 0 && (
        <DataTable
          label={t.nav.keys}
          rows={list}
          columns={columns}
          rowId={(key) => key.id}
          onOpen={may('keys') ? (key) => setOpen({ kind: 'edit', key }) : undefined}
        />
      )}
      {open?.kind === 'new' && <KeyDialog scopes={open.scopes ?? []} onClose={close} onDone={done} />}
      {open?.kind === 'edit' && <KeyDialog existing={open.key} onClose={close} onDone={done} />}
      {open?.kind === 'rotate' && (
        <RotateDialog name={open.key.label} path={`${path}/keys/${open.key.id}`} onClose={close} onDone={done} />
      )}
      {open?.kind === 'shown' && (
        <ShownOnce text={open.text} title={t.keys.shownTitle} onClose={close}>
          <KeyCode prefix={open.text} scopes={[]} />
        </ShownOnce>
      )}
      {open?.kind === 'delete' && (
        <FormDialog
          title={t.keys.deleteTitle(open.key.label)}
          verb={t.keys.delete}
          danger
          onClose={close}
          submit={async () => {
            await call('DELETE', `${path}/keys/${open.key.id}`);
            toast(t.keys.deleted(open.key.label));
            done();
          }}
        >
          <p>{t.keys.deleteText}</p>
        </FormDialog>
      )}
    </>
  );
}

const column = columnsOf<ApiKey>();

/** What there was today, in UTC; the newest day stands first. */
function todayOf({ days: [last] }: ApiKey): { calls: number; refusals: number } {
  return last?.day === new Date().toISOString().slice(0, 10) ? last : { calls: 0, refusals: 0 };
}

/** Calls of today, with those of the days before on hover; and whether something was refused. */
function Calls({ apiKey, today }: { apiKey: ApiKey; today: number }) {
  const { t, f } = useLanguage();
  const refused = todayOf(apiKey).refusals;
  const days = apiKey.days.map(({ day, calls, refusals }) => t.keys.day(day, f.number(calls), f.number(refusals)));
  return (
    <span title={days.join('\n')}>
      {refused > 0 && <span className="bad">{`${t.keys.refused(f.number(refused))} `}</span>}
      {f.number(today)}
    </span>
  );
}

function useColumns(setOpen: (open: Open) => void) {
  const { scopeLabel, may } = useAccount();
  const { t, f } = useLanguage();
  return useMemo(() => {
    return column.columns([
      column.accessor('label', {
        header: t.keys.label,
        cell: ({ row: { original: key }, getValue }) => (
          <>
            {getValue()}
            {!key.enabled && <span className="tag">{t.keys.disabled}</span>}
            {key.previous_until !== null && (
              <span className="quiet">{` · ${t.keys.previousUntil(f.exact(Date.parse(key.previous_until)))}`}</span>
            )}
          </>
        ),
      }),
      column.accessor((key) => key.scopes.map(scopeLabel).join(', '), {
        id: 'scopes',
        header: t.keys.scopes,
        meta: { width: '22%', wideOnly: true },
        cell: ({ getValue }) => getValue() || <span className="quiet">{t.keys.noScopes}</span>,
      }),
      column.accessor('prefix', {
        header: t.keys.key,
        meta: { width: '116px', kind: 'code', wideOnly: true },
        cell: ({ getValue }) => `${getValue()}…`,
      }),
      column.accessor((key) => todayOf(key).calls, {
        id: 'calls',
        header: t.keys.callsToday,
        meta: { width: '128px', kind: 'number', wideOnly: true },
        cell: ({ row: { original: key }, getValue }) => <Calls apiKey={key} today={getValue()} />,
      }),
      column.accessor((key) => key.last_used_at ?? undefined, {
        id: 'last_used_at',
        header: t.keys.lastUsed,
        sortUndefined: 'last',
        meta: { width: '104px', phoneWidth: '88px' },
        cell: ({ getValue }) => <Time at={getValue() ?? null} />,
      }),
      column.accessor((key) => key.expires_at ?? undefined, {
        id: 'expires_at',
        header: t.keys.expires,
        sortUndefined: 'last',
        meta: { width: '104px', wideOnly: true },
        cell: ({ getValue }) => <Time at={getValue() ?? null} />,
      }),
      ...(may('keys')
        ? [
            column.display({
              id: 'actions',
              header: t.common.actions,
              meta: { kind: 'actions', width: '84px', phoneWidth: '80px' },
              cell: ({ row: { original: key } }) => (
                <>
                  <RowAction
                    icon={RotateCcw}
                    title={t.common.rotate}
                    label={t.keys.rotateOne(key.label)}
                    onClick={() => setOpen({ kind: 'rotate', key })}
                  />
                  <RowAction
                    icon={Trash2}
                    title={t.common.delete}
                    label={t.keys.deleteOne(key.label)}
                    onClick={() => setOpen({ kind: 'delete', key })}
                  />
                </>
              ),
            }),
          ]
        : []),
    ]);
  }, [scopeLabel, may, t, f, setOpen]);
}
