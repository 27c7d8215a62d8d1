import { useQuery } from '@tanstack/react-query';
import { useAccount, useUrlState } from '../account.tsx';
import { get } from '../api.ts';
import { FailureBars } from '../charts/failure-bars.tsx';
import { LatencyChart } from '../charts/latency-chart.tsx';
import { VolumeChart } from '../charts/volume-chart.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Stats } from '../types.ts';
import { QueryError } from '../ui/notes.tsx';
import { Time } from '../ui/time.tsx';
import { isSpan, momentsOf, type Span, SpanSelect } from '../ui/time-range.tsx';
import { CLEARED } from './filters.ts';

/** Volume by outcome, latency, failures, and what waits longest; picking a bar filters the table below. */
export function Charts() {
  const { path } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const endpoint = params.get('endpoint');
  const chosen = params.get('chart');
  const span: Span = isSpan(chosen) ? chosen : '24h';
  const stats = useQuery({
    queryKey: [path, 'stats', endpoint, span],
    queryFn: () => {
      const query = new URLSearchParams(momentsOf({ span, from: '', to: '' }, Date.now()));
      if (endpoint !== null) query.set('endpoint', endpoint);
      return get<Stats>(`${path}/stats?${query}`);
    },
    refetchInterval: 15_000,
    placeholderData: (before) => before,
  });
  const data = stats.data;
  const picked = params.get('from') ?? undefined;
  const pick = (from: string, to: string) =>
    // Tests are not counted: a bar of four opens four.
    set(picked === from ? { ...CLEARED, endpoint } : { ...CLEARED, endpoint, test: 'false', span: 'own', from, to });
  return (
    <section className="card" aria-label={t.charts.title}>
      <header>
        <SpanSelect label={t.charts.title} value={span} onChange={(chart) => set({ chart }, true)} />
        {data && (
          <span className="quiet">
            {data.oldest_waiting_at === null ? t.charts.nothingWaits : t.charts.oldestWaiting}{' '}
            {data.oldest_waiting_at !== null && <Time at={data.oldest_waiting_at} />}
          </span>
        )}
      </header>
      <QueryError of={stats} />
      <div className="panels">
        <section aria-label={t.charts.volume}>
          <h2>{t.charts.volume}</h2>
          {data && <VolumeChart buckets={data.volume} bucketMs={data.bucket_ms} picked={picked} onPick={pick} />}
        </section>
        <section aria-label={t.charts.latency}>
          <h2>{t.charts.latency}</h2>
          {data && <LatencyChart stats={data} picked={picked} onPick={pick} />}
        </section>
        <section aria-label={t.charts.failures}>
          <h2>{t.charts.failures}</h2>
          {data && (
            <FailureBars
              failures={data.failures}
              onPick={({ status, error }) =>
                set({
                  ...CLEARED,
                  endpoint,
                  test: 'false',
                  status: 'discarded',
                  last_status: status === null ? null : String(status),
                  last_error: status === null ? error : null,
                  span,
                })
              }
            />
          )}
        </section>
      </div>
    </section>
  );
}
