import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useAccount } from '../account.tsx';
import { call, post } from '../api.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Endpoint } from '../types.ts';
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
  const mutationKey = [...key, endpoint.id];
  const underWay = () => queries.isMutating({ mutationKey });
  // Of several under way the mutation itself would tell of the last alone.
  const [error, setError] = useState<unknown>();
  const showAhead = (ahead: Partial<Endpoint>) =>
    queries.setQueryData<{ data: Endpoint[] }>(
      key,
      (before) =>
        before && { ...before, data: before.data.map((one) => (one.id === endpoint.id ? { ...one, ...ahead } : one)) },
    );
  const change = useMutation({
    mutationKey,
    // One after the other.
    scope: { id: endpoint.id },
    mutationFn: ({ run }: Change) => run(),
    onMutate: async ({ ahead }) => {
      if (underWay() === 1) setError(undefined);
      await queries.cancelQueries({ queryKey: key });
      // Once more: what was just being read would have taken it back.
      if (ahead) showAhead(ahead);
    },
    onSuccess: (_, { said }) => toast(said),
    onError: setError,
    // Read again after the last of them: what is shown ahead of the next is not taken back in between.
    onSettled: () => (underWay() === 1 ? queries.invalidateQueries({ queryKey: key }) : undefined),
  });
  return {
    error,
    forgetError: () => setError(undefined),
    isBusy: change.isPending,
    activate: () => change.mutate({ run: () => post(`${here}/activate`), said: t.endpoint.activated }),
    deactivate: () => change.mutate({ run: () => post(`${here}/deactivate`), said: t.endpoint.deactivated }),
    setTesting: (enabled: boolean) =>
      change.mutate({
        run: () => post(`${here}/testing-mode`, { enabled }),
        said: enabled ? t.endpoint.testingOn : t.endpoint.testingOff,
      }),
    /** Shown at once. */
    subscribe(subscriptions: Endpoint['subscriptions']) {
      showAhead({ subscriptions });
      change.mutate({
        run: () => call('PATCH', here, { subscriptions }),
        said: t.common.saved,
        ahead: { subscriptions },
      });
    },
    /** Shown when the server has taken it: it may refuse. */
    moveTo: (url: string, onDone: () => void) =>
      change.mutate({ run: () => call('PATCH', here, { url }), said: t.common.saved }, { onSuccess: onDone }),
  };
}

/** Saves what a dialog has changed of an endpoint, says so and closes it. @throws what the server says against it */
export function useSaveFromDialog(endpoint: Endpoint, onClose: () => void) {
  const { path } = useAccount();
  const { t } = useLanguage();
  const queries = useQueryClient();
  return async (changes: object) => {
    await call('PATCH', `${path}/endpoints/${endpoint.id}`, changes);
    await queries.invalidateQueries({ queryKey: [path, 'endpoints'] });
    toast(t.common.saved);
    onClose();
  };
}
