import {
  AlertCircle,
  CheckCircle2,
  CircleDashed,
  CirclePause,
  Clock,
  type LucideIcon,
  MinusCircle,
  RotateCw,
} from 'lucide-react';
import type { ReactNode } from 'react';
import { useLanguage } from '../texts/language.tsx';
import type { DeliveryStatus, Endpoint, Retrying } from '../types.ts';
import { useNow } from './time.tsx';

export type Tone = 'good' | 'bad' | 'wait' | 'off';

/** Icon, word and colour: never colour alone. */
export function Status({ tone, icon: Icon, children }: { tone: Tone; icon: LucideIcon; children: ReactNode }) {
  return (
    <span className={`status ${tone}`}>
      <Icon size={14} aria-hidden />
      <span>{children}</span>
    </span>
  );
}

const DELIVERY: Record<DeliveryStatus, { tone: Tone; icon: LucideIcon }> = {
  succeeded: { tone: 'good', icon: CheckCircle2 },
  failed: { tone: 'wait', icon: RotateCw },
  discarded: { tone: 'bad', icon: AlertCircle },
  pending: { tone: 'off', icon: Clock },
  delivering: { tone: 'off', icon: CircleDashed },
  held: { tone: 'off', icon: CirclePause },
  skipped: { tone: 'off', icon: MinusCircle },
};
export const DELIVERY_STATUSES = Object.keys(DELIVERY) as DeliveryStatus[];

export function DeliveryStatusView({ status }: { status: DeliveryStatus }) {
  const { t } = useLanguage();
  return <Status {...DELIVERY[status]}>{t.deliveryStatus[status]}</Status>;
}

/** Active, failing with what was answered, in Testing Mode with the time left, or inactive with the reason. */
export function EndpointStatusView({ endpoint, retrying }: { endpoint: Endpoint; retrying?: Retrying | undefined }) {
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
