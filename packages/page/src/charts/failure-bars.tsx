import { useEndpoints } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { Stats } from '../types.ts';
import { nameOfUrl } from '../ui/url-text.tsx';
import { useWebhookName } from '../webhooks/webhook-name.ts';

const SHOWN = 3;

/** What messages fail with now, and where: each group since when, and how many. A click shows them. */
export function FailureBars(props: {
  failures: Stats['failures'];
  onPick: (failure: Stats['failures'][number]) => void;
}) {
  const { failures, onPick } = props;
  const { t, f } = useLanguage();
  const nameOf = useNames(failures.map((failure) => failure.endpoint_id));
  const most = Math.max(1, ...failures.map((failure) => failure.count));
  const total = failures.reduce((sum, failure) => sum + failure.count, 0);
  return (
    <div>
      <p className="readout">{total === 0 ? t.charts.noFailures : t.charts.failed(f.number(total))}</p>
      <ul className="bars">
        {failures.slice(0, SHOWN).map((failure) => {
          const { endpoint_id: endpoint, status, error, count, first_at: firstAt } = failure;
          const answer = String(status ?? t.attemptErrors[error ?? '']?.short ?? error);
          const { short, whole } = nameOf(endpoint);
          const since = f.since(Date.parse(firstAt), Date.now());
          return (
            <li key={`${endpoint} ${answer}`}>
              <button
                type="button"
                title={`${whole}\n${t.charts.since(f.exact(Date.parse(firstAt)))}`}
                onClick={() => onPick(failure)}
              >
                <span className="what">
                  <strong>{answer}</strong> {t.charts.at(short)}
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

/** Webhooks by what tells them apart: the path of the URL, and the event where several have the same. */
function useNames(ids: readonly string[]) {
  const list = useEndpoints().data?.data ?? [];
  const nameOf = useWebhookName();
  const shown = list.filter((endpoint) => ids.includes(endpoint.id));
  return (id: string) => {
    const endpoint = shown.find((one) => one.id === id);
    if (!endpoint) return { short: id, whole: id };
    const [whole, path] = [nameOf(endpoint), nameOfUrl(endpoint.url)];
    const isShared = shown.some((one) => one.id !== id && nameOfUrl(one.url) === path);
    return { short: isShared ? whole.replace(endpoint.url, path) : path, whole };
  };
}
