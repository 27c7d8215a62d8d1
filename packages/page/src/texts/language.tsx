import { createContext, type ReactNode, useContext, useMemo, useSyncExternalStore } from 'react';
import { recall, remember } from '../browser-storage.ts';
import { en, type Texts } from './en.ts';
import { type Format, formatOf, type Zone } from './format.ts';
import { withOwnTexts } from './translate.ts';

/**
 * The languages of the page besides English, which is at hand at once: each is a file of its own, named after its tag,
 * and is read when it is asked for.
 */
const TRANSLATIONS = import.meta.glob<Texts>('./languages/*.ts', { import: 'texts' });

const textsOf = (tag: string) => TRANSLATIONS[`./languages/${baseOf(tag)}.ts`];

export interface Language {
  /** As the page's `lang`: `en` */
  tag: string;
  t: Texts;
  f: Format;
  /** Whose clock times are told by: this browser's, or everybody's. */
  zone: Zone;
}

const ZONE = 'posthorn-zone';
const rememberedZone: Zone = recall(ZONE) === 'utc' ? 'utc' : 'local';

let current: Language = { tag: 'en', t: en, f: formatOf('en', rememberedZone), zone: rememberedZone };
const listeners = new Set<() => void>();

/**
 * Speaks the first of these languages that the page knows, else English. Dates and numbers follow the whole tag, as
 * `en-GB` does.
 */
export async function speak(wished: readonly string[]): Promise<void> {
  const tag = wished.find((one) => isTag(one) && (baseOf(one) === 'en' || textsOf(one))) ?? 'en';
  if (tag !== current.tag) {
    try {
      const t = (await textsOf(tag)?.()) ?? en;
      current = { ...current, tag, t, f: formatOf(tag, current.zone) };
    } catch {
      // The texts cannot be read: what is at hand is better than no page.
    }
  }
  document.documentElement.lang = current.tag;
  tellAll();
}

function tellAll(): void {
  for (const listener of listeners) listener();
}

/** Tells all times by this clock from now on, in this browser. */
export function setZone(zone: Zone): void {
  remember(ZONE, zone);
  current = { ...current, zone, f: formatOf(current.tag, zone) };
  tellAll();
}

/** Browsers have been seen to name languages that their own `Intl` refuses. */
function isTag(text: string): boolean {
  try {
    return Intl.getCanonicalLocales(text).length > 0;
  } catch {
    return false;
  }
}

function baseOf(tag: string): string {
  return tag.toLowerCase().split('-')[0] ?? '';
}

const Context = createContext<Language>(current);

export function LanguageProvider({ children }: { children: ReactNode }) {
  const language = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
  return <Context.Provider value={language}>{children}</Context.Provider>;
}

/** Some of the texts in other words, for what is inside. */
export function OwnTexts({ texts, children }: { texts: Record<string, string> | undefined; children: ReactNode }) {
  const language = useLanguage();
  const own = useMemo(() => ({ ...language, t: withOwnTexts(language.t, texts) }), [language, texts]);
  return <Context.Provider value={own}>{children}</Context.Provider>;
}

/** The texts `t` and the formats `f` of the language that is spoken. */
export const useLanguage = (): Language => useContext(Context);
