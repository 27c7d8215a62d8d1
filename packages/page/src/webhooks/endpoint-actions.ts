import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useAccount } from '../account.tsx';
import { call, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint, Page } from '../types.ts';
import { toast } from '../ui/toasts.tsx';

interface Change {
  run: () => Promise<unknown>;
  /** What is said when it is done. */
  said: string;
  /** Shown at once; put right by the server's answer. */
  ahead?: Partial<Endpoint>;
}

/** What is done to an endpoint with one click. */
export function useEndpointActions(endpoint: Endpoint) {
  const { path } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  const here = `${path}/endpoints/${endpoint.id}`;
  const key = [path, 'endpoints'];
  const change = useMutation({
    // One after the other, and no answer from before in between: what is shown ahead stays right.
    scope: { id: endpoint.id },
    mutationFn: ({ run }: Change) => run(),
    onMutate: async ({ ahead }) => {
      await queries.cancelQueries({ queryKey: key });
      if (ahead === undefined) return;
      queries.setQueryData<Page<Endpoint>>(
        key,
        (before) =>
          before && {
            ...before,
            data: before.data.map((one) => (one.id === endpoint.id ? { ...one, ...ahead } : one)),
          },
      );
    },
    onSuccess: (_, { said }) => toast(said),
    onSettled: () => queries.invalidateQueries({ queryKey: key }),
  });
  return {
    error: change.error,
    isBusy: change.isPending,
    activate: () => change.mutate({ run: () => post(`${here}/activate`), said: t.endpoint.activated }),
    deactivate: () => change.mutate({ run: () => post(`${here}/deactivate`), said: t.endpoint.deactivated }),
    setTesting: (enabled: boolean) =>
      change.mutate({
        run: () => post(`${here}/testing-mode`, { enabled }),
        said: enabled ? t.endpoint.testingOn : t.endpoint.testingOff,
      }),
    change: (body: Partial<Endpoint>) =>
      change.mutate({ run: () => call('PATCH', here, body), said: t.common.saved, ahead: body }),
  };
}
