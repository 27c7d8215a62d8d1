import { useQuery } from '@tanstack/react-query';
import { useAccount } from '../account.tsx';
import { get } from '../api.ts';
import { matchesTrigger } from '../events/getters.ts';
import { useLanguage } from '../texts/language.tsx';
import type { Delivery, Endpoint, Page } from '../types.ts';

const RECENT = 10;

/** What something is tried out on: an event of the contract, and where its payload comes from. */
export interface Source {
  key: string;
  label: string;
  trigger: string;
  topic: string | null;
  /** Of a message that was sent; else it is the sample. */
  event?: string;
}

/** Samples of what is subscribed first, then events that this webhook got lately. */
export function useSources(endpoint: Endpoint): Source[] {
  const { path, contract, hasTopicChoice, triggerLabel, topicLabel } = useAccount();
  const { t, f } = useLanguage();
  const recent = useQuery({
    queryKey: [path, 'recent', endpoint.id, RECENT],
    queryFn: () => get<Page<Delivery>>(`${path}/deliveries?endpoint=${endpoint.id}&test=false&limit=${RECENT}`),
  });
  const labelOf = (trigger: string, topic: string | null) =>
    hasTopicChoice ? `${triggerLabel(trigger)} · ${topicLabel(topic)}` : triggerLabel(trigger);
  const subscribed = contract.pairs.filter(({ trigger, topic }) =>
    endpoint.subscriptions.some(
      (one) => matchesTrigger(one.trigger, trigger) && (one.topic === undefined || one.topic === topic),
    ),
  );
  const free = endpoint.subscriptions.find(({ trigger }) => !trigger.includes('*'))?.trigger ?? 'posthorn.test';
  const pairs = contract.free_triggers ? [{ trigger: free, topic: null }] : subscribed;
  const samples = pairs.map(({ trigger, topic }) => ({
    key: `sample ${topic} ${trigger}`,
    label: t.test.sampleOf(labelOf(trigger, topic)),
    trigger,
    topic,
  }));
  const events = (recent.data?.data ?? []).map((one) => ({
    key: one.id,
    label: t.test.eventOf(labelOf(one.trigger, one.topic), f.exact(Date.parse(one.created_at))),
    trigger: one.trigger,
    topic: one.topic,
    event: one.event_id,
  }));
  return [...samples, ...events];
}
