// A receiver with Express: node examples/express-receiver.mjs <secret> [port] [contract]
// contract: loop-returns, loop-subscriptions or loops; Standard Webhooks without it.
import { Webhook } from '@posthorn/sdk';
import { loopReturns } from '@posthorn/sdk/contracts/loop-returns';
import { loopSubscriptions } from '@posthorn/sdk/contracts/loop-subscriptions';
import { loops } from '@posthorn/sdk/contracts/loops';
import { webhookExpress } from '@posthorn/sdk/express';
import express from 'express';

const [secret = process.env.WEBHOOK_SECRET ?? '', port = '9000', name = 'standard'] = process.argv.slice(2);
if (!secret) {
  console.error('Usage: node examples/express-receiver.mjs <secret> [port] [contract]');
  process.exit(1);
}
const contract = [loopReturns, loopSubscriptions, loops].find((one) => one.name === name);
const webhook = new Webhook(secret, contract ? { contract } : {});

const app = express();
app.post(
  '/',
  webhookExpress(webhook, (event) => {
    // Deal with it soon, or put it into a queue of yours: the sender waits for some seconds only.
    console.log(event.trigger, event.id ?? '', event.text);
  }),
);
app.listen(Number(port), () => console.log(`Listening on http://127.0.0.1:${port}/`));
