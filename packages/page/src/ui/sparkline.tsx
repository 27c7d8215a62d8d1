import { useLanguage } from '../texts/language.tsx';
import type { Bucket } from '../types.ts';

const HEIGHT = 20;
const STEP = 4;

const KINDS = ['succeeded', 'retrying', 'discarded'] as const;
const TONES = { succeeded: 'good', retrying: 'wait', discarded: 'bad' };

/** The volume of 24 hours, an hour a bar: what was delivered, what is being retried, and what failed. */
export function Sparkline({ buckets }: { buckets: readonly Bucket[] }) {
  const { t, f } = useLanguage();
  const heightOf = (bucket: Bucket) => KINDS.reduce((sum, kind) => sum + bucket[kind], 0);
  const most = Math.max(1, ...buckets.map(heightOf));
  const words = KINDS.map((kind) => {
    const count = buckets.reduce((sum, bucket) => sum + bucket[kind], 0);
    return count > 0 || kind === 'succeeded' ? t.charts.outcomes[kind](f.number(count)) : '';
  });
  return (
    <svg
      className="spark"
      width={buckets.length * STEP}
      height={HEIGHT + 1}
      role="img"
      aria-label={`${t.time.last['24h']}: ${words.filter((word) => word !== '').join(', ')}`}
    >
      <line x1={0} x2={buckets.length * STEP} y1={HEIGHT + 0.5} y2={HEIGHT + 0.5} />
      {buckets.map((bucket, i) => {
        let top = HEIGHT;
        return KINDS.map((kind) => {
          const height = (bucket[kind] / most) * HEIGHT;
          top -= height;
          return (
            <rect
              key={kind + bucket.at}
              className={TONES[kind]}
              x={i * STEP}
              y={top}
              width={STEP - 1}
              height={height}
            />
          );
        });
      })}
    </svg>
  );
}
