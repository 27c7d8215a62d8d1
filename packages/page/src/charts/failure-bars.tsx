import { useUrlOf } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Stats } from '../types.ts';
import { nameOfUrl } from '../ui/url-text.tsx';

const SHOWN = 3;

/** What messages fail with now, and where: each group since when, and how many. A click shows them. */
export function FailureBars(props: {
  failures: Stats['failures'];
  onPick: (failure: Stats['failures'][number]) => void;
}) {
  const { failures, onPick } = props;
  const { t, f } = useLanguage();
  const urlOf = useUrlOf();
  const most = Math.max(1, ...failures.map((failure) => failure.count));
  const total = failures.reduce((sum, failure) => sum + failure.count, 0);
  return (
    <div>
      <p className="readout">{total === 0 ? t.charts.noFailures : t.charts.failed(f.number(total))}</p>
      <ul className="bars">
        {failures.slice(0, SHOWN).map((failure) => {
          const { endpoint_id: endpoint, status, error, count, first_at: firstAt } = failure;
          const answer = String(status ?? t.attemptErrors[error ?? '']?.short ?? error);
          const url = urlOf(endpoint);
          const since = f.since(Date.parse(firstAt), Date.now());
          return (
            <li key={`${endpoint} ${answer}`}>
              <button
                type="button"
                title={`${url}\n${t.charts.since(f.exact(Date.parse(firstAt)))}`}
                onClick={() => onPick(failure)}
              >
                <span className="what">
                  <strong>{answer}</strong> {t.charts.at(nameOfUrl(url))}
                </span>
                <span className="what quiet">{`${t.charts.messages(f.number(count))} ${t.charts.since(since)}`}</span>
                <span className="bar">
                  <i style={{ width: `${(count / most) * 100}%` }} />
                </span>
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
