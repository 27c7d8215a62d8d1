import { LinePath } from '@visx/shape';
import { useLanguage } from '../texts/language.tsx';
import type { Stats } from '../types.ts';
import { ChartFrame } from './chart-frame.tsx';

const LINES = ['p50', 'p95', 'p99'] as const;

/** How long attempts took, by time. Where there were none, the lines break off. */
export function LatencyChart(props: { stats: Stats; onPick?: (from: string, to: string) => void }) {
  const { stats, onPick } = props;
  const { t, f } = useLanguage();
  const { p50, p95, p99 } = stats.latency_ms;
  const words = (of: { p50: number; p95: number; p99: number }) =>
    t.charts.latencyOf(f.measured(of.p50), f.measured(of.p95), f.measured(of.p99));
  const starts = stats.volume.map((bucket) => bucket.at);
  const byStart = new Map(stats.latency.map((point) => [point.at, point]));
  return (
    <ChartFrame
      label={t.charts.latency}
      starts={starts}
      bucketMs={stats.bucket_ms}
      max={Math.max(0, ...stats.latency.map((point) => point.p99))}
      tick={f.measured}
      summary={p50 === null || p95 === null || p99 === null ? t.charts.nothing : words({ p50, p95, p99 })}
      describe={(start) => {
        const point = byStart.get(start);
        return point ? words(point) : t.charts.nothing;
      }}
      {...(onPick ? { onPick } : {})}
    >
      {({ x, y }) => {
        const at = (start: string) => (x(start) ?? 0) + x.bandwidth() / 2;
        return LINES.map((line) => {
          const height = (start: string) => y(byStart.get(start)?.[line] ?? 0);
          return (
            <g key={line} className={`line ${line}`}>
              <LinePath data={starts} defined={(start) => byStart.has(start)} x={at} y={height} />
              {stats.latency.map((point) => (
                <circle key={point.at} cx={at(point.at)} cy={height(point.at)} r={2} />
              ))}
            </g>
          );
        });
      }}
    </ChartFrame>
  );
}
