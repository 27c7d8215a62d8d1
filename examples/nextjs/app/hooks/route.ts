// A receiver in Next.js (App Router): POST /hooks
import { Webhook } from '@posthorn/sdk';
import { webhookRoute } from '@posthorn/sdk/next';

let webhook: Webhook | undefined;

export const POST = (request: Request): Promise<Response> => {
  // When the first one comes: the secret need not be there when the app is built.
  webhook ??= new Webhook(process.env.WEBHOOK_SECRET ?? '');
  return webhookRoute(webhook, (event) => {
    console.log(event.trigger, event.id, event.text);
  })(request);
};
