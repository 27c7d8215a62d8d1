import { AlertCircle } from 'lucide-react';
import { Link } from 'wouter';
import { hasSettings, useAccount, useEndpoints } from '../account.tsx';
import { useLanguage } from '../texts/language.tsx';
import { isSwitchedOff } from './deactivation.tsx';
import { useWebhookName } from './webhook-name.ts';

/** At the top of every screen: webhooks that were switched off, and the way to them. */
export function SwitchedOff() {
  const { contract } = useAccount();
  const { t } = useLanguage();
  const nameOf = useWebhookName();
  const off = useSwitchedOff();
  const [first, ...others] = off;
  if (!first) return null;
  return (
    <div className="note bad switched-off" role="status">
      <AlertCircle size={16} aria-hidden />
      <span>{t.deactivation.banner(nameOf(first), others.length)}</span>
      <Link className="button small" href={hasSettings(contract) ? '/' : `/?endpoint=${first.id}`}>
        {t.deactivation.look}
      </Link>
    </div>
  );
}

export function useSwitchedOff() {
  return useEndpoints().data?.data.filter(isSwitchedOff) ?? [];
}
