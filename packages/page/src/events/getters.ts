import type { Endpoint } from '../types.ts';

/** The endpoints that are subscribed to an event: by its name, a prefix as `order.*`, or `*`. */
export function gettersOf(endpoints: readonly Endpoint[], trigger: string): Endpoint[] {
  const matches = (pattern: string) =>
    pattern === '*' || pattern === trigger || (/[./]\*$/.test(pattern) && trigger.startsWith(pattern.slice(0, -1)));
  return endpoints.filter((endpoint) => endpoint.subscriptions.some((one) => matches(one.trigger)));
}
