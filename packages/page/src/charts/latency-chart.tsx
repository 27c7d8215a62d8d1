import { LinePath } from '@visx/shape';
import { useLanguage } from '../texts/language.tsx';
import type { Stats } from '../types.ts';
import { ChartFrame } from './chart-frame.tsx';

const LINES = ['p50', 'p95', 'p99'] as const;

/** How long attempts took, by time; quarters of an hour without any are left out of the lines. */
export function LatencyChart(props: {
  stats: Stats;
  picked?: string | undefined;
  onPick?: (from: string, to: string) => void;
}) {
  const { stats, picked, onPick } = props;
  const { t, f } = useLanguage();
  const { p50, p95, p99 } = stats.latency_ms;
  const words = (of: { p50: number; p95: number; p99: number }) =>
    t.charts.latencyOf(f.measured(of.p50), f.measured(of.p95), f.measured(of.p99));
  const byStart = new Map(stats.latency.map((point) => [point.at, point]));
  return (
    <ChartFrame
      label={t.charts.latency}
      starts={stats.volume.map((bucket) => bucket.at)}
      bucketMs={stats.bucket_ms}
      max={Math.max(0, ...stats.latency.map((point) => point.p99))}
      tick={f.measured}
      summary={p50 === null || p95 === null || p99 === null ? t.charts.nothing : words({ p50, p95, p99 })}
      describe={(start) => {
        const point = byStart.get(start);
        return point ? words(point) : t.charts.nothing;
      }}
      picked={picked}
      {...(onPick ? { onPick } : {})}
    >
      {({ x, y }) =>
        LINES.map((line) => {
          const at = (point: { at: string }) => (x(point.at) ?? 0) + x.bandwidth() / 2;
          return (
            <g key={line} className={`line ${line}`}>
              <LinePath data={stats.latency} x={at} y={(point) => y(point[line])} />
              {stats.latency.map((point) => (
                <circle key={point.at} cx={at(point)} cy={y(point[line])} r={2} />
              ))}
            </g>
          );
        })
      }
    </ChartFrame>
  );
}
