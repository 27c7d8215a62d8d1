import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { useAccount } from '../account.tsx';
import { get } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Delivery, Endpoint, Page } from '../types.ts';
import { ErrorNote, Skeleton } from '../ui/notes.tsx';
import { DeliveryStatusView } from '../ui/status.tsx';
import { Time } from '../ui/time.tsx';

const SHOWN = 5;

/** What was sent to a webhook last: each opens in the history. */
export function RecentMessages({ endpoint }: { endpoint: Endpoint }) {
  const { path, triggerLabel } = useAccount();
  const { t } = useLanguage();
  const recent = useQuery({
    queryKey: [path, 'recent', endpoint.id],
    queryFn: () => get<Page<Delivery>>(`${path}/deliveries?endpoint=${endpoint.id}&limit=${SHOWN}`),
    refetchInterval: 5_000,
  });
  return (
    <section className="stack tight" aria-label={t.endpoint.recent}>
      <div className="row">
        <h3>{t.endpoint.recent}</h3>
        <span className="grow" />
        <Link className="button small plain" href={`/messages?endpoint=${endpoint.id}`}>
          {t.endpoint.itsMessages}
        </Link>
      </div>
      <ErrorNote error={recent.data ? null : recent.error} />
      {recent.isPending && <Skeleton rows={2} />}
      {recent.data?.data.length === 0 && <p className="quiet">{t.endpoint.noMessages}</p>}
      {recent.data && recent.data.data.length > 0 && (
        <ul className="recent">
          {recent.data.data.map((message) => (
            <li key={message.id}>
              <Link href={`/messages?message=${message.id}`}>
                <DeliveryStatusView status={message.status} />
                <span className="grow">
                  {triggerLabel(message.trigger)}
                  {message.test && <span className="tag">{t.messages.test}</span>}
                </span>
                <span className="mono quiet">
                  {message.last_status ?? t.attemptErrors[message.last_error ?? '']?.short ?? message.last_error}
                </span>
                <span className="quiet">
                  <Time at={message.created_at} />
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
