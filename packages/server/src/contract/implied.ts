import { eachMember } from '../domain/raw-json.ts';
import type { Catalog } from './catalog.ts';

export interface ImpliedEvent {
  trigger: string;
  /** Compact JSON text. */
  payload: Buffer;
}

/** The events that the contract publishes along with this one, each made of members of its payload. */
export function impliedBy(catalog: Catalog, trigger: string, payload: Buffer): ImpliedEvent[] {
  const rules = catalog.trigger(trigger)?.implies;
  if (!rules) return [];
  const members = new Map<string, string>();
  const text = payload.toString('utf8');
  if (text.startsWith('{')) eachMember(text, 0, (key, from, to) => members.set(key, text.slice(from, to)));
  return rules
    .filter(({ when }) => when?.present === undefined || members.has(when.present))
    .filter(({ when }) => when?.absent === undefined || !members.has(when.absent))
    .map(({ trigger: implied, copy }) => {
      const copied = copy.filter((name) => members.has(name));
      const written = copied.map((name) => `${JSON.stringify(name)}:${members.get(name)}`);
      return { trigger: implied, payload: Buffer.from(`{${written.join(',')}}`) };
    });
}
