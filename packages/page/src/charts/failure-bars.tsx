import { useLanguage } from '../texts/language.tsx';
import type { Stats } from '../types.ts';

const SHOWN = 5;

/** What failed messages ended with; a click shows them. */
export function FailureBars(props: {
  failures: Stats['failures'];
  onPick: (failure: { status: number | null; error: string | null }) => void;
}) {
  const { failures, onPick } = props;
  const { t, f } = useLanguage();
  const most = Math.max(1, ...failures.map((failure) => failure.count));
  const total = failures.reduce((sum, failure) => sum + failure.count, 0);
  return (
    <div>
      <p className="readout">{total === 0 ? t.charts.noFailures : t.charts.failed(f.number(total))}</p>
      <ul className="bars">
        {failures.slice(0, SHOWN).map(({ status, error, count }) => (
          <li key={`${status} ${error}`}>
            <button type="button" onClick={() => onPick({ status, error })}>
              <span className="mono">{status ?? t.attemptErrors[error ?? '']?.short ?? error}</span>
              <span className="bar">
                <i style={{ width: `${(count / most) * 100}%` }} />
              </span>
              <span className="count">{f.number(count)}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
