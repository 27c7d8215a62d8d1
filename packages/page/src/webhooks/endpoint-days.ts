import { useQuery } from '@tanstack/react-query';
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
  return {
    days: daysOf(stats.data?.data),
    isLoading: stats.isPending,
    error: stats.data === undefined ? stats.error : null,
  };
}

const NO_DAYS: ReadonlyMap<string, Day> = new Map();
/** Every row of a list asks: what was read is looked through once. */
const known = new WeakMap<readonly EndpointStats[], ReadonlyMap<string, Day>>();

function daysOf(stats: readonly EndpointStats[] | undefined): ReadonlyMap<string, Day> {
  if (!stats) return NO_DAYS;
  const before = known.get(stats);
  if (before) return before;
  const days = new Map(stats.map((one) => [one.endpoint_id, { ...one, share: shareOf(one) }]));
  known.set(stats, days);
  return days;
}

function shareOf({ hours }: EndpointStats): number | null {
  const sum = (kind: 'succeeded' | 'discarded' | 'retrying') => hours.reduce((total, hour) => total + hour[kind], 0);
  const total = sum('succeeded') + sum('discarded') + sum('retrying');
  return total === 0 ? null : sum('succeeded') / total;
}
