import { useQuery } from '@tanstack/react-query';
import { useAccount, useUrlState } from '../account.tsx';
import { get } from '../api.ts';
import { FailureBars } from '../charts/failure-bars.tsx';
import { LatencyChart } from '../charts/latency-chart.tsx';
import { VolumeChart } from '../charts/volume-chart.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Stats } from '../types.ts';
import { QueryError } from '../ui/notes.tsx';
import { isNarrow } from '../ui/screen.ts';
import { Time } from '../ui/time.tsx';
import { momentsOf } from '../ui/time-range.tsx';
import { CLEARED, rangeOf } from './filters.ts';

/** The time that is shown: volume by outcome, latency, failures, and what waits longest. A bar is a time to look into. */
export function Charts() {
  const { path } = useAccount();
  const { t } = useLanguage();
  const { params, set } = useUrlState();
  const endpoint = params.get('endpoint');
  const range = rangeOf(params);
  const stats = useQuery({
    queryKey: [path, 'stats', endpoint, range],
    queryFn: () => {
      const query = new URLSearchParams(momentsOf(range, Date.now()));
      if (endpoint !== null) query.set('endpoint', endpoint);
      return get<Stats>(`${path}/stats?${query}`);
    },
    refetchInterval: 15_000,
    placeholderData: (before) => before,
  });
  const data = stats.data;
  const pick = (from: string, to: string) => set({ ...CLEARED, endpoint, span: 'own', from, to });
  return (
    <section aria-label={t.charts.title}>
      <details className="card charts" open={!isNarrow()}>
        <summary>
          <h2>{t.charts.title}</h2>
          {data && (
            <span className="quiet">
              {data.oldest_waiting_at === null ? t.charts.nothingWaits : t.charts.oldestWaiting}{' '}
              {data.oldest_waiting_at !== null && <Time at={data.oldest_waiting_at} />}
            </span>
          )}
        </summary>
        <QueryError of={stats} />
        <div className="panels">
          <section aria-label={t.charts.volume}>
            <h3>{t.charts.volume}</h3>
            {data && <VolumeChart buckets={data.volume} bucketMs={data.bucket_ms} onPick={pick} />}
          </section>
          <section aria-label={t.charts.latency}>
            <h3>{t.charts.latency}</h3>
            {data && <LatencyChart stats={data} onPick={pick} />}
          </section>
          <section aria-label={t.charts.failures}>
            <h3>{t.charts.failures}</h3>
            {data && (
              <FailureBars
                failures={data.failures}
                onPick={({ endpoint_id, status, error }) =>
                  set({
                    ...CLEARED,
                    span: params.get('span'),
                    from: params.get('from'),
                    to: params.get('to'),
                    endpoint: endpoint_id,
                    last_status: status === null ? null : String(status),
                    last_error: status === null ? error : null,
                  })
                }
              />
            )}
          </section>
        </div>
      </details>
    </section>
  );
}
