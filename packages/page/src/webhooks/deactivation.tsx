import { useQuery } from '@tanstack/react-query';
import { useAccount } from '../account.tsx';
import { get } from '../api.ts';
import type { Texts } from '../texts/en.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Delivery, Endpoint, Page } from '../types.ts';
import { useEndpointDays } from './endpoint-days.ts';

/** Messages whose answers are looked at to say why it was switched off. */
const LOOKED_AT = 20;
/** The server counts no more. */
const HELD_COUNTED = 10_000;

export const isSwitchedOff = ({ status, inactive_reason: reason }: Endpoint) =>
  status === 'inactive' && (reason === 'consecutive_failures' || reason === 'gone');

/**
 * Of a webhook that was switched off: when, by which answers, what is on hold, and what happens on activation. Of one that
 * will be when it goes on like this: how near that is.
 */
export function Deactivation({ endpoint }: { endpoint: Endpoint }) {
  const { contract } = useAccount();
  const { t, f } = useLanguage();
  const { days } = useEndpointDays();
  const day = days.get(endpoint.id);
  const limit = contract.policy.auto_disable?.failures;
  const isOff = isSwitchedOff(endpoint);
  const answers = useAnswers(endpoint, isOff);
  if (isOff) {
    const word = contract.words.endpoint;
    return (
      <div className="note bad" role="status">
        <strong>{t.deactivation.off(word)}</strong>{' '}
        {endpoint.status_at !== null && t.deactivation.when(f.exact(Date.parse(endpoint.status_at)))}{' '}
        {endpoint.inactive_reason === 'gone' ? t.deactivation.gone : t.deactivation.failures(limit ?? 0)}
        {answers !== '' && <p>{t.deactivation.answers(answers)}</p>}
        {day && (
          <p className="quiet">
            {t.deactivation.held(day.held, f.number(day.held) + (day.held < HELD_COUNTED ? '' : '+'))}
          </p>
        )}
      </div>
    );
  }
  const failures = day?.failures_in_a_row ?? 0;
  if (endpoint.status !== 'active' || limit === undefined || failures < Math.ceil(limit / 2)) return null;
  return (
    <div className="note wait" role="status">
      {t.deactivation.soon(failures, limit)}
    </div>
  );
}

/** `422 (8), timeout (2)`: what the newest failed messages were answered. */
function useAnswers(endpoint: Endpoint, isWanted: boolean): string {
  const { path } = useAccount();
  const { t } = useLanguage();
  const recent = useQuery({
    queryKey: [path, 'recent', endpoint.id, 'answers'],
    enabled: isWanted,
    queryFn: () => get<Page<Delivery>>(`${path}/deliveries?endpoint=${endpoint.id}&test=false&limit=${LOOKED_AT}`),
  });
  const counts = new Map<string, number>();
  for (const message of recent.data?.data ?? []) {
    const answer = answerOf(message, t);
    if (answer !== undefined) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  return [...counts].map(([answer, count]) => `${answer} (${count})`).join(', ');
}

function answerOf({ last_status: status, last_error: error }: Delivery, t: Texts): string | undefined {
  if (error === null) return undefined;
  return String(status ?? t.attemptErrors[error]?.short ?? error);
}
