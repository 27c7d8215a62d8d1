import type { Contract, Endpoint } from '../types.ts';

/** What the form of a webhook holds. */
export interface Draft {
  topic: string;
  triggers: string[];
  url: string;
  description: string;
  /** Lines of `Name: value`. */
  headers: string;
  version: string;
  /** Requests a second; empty: as many as the contract allows. */
  rate: string;
}

export function draftOf(contract: Contract, endpoint: Endpoint | undefined, url: string): Draft {
  const first = endpoint?.subscriptions[0];
  return {
    topic: first?.topic ?? contract.pairs[0]?.topic ?? '',
    triggers: endpoint?.subscriptions.map((one) => one.trigger) ?? [contract.triggers[0]?.value ?? '*'],
    url: endpoint?.url ?? url,
    description: endpoint?.description ?? '',
    headers: Object.entries(endpoint?.headers ?? {})
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
    version: endpoint?.version ?? contract.versions?.default ?? '',
    rate: endpoint?.rate_limit?.toString() ?? '',
  };
}

/** The body of the request that creates or changes the endpoint. */
export function wishOf(draft: Draft, contract: Contract, hasTopics: boolean): object {
  const { topic, triggers, url, description, version, rate } = draft;
  return {
    url,
    description,
    subscriptions: hasTopics ? [{ topic, trigger: triggers[0] }] : triggers.map((trigger) => ({ trigger })),
    headers: readHeaders(draft.headers),
    ...(contract.versions ? { version } : {}),
    ...(contract.limits.own_rate_limit ? { rate_limit: rate === '' ? null : Number(rate) } : {}),
  };
}

/** Lines of `Name: value`. */
export function readHeaders(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).flatMap((line) => {
    const at = line.indexOf(':');
    return at > 0 ? [[line.slice(0, at).trim(), line.slice(at + 1).trim()] as const] : [];
  });
  return Object.fromEntries(lines);
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
