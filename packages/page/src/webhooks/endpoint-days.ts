import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useAccount } from '../account.tsx';
import { get } from '../api.ts';
import type { EndpointStats } from '../types.ts';

/** What an endpoint's last 24 hours came to. */
export interface Day extends EndpointStats {
  /** How many of its messages were delivered: of those that were tried. Null when there were none. */
  share: number | null;
}

export function useEndpointDays() {
  const { path } = useAccount();
  const stats = useQuery({
    queryKey: [path, 'endpoint-stats'],
    queryFn: () => get<{ data: EndpointStats[] }>(`${path}/endpoint-stats`),
    refetchInterval: 15_000,
  });
  const days: ReadonlyMap<string, Day> = useMemo(
    () =>
      new Map(
        stats.data?.data.map((one) => {
          const sum = (kind: 'succeeded' | 'discarded' | 'retrying') =>
            one.hours.reduce((total, hour) => total + hour[kind], 0);
          const total = sum('succeeded') + sum('discarded') + sum('retrying');
          return [one.endpoint_id, { ...one, share: total === 0 ? null : sum('succeeded') / total }];
        }),
      ),
    [stats.data],
  );
  return { days, isLoading: stats.isPending, error: stats.data === undefined ? stats.error : null };
}
