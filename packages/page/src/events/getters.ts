import type { Endpoint } from '../types.ts';

/** Whether a subscription matches an event: by its name, a prefix as `order.*`, or `*`. */
export function matchesTrigger(pattern: string, trigger: string): boolean {
  return (
    pattern === '*' || pattern === trigger || (/[./]\*$/.test(pattern) && trigger.startsWith(pattern.slice(0, -1)))
  );
}

/** The endpoints that are subscribed to an event. */
export function gettersOf(endpoints: readonly Endpoint[], trigger: string): Endpoint[] {
  return endpoints.filter(({ subscriptions }) => subscriptions.some((one) => matchesTrigger(one.trigger, trigger)));
}
