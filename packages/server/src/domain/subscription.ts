/** What an endpoint asks for. `topic` is empty where the contract has none; a trigger may be `*` or `order.*`. */
export interface Subscription {
  topic?: string;
  trigger: string;
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
