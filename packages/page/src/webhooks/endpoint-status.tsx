import { AlertCircle, CheckCircle2, CirclePause, Clock, RotateCw } from 'lucide-react';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { Status } from '../ui/status.tsx';
import { useNow } from '../ui/time.tsx';
import { useEndpointDays } from './endpoint-days.ts';

/** Active, failing with what was answered, in Testing Mode with the time left, or inactive with the reason. */
export function EndpointStatusView({ endpoint }: { endpoint: Endpoint }) {
  const retrying = useEndpointDays().get(endpoint.id)?.retrying;
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
  if (endpoint.status === 'active' && retrying && retrying.count > 0) {
    const answer = retrying.last_status ?? t.attemptErrors[retrying.last_error ?? '']?.short ?? '';
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
