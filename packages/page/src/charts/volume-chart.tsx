import { scaleOrdinal } from '@visx/scale';
import { BarStack } from '@visx/shape';
import { useLanguage } from '../texts/language.tsx';
import type { Bucket } from '../types.ts';
import { ChartFrame } from './chart-frame.tsx';

const KINDS = ['succeeded', 'discarded', 'skipped'] as const;
const color = scaleOrdinal({
  domain: [...KINDS],
  range: ['var(--chart-good)', 'var(--chart-bad)', 'var(--chart-off)'],
});

/** Deliveries by outcome over time. */
export function VolumeChart(props: {
  buckets: readonly Bucket[];
  bucketMs: number;
  picked?: string | undefined;
  onPick?: (from: string, to: string) => void;
}) {
  const { buckets, bucketMs, picked, onPick } = props;
  const { t, f } = useLanguage();
  const sum = (kind: (typeof KINDS)[number]) => buckets.reduce((total, bucket) => total + bucket[kind], 0);
  const words = ({ succeeded, discarded, skipped }: Record<(typeof KINDS)[number], number>) =>
    t.charts.volumeOf(f.number(succeeded), f.number(discarded), f.number(skipped));
  const byStart = new Map(buckets.map((bucket) => [bucket.at, bucket]));
  return (
    <ChartFrame
      label={t.charts.volume}
      starts={buckets.map((bucket) => bucket.at)}
      bucketMs={bucketMs}
      max={Math.max(0, ...buckets.map((bucket) => bucket.succeeded + bucket.discarded + bucket.skipped))}
      tick={f.number}
      summary={words({ succeeded: sum('succeeded'), discarded: sum('discarded'), skipped: sum('skipped') })}
      describe={(start) => words(byStart.get(start) ?? { succeeded: 0, discarded: 0, skipped: 0 })}
      picked={picked}
      {...(onPick ? { onPick } : {})}
    >
      {({ x, y }) => (
        <BarStack data={[...buckets]} keys={[...KINDS]} x={(bucket) => bucket.at} xScale={x} yScale={y} color={color} />
      )}
    </ChartFrame>
  );
}
