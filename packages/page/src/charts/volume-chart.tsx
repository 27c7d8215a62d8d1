import { scaleOrdinal } from '@visx/scale';
import { BarStack } from '@visx/shape';
import { useLanguage } from '../texts/language.tsx';
import type { Bucket } from '../types.ts';
import { ChartFrame } from './chart-frame.tsx';

const KINDS = ['succeeded', 'retrying', 'discarded', 'held', 'skipped'] as const;
type Counts = Record<(typeof KINDS)[number], number>;
const color = scaleOrdinal({
  domain: [...KINDS],
  range: ['var(--chart-good)', 'var(--chart-wait)', 'var(--chart-bad)', 'var(--chart-hold)', 'var(--chart-off)'],
});

const NOTHING: Counts = { succeeded: 0, retrying: 0, discarded: 0, held: 0, skipped: 0 };

/** Deliveries by outcome over time. */
export function VolumeChart(props: {
  buckets: readonly Bucket[];
  bucketMs: number;
  onPick?: (from: string, to: string) => void;
}) {
  const { buckets, bucketMs, onPick } = props;
  const { t, f } = useLanguage();
  const words = (counts: Counts) =>
    KINDS.filter((kind) => counts[kind] > 0 || kind === 'succeeded')
      .map((kind) => t.charts.outcomes[kind](f.number(counts[kind])))
      .join(', ');
  const total = Object.fromEntries(
    KINDS.map((kind) => [kind, buckets.reduce((sum, bucket) => sum + bucket[kind], 0)]),
  ) as Counts;
  const byStart = new Map(buckets.map((bucket) => [bucket.at, bucket]));
  return (
    <ChartFrame
      label={t.charts.volume}
      starts={buckets.map((bucket) => bucket.at)}
      bucketMs={bucketMs}
      max={Math.max(0, ...buckets.map((bucket) => KINDS.reduce((sum, kind) => sum + bucket[kind], 0)))}
      tick={(value) => (Number.isInteger(value) ? f.number(value) : '')}
      summary={words(total)}
      describe={(start) => words(byStart.get(start) ?? NOTHING)}
      {...(onPick ? { onPick } : {})}
    >
      {({ x, y }) => (
        <BarStack data={[...buckets]} keys={[...KINDS]} x={(bucket) => bucket.at} xScale={x} yScale={y} color={color} />
      )}
    </ChartFrame>
  );
}
