import { matchesTrigger } from '../events/getters.ts';
import type { Contract, Endpoint } from '../types.ts';
import { type AuthDraft, authDraftOf } from './auth-draft.ts';
import { type TlsDraft, tlsDraftOf } from './tls-draft.ts';

/** What a contract with events to choose from is asked for. */
export interface DraftPair {
  topic: string;
  trigger: string;
}

/** What the form of a webhook holds. */
export interface Draft {
  pairs: DraftPair[];
  /** In contracts whose events are free: their names, separated by commas. */
  triggers: string;
  /** What was subscribed before. */
  before: Endpoint['subscriptions'];
  url: string;
  description: string;
  /** Lines of `Name: value`. */
  headers: string;
  version: string;
  auth: AuthDraft;
  tls: TlsDraft;
  /** Requests a second; empty: as many as the contract allows. */
  rate: string;
  /** Requests at a time; empty: as many as the contract allows. */
  concurrency: string;
  /** Id and trigger only. */
  thin: boolean;
}

/** Of one that is there, or of a new one that begins with a URL or an event. */
export function draftOf(
  contract: Contract,
  endpoint: Endpoint | undefined,
  { url, trigger }: { url: string; trigger: string | undefined },
): Draft {
  const subscriptions = endpoint?.subscriptions ?? firstOf(contract, trigger);
  return {
    pairs: subscriptions.map(({ topic, trigger }) => ({ topic: topic ?? '', trigger })),
    triggers: subscriptions.map(({ trigger }) => trigger).join(', '),
    before: endpoint?.subscriptions ?? [],
    url: endpoint?.url ?? url,
    description: endpoint?.description ?? '',
    headers: Object.entries(endpoint?.headers ?? {})
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
    version: endpoint?.version ?? contract.versions?.default ?? '',
    rate: endpoint?.rate_limit?.toString() ?? '',
    concurrency: endpoint?.concurrency?.toString() ?? '',
    thin: endpoint?.thin ?? false,
    auth: authDraftOf(endpoint?.auth),
    tls: tlsDraftOf(endpoint?.tls),
  };
}

/** Where a webhook has one event, it begins with one; where it has many, one chooses. */
function firstOf(contract: Contract, wanted: string | undefined): Endpoint['subscriptions'] {
  const pair = contract.pairs.find((one) => one.trigger === wanted) ?? contract.pairs[0];
  const trigger = wanted ?? pair?.trigger ?? contract.triggers[0]?.value ?? '*';
  const isChosen = wanted === undefined && !contract.free_triggers && contract.limits.subscriptions_per_endpoint > 1;
  return isChosen ? [] : [{ topic: pair?.topic ?? '', trigger }];
}

export function isEmptyDraft({ pairs, triggers }: Draft, contract: Contract): boolean {
  return contract.free_triggers ? triggers.trim() === '' : pairs.length === 0;
}

/** The body of the request that changes what is neither the address nor the events. */
export function detailsOf({ description, headers, rate, concurrency, thin }: Draft, contract: Contract): object {
  const { limits } = contract;
  return {
    description,
    headers: readHeaders(headers),
    ...(limits.own_rate_limit ? { rate_limit: rate === '' ? null : Number(rate) } : {}),
    ...(limits.own_concurrency ? { concurrency: concurrency === '' ? null : Number(concurrency) } : {}),
    ...(limits.thin_events ? { thin } : {}),
  };
}

/** The body of the request that creates or changes the endpoint. */
export function wishOf(draft: Draft, contract: Contract, hasTopics: boolean): object {
  const { url, version } = draft;
  return {
    url,
    subscriptions: subscriptionsOf(draft, contract, hasTopics),
    ...(contract.versions ? { version } : {}),
    ...detailsOf(draft, contract),
  };
}

/** What is subscribed still stays as it was, with its filters. */
function subscriptionsOf(draft: Draft, contract: Contract, hasTopics: boolean): Endpoint['subscriptions'] {
  const pairs = new Map(pairsOf(draft, contract, hasTopics).map((pair) => [keyOf(pair), pair]));
  return [...pairs].flatMap(([key, pair]) => {
    const before = draft.before.filter((one) => keyOf(one) === key);
    return before.length > 0 ? before : [pair];
  });
}

const keyOf = ({ topic = '', trigger }: Endpoint['subscriptions'][number]) => `${topic} ${trigger}`;

function pairsOf({ pairs, triggers }: Draft, contract: Contract, hasTopics: boolean): Endpoint['subscriptions'] {
  if (contract.free_triggers) {
    const names = triggers.split(',').map((name) => name.trim());
    return names.filter((name) => name !== '').map((trigger) => ({ trigger }));
  }
  return pairs.map((pair) => (hasTopics ? pair : { trigger: pair.trigger }));
}

/** A single trigger with what those that match it have wanted: one without a filter takes everything. */
export function singleOf(trigger: string, before: Endpoint['subscriptions']): Endpoint['subscriptions'][number] {
  const matching = before.filter((one) => matchesTrigger(one.trigger, trigger));
  const filters = matching.flatMap(({ filter }) => filter ?? []);
  const [first, ...more] = filters;
  if (!first || filters.length < matching.length) return { trigger };
  return { trigger, filter: more.length === 0 ? first : { or: filters } };
}

const HEADER_LINE = /^([^:]+):(.*)$/;

/** Lines of `Name: value`. */
export function readHeaders(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).flatMap((line) => {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name.trim(), value.trim()] as const];
  });
  return Object.fromEntries(lines);
}

/** The first line that is no header. */
export function headerMistake(text: string): string | undefined {
  return text.split(/\r?\n/).find((line) => line.trim() !== '' && !HEADER_LINE.test(line));
}

export type UrlMistake = 'incomplete' | 'protocol' | 'https' | 'userinfo';

/** What would be wrong with this URL, as far as the page can tell while it is typed. */
export function urlMistake(url: string, contract: Contract): UrlMistake | undefined {
  if (url === '') return undefined;
  if (!URL.canParse(url)) return 'incomplete';
  const { protocol, username, pathname } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:') return 'protocol';
  // A request bin of this server itself is allowed either way.
  if (contract.limits.https_only && protocol !== 'https:' && !pathname.startsWith('/bin/')) return 'https';
  return username === '' ? undefined : 'userinfo';
}

export type PairMistake = 'empty' | 'unusual' | 'refused';

/** Why a pair of topic and trigger would send nothing, if so. */
export function pairMistake(contract: Contract, topic: string, trigger: string): PairMistake | undefined {
  const is = (pair: { topic: string | null; trigger: string }) => pair.topic === topic && pair.trigger === trigger;
  if (contract.pairs.some(is)) return undefined;
  if (contract.empty_pairs.some(is)) return 'empty';
  return contract.other_pairs === 'possible' ? 'unusual' : 'refused';
}
