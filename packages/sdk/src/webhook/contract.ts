import type { SignatureRules } from './signature.ts';

/** Where a request holds something: in a header, or in a member of its body. */
export type Place = { readonly header: string } | { readonly member: string };

/** An event as it arrived. `E` of a contract is a union of these, told apart by `trigger` and `topic`. */
export interface WebhookEvent<
  Trigger extends string = string,
  Topic extends string | null = string | null,
  Payload = unknown,
> {
  /** The same on every try, and on a resend: what has been dealt with is known by it. null: the contract does not send it. */
  readonly id: string | null;
  readonly trigger: Trigger;
  readonly topic: Topic;
  readonly payload: Payload;
  /** The body as it arrived: numbers are as the sender wrote them. */
  readonly text: string;
}

/** A contract, as far as receivers need it; `posthorn contract types` writes one of your own. */
export interface WebhookContract<E extends WebhookEvent = WebhookEvent> {
  readonly name: string;
  readonly signature: SignatureRules;
  readonly id: Place | null;
  readonly trigger: Place;
  /** null: it has no topics. */
  readonly topic: Place | null;
  /** The member of the body that is the payload; null: the body is. */
  readonly payload: string | null;
  /** Only a type: there is no such member. */
  readonly events?: E;
}

/** Standard Webhooks (https://www.standardwebhooks.com), with triggers of your own. */
export const standard: WebhookContract<WebhookEvent<string, null>> = {
  name: 'standard',
  signature: { scheme: 'standard-webhooks' },
  id: { header: 'webhook-id' },
  trigger: { member: 'type' },
  topic: null,
  payload: 'data',
};
