import { useQuery } from '@tanstack/react-query';
import { createContext, useContext } from 'react';
import { useSearchParams } from 'wouter';
import { get } from './api.ts';
import type { Contract, Endpoint, Page, Permission } from './types.ts';

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
  return {
    ...account,
    path: `/v1/accounts/${encodeURIComponent(account.id)}`,
    may: (permission: Permission) => account.permissions.includes(permission),
  };
}

export function useEndpoints() {
  const { path } = useAccount();
  return useQuery({
    queryKey: [path, 'endpoints'],
    queryFn: () => get<Page<Endpoint>>(`${path}/endpoints?limit=200`),
    refetchInterval: 15_000,
  });
}

/** What is open or chosen stands in the URL: every view can be linked to and reloaded. */
export function useUrlState() {
  const [params, setParams] = useSearchParams();
  return {
    params,
    set(changes: Record<string, string | null>) {
      setParams((before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes)) {
          if (value === null || value === '') next.delete(name);
          else next.set(name, value);
        }
        return next;
      });
    },
  };
}

/** `Return created`, where the contract has words for it. */
export function triggerLabel(contract: Contract, trigger: string): string {
  const found = contract.triggers.find((t) => t.value === trigger)?.label;
  if (found !== undefined) return found;
  return trigger === '*' ? 'All events' : trigger;
}

export function topicLabel(contract: Contract, topic: string | null | undefined): string {
  return contract.topics.find((t) => t.value === topic)?.label ?? topic ?? '';
}

/** Topic and trigger are two choices; where every topic is its own trigger, or there are none, one. */
export function hasTopicChoice(contract: Contract): boolean {
  return contract.topics.length > 0 && !contract.pairs.every((pair) => pair.topic === pair.trigger);
}
