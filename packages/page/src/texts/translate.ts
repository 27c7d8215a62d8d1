import type { Contract, Translation } from '../types.ts';
import type { Texts } from './en.ts';

/** What a contract says in the language that is spoken: in `de-CH`, else in `de`. */
export function translationOf({ languages }: Contract, tag: string): Translation {
  const wanted = tag.toLowerCase();
  const base = wanted.split('-')[0] ?? '';
  const found = Object.entries(languages).find(([name]) => name.toLowerCase() === wanted);
  return found?.[1] ?? languages[base] ?? {};
}

/** The contract as people of that language read it. */
export function translated(contract: Contract, tag: string): Contract {
  const { words = {}, topics, triggers, groups, scopes, links = {} } = translationOf(contract, tag);
  const named = <T extends { value: string; label: string }>(list: readonly T[], labels: Translation['topics']) =>
    list.map((one) => ({ ...one, ...labels?.[one.value] }));
  return {
    ...contract,
    words: { ...contract.words, ...words },
    topics: named(contract.topics, topics),
    triggers: named(contract.triggers, triggers),
    groups: named(contract.groups, groups),
    scopes: named(contract.scopes, scopes),
    page: {
      ...contract.page,
      links: contract.page.links.map((link) => ({ ...link, label: links[link.label] ?? link.label })),
    },
  };
}

/** The page's texts with those that the contract has its own words for. What is no text of the page is passed over. */
export function withOwnTexts(texts: Texts, own: Record<string, string> = {}): Texts {
  let result = texts;
  for (const [place, text] of Object.entries(own)) result = replaced(result, place.split('.'), text) as Texts;
  return result;
}

function replaced(value: unknown, [name, ...rest]: readonly string[], text: string): unknown {
  if (name === undefined) {
    if (typeof value === 'string') return text;
    if (typeof value === 'function') return (...given: unknown[]) => filled(text, given);
    return value;
  }
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return value;
  const inner = (value as Record<string, unknown>)[name];
  const next = replaced(inner, rest, text);
  if (next === inner) return value;
  return Array.isArray(value) ? Object.assign([...value], { [name]: next }) : { ...value, [name]: next };
}

/** `{1}` is the first of what is put in. */
function filled(text: string, given: readonly unknown[]): string {
  return text.replace(/\{(\d)\}/g, (_, number) => String(given[Number(number) - 1] ?? ''));
}
