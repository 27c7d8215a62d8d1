import { useQuery } from '@tanstack/react-query';
import { createContext, useContext, useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { getAll, part } from './api.ts';
import { FEED_SCOPE } from './keys/feed-scope.ts';
import { useLanguage } from './texts/language.tsx';
import type { Contract, Endpoint, Permission } from './types.ts';

/** The account whose page this is, and what may be done. */
export interface AccountContext {
  id: string;
  name: string;
  contract: Contract;
  permissions: Permission[];
}

const Context = createContext<AccountContext | undefined>(undefined);
export const AccountProvider = Context.Provider;

export function useAccount() {
  const account = useContext(Context);
  if (!account) throw new Error('no account around');
  const { t } = useLanguage();
  return useMemo(() => {
    const { id, contract, permissions } = account;
    const feedScope = { value: FEED_SCOPE, label: t.keys.feedScope, description: t.keys.feedScopeAbout };
    const scopes = contract.scopes.length === 0 ? [] : [...contract.scopes, feedScope];
    return {
      ...account,
      path: `/v1/accounts/${part(id)}`,
      may: (permission: Permission) => permissions.includes(permission),
      /** `Return created`, where the contract has words for it. */
      triggerLabel: (trigger: string) =>
        contract.triggers.find((one) => one.value === trigger)?.label ?? (trigger === '*' ? t.events.all : trigger),
      /** Those of the contract, with that of the feed, which every contract has; none where they are free. */
      scopes,
      scopeLabel: (scope: string) => scopes.find(({ value }) => value === scope)?.label ?? scope,
      topicLabel: (topic: string | null | undefined) =>
        contract.topics.find((one) => one.value === topic)?.label ?? topic ?? '',
      /** Topic and trigger are two choices; where every topic is its own trigger, or there are none, one. */
      hasTopicChoice: contract.topics.length > 0 && !contract.pairs.every((pair) => pair.topic === pair.trigger),
    };
  }, [account, t]);
}

export function useEndpoints() {
  const { path } = useAccount();
  return useQuery({
    queryKey: [path, 'endpoints'],
    queryFn: () => getAll<Endpoint>(`${path}/endpoints`),
    refetchInterval: 15_000,
  });
}

/** The URL of an endpoint by its id, or the id when it has been deleted. */
export function useUrlOf(): (endpointId: string) => string {
  const list = useEndpoints().data?.data;
  return useMemo(() => {
    const urls = new Map(list?.map(({ id, url }) => [id, url]));
    return (id) => urls.get(id) ?? id;
  }, [list]);
}

/** Whether an account has one endpoint with events to switch on and off: settings, and no list. */
export const hasSettings = ({ limits, free_triggers: isFree, topics }: Contract): boolean =>
  limits.endpoints_per_account === 1 && !isFree && topics.length === 0;

/** What is open or chosen stands in the URL: every view can be linked to and reloaded. */
export function useUrlState() {
  const [params, setParams] = useSearchParams();
  return {
    params,
    /** `replace`: no entry of its own in the browser's history, as for each of many small changes. */
    set(changes: Record<string, string | null>, replace = false) {
      setParams(
        (before) => {
          const next = new URLSearchParams(before);
          for (const [name, value] of Object.entries(changes)) {
            if (value === null || value === '') next.delete(name);
            else next.set(name, value);
          }
          return next;
        },
        { replace },
      );
    },
  };
}
