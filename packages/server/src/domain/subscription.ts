import type { Filter } from './filter.ts';

/** What an endpoint asks for. `topic` is empty where the contract has none; a trigger may be `*` or `order.*`. */
export interface Subscription {
  topic?: string;
  trigger: string;
  /** What it wants of the payload: events that do not pass are skipped. */
  filter?: Filter;
  /** Where the payload says what it is about, a JSON pointer: deliveries of one such key are sent one after the other. */
  ordered_by?: string;
}

/** As somebody asks for it: its filter may be anything yet. */
export interface WishedSubscription extends Omit<Subscription, 'filter'> {
  filter?: unknown;
}

const TRIGGER = /^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$/;
const PATTERN = /^(\*|[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(\.\*)?)$/;

export function isTrigger(text: string): boolean {
  return text.length <= 256 && TRIGGER.test(text);
}

export function isTriggerPattern(text: string): boolean {
  return text.length <= 256 && PATTERN.test(text);
}

/** `order.*` matches every trigger that begins with `order.`, but not `order` itself; `order/*` likewise. */
export function matchesTrigger(pattern: string, trigger: string): boolean {
  if (pattern === '*' || pattern === trigger) return true;
  return (pattern.endsWith('.*') || pattern.endsWith('/*')) && trigger.startsWith(pattern.slice(0, -1));
}
