export { type Place, standard, type WebhookContract, type WebhookEvent } from './contract.ts';
export { WebhookError, type WebhookRefusal } from './error.ts';
export type { HeadersInput } from './headers.ts';
export type { SignatureRules } from './signature.ts';
export { Webhook, type WebhookOptions } from './webhook.ts';
