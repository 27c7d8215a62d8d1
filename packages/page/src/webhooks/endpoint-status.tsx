import { AlertCircle, CheckCircle2, CirclePause, Clock, RotateCw } from 'lucide-react';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { Status } from '../ui/status.tsx';
import { useNow } from '../ui/time.tsx';
import { useEndpointDays } from './endpoint-days.ts';

/** Active, failing with what was answered, in Testing Mode with the time left, or inactive with the reason. */
export function EndpointStatusView({ endpoint }: { endpoint: Endpoint }) {
  const { days, isLoading } = useEndpointDays();
  const failing = days.get(endpoint.id)?.failing;
  const now = useNow();
  const { t, f } = useLanguage();
  const testingLeftMs = endpoint.testing_until === null ? 0 : Date.parse(endpoint.testing_until) - now;
  if (testingLeftMs > 0) {
    return (
      <Status tone="wait" icon={Clock}>
        {t.endpoint.testingLeft(f.duration(testingLeftMs))}
      </Status>
    );
  }
  // Whether it fails is not known yet: nothing is said rather than something wrong.
  if (endpoint.status === 'active' && isLoading) return <span className="skeleton inline" />;
  if (endpoint.status === 'active' && failing) {
    const answer = failing.last_status ?? t.attemptErrors[failing.last_error ?? '']?.short ?? '';
    return (
      <Status tone="wait" icon={RotateCw}>
        {t.endpoint.failing}
        <span className="quiet wide-only">{` · ${answer}`}</span>
      </Status>
    );
  }
  if (endpoint.status === 'active') {
    return (
      <Status tone="good" icon={CheckCircle2}>
        {t.endpoint.active}
      </Status>
    );
  }
  const reason = endpoint.inactive_reason;
  const isBad = reason === 'consecutive_failures' || reason === 'gone';
  return (
    <Status tone={isBad ? 'bad' : 'off'} icon={isBad ? AlertCircle : CirclePause}>
      {t.endpoint.inactive}
      {reason !== null && <span className="quiet wide-only">{` · ${t.endpoint.reasons[reason]}`}</span>}
    </Status>
  );
}
