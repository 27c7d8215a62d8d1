import { useInfiniteQuery } from '@tanstack/react-query';
import { useAccount } from './account.tsx';
import { get } from './api.ts';
import { actionText } from './texts.ts';
import type { AuditEntry, Page } from './types.ts';
import { Empty, ErrorNote, Skeleton, Time } from './ui.tsx';

export function Audit() {
  const { path } = useAccount();
  return (
    <>
      <div className="head">
        <h1>Audit log</h1>
      </div>
      <AuditTable path={`${path}/audit`} />
    </>
  );
}

/** Who changed what, and when. */
export function AuditTable({ path, withAccount = false }: { path: string; withAccount?: boolean }) {
  const list = useInfiniteQuery({
    queryKey: [path],
    queryFn: ({ pageParam }) => get<Page<AuditEntry>>(`${path}?limit=100${pageParam ? `&cursor=${pageParam}` : ''}`),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
  });
  if (list.error) return <ErrorNote error={list.error} />;
  if (!list.data) return <Skeleton />;
  const entries = list.data.pages.flatMap((page) => page.data);
  if (entries.length === 0)
    return (
      <Empty
        title="Nothing has been changed yet"
        text="Every change to webhooks and keys will stand here: who, what and when."
      />
    );
  return (
    <div className="stack">
      <section className="scroll" aria-label="Audit log" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th>When</th>
              <th>Who</th>
              <th>What</th>
              {withAccount && <th>Account</th>}
              <th>Which</th>
              <th>Details</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <tr key={entry.id}>
                <td>
                  <Time at={entry.at} />
                </td>
                <td>
                  {entry.actor === 'page' ? 'Developers page' : entry.actor === 'operator' ? 'Operator' : entry.actor}
                </td>
                <td>{actionText(entry.action)}</td>
                {withAccount && <td className="mono">{entry.account_id}</td>}
                <td className="mono">{entry.target}</td>
                <td className="mono quiet" title={JSON.stringify(entry.detail)}>
                  {JSON.stringify(entry.detail)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {list.hasNextPage && (
        <div>
          <button type="button" className="button" onClick={() => void list.fetchNextPage()}>
            Older
          </button>
        </div>
      )}
    </div>
  );
}
