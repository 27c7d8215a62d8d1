import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { useAccount, useEndpoints } from '../account.tsx';
import { getAll } from '../api.ts';
import { Head } from '../shell.tsx';
import { useLanguage } from '../texts/language.tsx';
import type { ApiKey } from '../types.ts';
import { useTitle } from '../ui/title.ts';
import { useWebhookName } from '../webhooks/webhook-name.ts';
import { AuditTable } from './audit-table.tsx';

export function Audit() {
  const { path } = useAccount();
  const { t } = useLanguage();
  useTitle(t.nav.audit);
  return (
    <>
      <Head title={t.nav.audit} />
      <AuditTable path={`${path}/audit`} nameOf={useNames()} />
    </>
  );
}

/** What ids are called: webhooks by event and URL, keys by their label; undefined for what is gone. */
function useNames(): (id: string) => string | undefined {
  const { path } = useAccount();
  const endpoints = useEndpoints().data?.data;
  const keys = useQuery({ queryKey: [path, 'keys'], queryFn: () => getAll<ApiKey>(`${path}/keys`) }).data?.data;
  const nameOf = useWebhookName();
  const names = useMemo(
    () =>
      new Map([
        ...(endpoints ?? []).map((endpoint) => [endpoint.id, nameOf(endpoint)] as const),
        ...(keys ?? []).map((key) => [key.id, key.label] as const),
      ]),
    [endpoints, keys, nameOf],
  );
  return useCallback((id: string) => names.get(id), [names]);
}
