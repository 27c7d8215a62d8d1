import { useQuery } from '@tanstack/react-query';
import { useAccount } from '../account.tsx';
import { post } from '../api.ts';

/** A secret to be shown before the webhook exists; it is kept by nobody until then. */
export function useNewSecret(isWanted: boolean): string | undefined {
  const { path } = useAccount();
  const made = useQuery({
    queryKey: [path, 'new-secret'],
    enabled: isWanted,
    queryFn: () => post<{ secret: string }>(`${path}/generate-secret`),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    meta: { isOnce: true },
  });
  return isWanted ? made.data?.secret : undefined;
}
