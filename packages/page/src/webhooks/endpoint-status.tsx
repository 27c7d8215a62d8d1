import { AlertCircle, CheckCircle2, CirclePause, RotateCw } from 'lucide-react';
import type { Texts } from '../texts/en.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
import { Status, type Tone } from '../ui/status.tsx';
import { useNow } from '../ui/time.tsx';
import { type Day, useEndpointDays } from './endpoint-days.ts';

/** In a list: each in a word or two, the rest on hover. */
type Place = 'list' | 'alone';

/** Active, failing with what was answered, or inactive with the reason; and beside it Testing Mode with the time left. */
export function EndpointStatusView({ endpoint, place = 'alone' }: { endpoint: Endpoint; place?: Place }) {
  const { t, f } = useLanguage();
  const { days, isLoading } = useEndpointDays();
  const now = useNow();
  const { tone, icon, word, about } = statusOf(endpoint, days.get(endpoint.id)?.failing, place, t);
  const leftMs = endpoint.testing_until === null ? 0 : Date.parse(endpoint.testing_until) - now;
  const isTesting = leftMs > 0;
  // Whether it fails is not known yet: nothing is said rather than something wrong.
  if (endpoint.status === 'active' && isLoading) return <span className="skeleton inline" />;
  const left = isTesting ? t.endpoint.testingLeft(f.duration(leftMs)) : '';
  const title = [word, about, left].filter(Boolean).join(' · ');
  const rest = isTesting && place === 'list' ? t.endpoint.testingMode : [about, left].filter(Boolean).join(' · ');
  return (
    <span title={title}>
      <Status tone={tone} icon={icon}>
        {word}
        {rest !== '' && <span className={isTesting ? 'quiet' : 'quiet wide-only'}>{` · ${rest}`}</span>}
      </Status>
    </span>
  );
}

function statusOf(
  { status, inactive_reason: reason }: Endpoint,
  failing: Day['failing'] | undefined,
  place: Place,
  t: Texts,
) {
  if (status === 'inactive') {
    const isBad = reason === 'consecutive_failures' || reason === 'gone';
    const reasons = place === 'list' ? t.endpoint.shortReasons : t.endpoint.reasons;
    const tone: Tone = isBad ? 'bad' : 'off';
    const about = reason === null ? '' : reasons[reason];
    return { tone, icon: isBad ? AlertCircle : CirclePause, word: t.endpoint.inactive, about };
  }
  if (failing) {
    const about = String(failing.last_status ?? t.attemptErrors[failing.last_error ?? '']?.short ?? '');
    return { tone: 'wait' as const, icon: RotateCw, word: t.endpoint.failing, about };
  }
  return { tone: 'good' as const, icon: CheckCircle2, word: t.endpoint.active, about: '' };
}
