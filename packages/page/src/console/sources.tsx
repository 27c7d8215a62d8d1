import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { AlertCircle, CheckCircle2, CirclePause, Clock, type LucideIcon, RotateCw, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useUrlState } from '../account.tsx';
import { call, get, part, post } from '../api.ts';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { DeadLetter, Page, Redriven, Source } from '../types.ts';
import { Button } from '../ui/button.tsx';
import { Body } from '../ui/code.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Empty, ErrorNote, QueryError, Skeleton } from '../ui/notes.tsx';
import { Status, type Tone } from '../ui/status.tsx';
import { columnsOf, DataTable } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { toast } from '../ui/toasts.tsx';
import { useOperatorRole } from './operator-role.ts';

const LOOK_EVERY_MS = 5_000;

type NodeState = Source['nodes'][number]['state'];
const STATES: Record<NodeState, { tone: Tone; icon: LucideIcon }> = {
  running: { tone: 'good', icon: CheckCircle2 },
  standby: { tone: 'off', icon: CirclePause },
  starting: { tone: 'off', icon: Clock },
  held: { tone: 'bad', icon: AlertCircle },
  failing: { tone: 'bad', icon: AlertCircle },
};
/** The one that somebody should know of first. */
const WORST_FIRST: NodeState[] = ['held', 'failing', 'running', 'standby', 'starting'];

const column = columnsOf<Source>();

/** Brokers and tables that events come from, and messages of theirs that could not become one. */
export function Sources() {
  const { t, f } = useLanguage();
  const { params, set } = useUrlState();
  const sources = useQuery({
    queryKey: ['sources'],
    queryFn: () => get<{ data: Source[] }>('/v1/sources'),
    refetchInterval: LOOK_EVERY_MS,
  });
  const columns = useMemo(
    () =>
      column.columns([
        column.accessor('name', { header: t.sources.source }),
        column.accessor('type', { header: t.sources.type, meta: { width: '120px', wideOnly: true } }),
        column.display({
          id: 'state',
          header: t.sources.state,
          meta: { width: '140px', phoneWidth: '120px' },
          cell: ({ row }) => <State of={row.original} />,
        }),
        column.display({
          id: 'events',
          header: t.console.events,
          meta: { width: '120px', kind: 'number', wideOnly: true },
          cell: ({ row: { original } }) => f.number(original.nodes.reduce((sum, { accepted }) => sum + accepted, 0)),
        }),
        column.accessor('behind', {
          header: t.sources.behind,
          meta: { width: '120px', kind: 'number', wideOnly: true },
          cell: ({ getValue }) => (getValue() === null ? '' : f.number(getValue() ?? 0)),
        }),
        column.accessor('dead_letters', {
          header: t.sources.deadLetters,
          meta: { width: '120px', phoneWidth: '100px', kind: 'number' },
          cell: ({ getValue }) => f.number(getValue()),
        }),
      ]),
    [t, f],
  );
  const list = sources.data?.data;
  const open = list?.find(({ name }) => name === params.get('source'));
  return (
    <>
      <Head title={t.sources.sources} />
      <QueryError of={sources} />
      {!list && !sources.error && <Skeleton />}
      {list?.length === 0 && <Empty title={t.sources.none} text={t.sources.noneText} />}
      {list && list.length > 0 && (
        <DataTable
          label={t.sources.sources}
          rows={list}
          columns={columns}
          rowId={({ name }) => name}
          openId={open?.name ?? null}
          onOpen={({ name }) => set({ source: name })}
        />
      )}
      {open && <SourceDrawer key={open.name} source={open} onClose={() => set({ source: null })} />}
    </>
  );
}

function State({ of: { nodes } }: { of: Source }) {
  const { t } = useLanguage();
  const state = WORST_FIRST.find((one) => nodes.some((node) => node.state === one)) ?? 'starting';
  return <Status {...STATES[state]}>{t.sources.states[state]}</Status>;
}

function SourceDrawer({ source, onClose }: { source: Source; onClose: () => void }) {
  const { t, f } = useLanguage();
  return (
    <Dialog title={source.name} kind="drawer" onClose={onClose}>
      <div className="stack">
        {source.nodes.length === 0 && <p className="quiet">{t.sources.noNode}</p>}
        {source.nodes.map(({ node, state, error, accepted, last_message_at }) => (
          <section key={node} className="stack tight" aria-label={t.sources.node(node)}>
            <div className="row">
              <span className="grow">{t.sources.node(node)}</span>
              <Status {...STATES[state]}>{t.sources.states[state]}</Status>
            </div>
            {error !== null && <p className="error">{error}</p>}
            <dl className="pairs">
              <div>
                <dt>{t.sources.sinceStart}</dt>
                <dd>{t.sources.events(accepted, f.number(accepted))}</dd>
              </div>
              <div>
                <dt>{t.sources.lastMessage}</dt>
                <dd>
                  <Time at={last_message_at} />
                </dd>
              </div>
            </dl>
          </section>
        ))}
        <DeadLetters source={source} />
      </div>
    </Dialog>
  );
}

function DeadLetters({ source: { name, dead_letters: count } }: { source: Source }) {
  const { t, f } = useLanguage();
  const queries = useQueryClient();
  const path = `/v1/sources/${part(name)}`;
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const letters = useInfiniteQuery({
    queryKey: ['dead-letters', name, count],
    queryFn: ({ pageParam }) =>
      get<Page<DeadLetter>>(`${path}/dead-letters?limit=50${pageParam ? `&cursor=${pageParam}` : ''}`),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: (before) => before,
  });
  const change = async (work: () => Promise<string>) => {
    setBusy(true);
    setError(undefined);
    try {
      toast(await work());
    } catch (failure) {
      setError(failure);
    }
    await Promise.all([
      queries.invalidateQueries({ queryKey: ['sources'] }),
      queries.invalidateQueries({ queryKey: ['dead-letters', name] }),
    ]);
    setBusy(false);
  };
  const redrive = (ids?: string[]) =>
    change(async () => {
      const sum = { published: 0, failed: 0 };
      for (let after: string | null | undefined; after !== null; ) {
        const answer: Redriven = await post(`${path}/redrive`, {
          ...(ids ? { ids } : {}),
          ...(after ? { after } : {}),
        });
        sum.published += answer.published;
        sum.failed += answer.failed;
        after = answer.next_after;
      }
      return t.sources.redriven(f.number(sum.published), f.number(sum.failed));
    });
  const remove = (id: string) =>
    change(async () => {
      await call('DELETE', `${path}/dead-letters/${id}`);
      return t.sources.deleted;
    });
  const role = useOperatorRole();
  const list = letters.data?.pages.flatMap((page) => page.data);
  return (
    <section className="stack tight" aria-label={t.sources.deadLetters}>
      <div className="row">
        <h3 className="grow">{t.sources.deadLetters}</h3>
        {count > 0 && role !== 'viewer' && (
          <Button size="small" disabled={isBusy} onClick={() => redrive()}>
            <RotateCw size={14} aria-hidden /> {t.sources.redriveAll}
          </Button>
        )}
      </div>
      <p className="quiet">{t.sources.deadLettersText}</p>
      <ErrorNote error={error} />
      <QueryError of={letters} />
      {!list && !letters.error && <Skeleton rows={2} />}
      {list?.length === 0 && <p>{t.common.none}</p>}
      {list && list.length > 0 && (
        <ul className="feed box">
          {list.map((letter) => (
            <Letter
              key={letter.id}
              letter={letter}
              path={path}
              isBusy={isBusy}
              onRedrive={() => redrive([letter.id])}
              onDelete={() => remove(letter.id)}
            />
          ))}
        </ul>
      )}
      {letters.hasNextPage && (
        <Button size="small" disabled={letters.isFetchingNextPage} onClick={() => void letters.fetchNextPage()}>
          {t.common.more}
        </Button>
      )}
    </section>
  );
}

function Letter(props: {
  letter: DeadLetter;
  path: string;
  isBusy: boolean;
  onRedrive: () => void;
  onDelete: () => void;
}) {
  const { letter, path, isBusy, onRedrive, onDelete } = props;
  const role = useOperatorRole();
  const { t } = useLanguage();
  const [isOpen, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          <span className="grow">{letter.error.detail}</span>
          <code className="quiet">{letter.place}</code>
          <span className="quiet num">
            <Time at={letter.created_at} />
          </span>
        </summary>
        {isOpen && (
          <div className="stack tight">
            <dl className="pairs">
              {[[t.sources.place, letter.place] as const, ...Object.entries(letter.headers)].map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>
                    <code>{value}</code>
                  </dd>
                </div>
              ))}
            </dl>
            <LetterBody id={letter.id} path={path} />
            <div className="row">
              {letter.is_whole && role !== 'viewer' && (
                <Button size="small" disabled={isBusy} onClick={onRedrive}>
                  <RotateCw size={14} aria-hidden /> {t.sources.redrive}
                </Button>
              )}
              {!letter.is_whole && <p className="quiet">{t.sources.notWhole}</p>}
              {role === 'admin' && (
                <Button size="small" disabled={isBusy} onClick={onDelete}>
                  <Trash2 size={14} aria-hidden /> {t.common.delete}
                </Button>
              )}
            </div>
          </div>
        )}
      </details>
    </li>
  );
}

function LetterBody({ id, path }: { id: string; path: string }) {
  const { t } = useLanguage();
  const letter = useQuery({
    queryKey: ['dead-letter', id],
    queryFn: () => get<DeadLetter>(`${path}/dead-letters/${id}`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!letter.data) return letter.error ? <QueryError of={letter} /> : <Skeleton rows={2} />;
  return <Body label={t.sources.message} text={letter.data.body} encoding={letter.data.encoding} />;
}
