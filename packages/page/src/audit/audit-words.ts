import type { Texts } from '../texts/en.ts';
import type { Format } from '../texts/format.ts';
import type { AuditEntry } from '../types.ts';

type NameOf = (id: string) => string | undefined;

/** `Created a webhook: Return created · https://…` */
export function sentenceOf(entry: AuditEntry, t: Texts, nameOf: NameOf): string {
  const action = t.audit.actions[entry.action] ?? entry.action;
  const name = nameIn(entry, nameOf);
  return name === undefined ? action : t.common.labelled(action, name);
}

/** Who did it: somebody by name, else through what it was done. */
export const whoOf = (entry: AuditEntry, t: Texts): string =>
  entry.user_name ?? t.audit.actors[entry.actor] ?? entry.actor;

/** As it is called now, or as the entry itself says. */
function nameIn({ target, detail }: AuditEntry, nameOf: NameOf): string | undefined {
  const known = target === null ? undefined : nameOf(target);
  if (known !== undefined) return known;
  for (const field of ['label', 'name', 'url', 'trigger']) {
    if (typeof detail[field] === 'string') return detail[field];
  }
  return undefined;
}

/** A line a field that was sent: its name, and its value in words. */
export function linesOf({ detail }: AuditEntry, t: Texts, f: Format): [name: string, value: string][] {
  return Object.entries(detail).map(([field, value]) => [t.audit.fields[field] ?? field, inWords(field, value, t, f)]);
}

function inWords(field: string, value: unknown, t: Texts, f: Format): string {
  if (value === null || value === '') return t.common.none;
  if (typeof value === 'boolean') return value ? t.common.yes : t.common.no;
  if (typeof value === 'number') return field.endsWith('_seconds') ? f.duration(value * 1_000) : f.number(value);
  if (typeof value === 'string') {
    return /_at$|^(from|to)$/.test(field) && !Number.isNaN(Date.parse(value)) ? f.exact(Date.parse(value)) : value;
  }
  if (Array.isArray(value)) return value.map((one) => itemOf(one)).join(', ') || t.common.none;
  return JSON.stringify(value);
}

/** Subscriptions are `topic · trigger`, scopes and ids what they are. */
function itemOf(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item);
  const { topic, trigger } = item as { topic?: unknown; trigger?: unknown };
  if (typeof trigger !== 'string') return JSON.stringify(item);
  return typeof topic === 'string' && topic !== trigger ? `${topic} · ${trigger}` : trigger;
}
