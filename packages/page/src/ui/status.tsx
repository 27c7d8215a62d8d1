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
import type { DeliveryStatus } from '../types.ts';

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
