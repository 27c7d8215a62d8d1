import { useAccount } from '../account.tsx';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import { useTitle } from '../ui/title.ts';
import { AuditTable } from './audit-table.tsx';

export function Audit() {
  const { path } = useAccount();
  const { t } = useLanguage();
  useTitle(t.nav.audit);
  return (
    <>
      <Head title={t.nav.audit} />
      <AuditTable path={`${path}/audit`} />
    </>
  );
}
