import { useQuery } from '@tanstack/react-query';
import { get, SESSION } from '../api.ts';
import type { PageInfo } from '../types.ts';

type Role = NonNullable<PageInfo['operator']>['role'];

/** What who sits in front of the console may; an administrator's where nobody is named. Undefined on an account's own page. */
export function useOperatorRole(): Role | undefined {
  const { data } = useQuery({ queryKey: ['page'], queryFn: () => get<PageInfo>(SESSION), staleTime: 60_000 });
  return data?.role === 'operator' ? (data.operator?.role ?? 'admin') : undefined;
}
