import { useLanguage } from '../texts/language.tsx';
import type { Bucket } from '../types.ts';

const HEIGHT = 20;
const STEP = 4;

/** The volume of 24 hours, an hour a bar: what was delivered, and what failed on top. */
export function Sparkline({ buckets }: { buckets: readonly Bucket[] }) {
  const { t, f } = useLanguage();
  const most = Math.max(1, ...buckets.map((bucket) => bucket.succeeded + bucket.discarded));
  const sum = (kind: 'succeeded' | 'discarded') => buckets.reduce((total, bucket) => total + bucket[kind], 0);
  return (
    <svg
      className="spark"
      width={buckets.length * STEP}
      height={HEIGHT + 1}
      role="img"
      aria-label={t.charts.sparkline(f.number(sum('succeeded')), f.number(sum('discarded')))}
    >
      <line x1={0} x2={buckets.length * STEP} y1={HEIGHT + 0.5} y2={HEIGHT + 0.5} />
      {buckets.map(({ at, succeeded, discarded }, i) => {
        const good = (succeeded / most) * HEIGHT;
        const bad = (discarded / most) * HEIGHT;
        return (
          <g key={at}>
            <rect className="good" x={i * STEP} y={HEIGHT - good} width={STEP - 1} height={good} />
            <rect className="bad" x={i * STEP} y={HEIGHT - good - bad} width={STEP - 1} height={bad} />
          </g>
        );
      })}
    </svg>
  );
}
