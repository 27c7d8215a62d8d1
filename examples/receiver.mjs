// A receiver as your customers write it: verifies each webhook with the Standard Webhooks library and prints it.
// node examples/receiver.mjs <whsec_… secret> [port]
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const [secret, port = '9000'] = process.argv.slice(2);
if (!secret) {
  console.error('Usage: node examples/receiver.mjs <whsec_… secret> [port]');
  process.exit(1);
}
const webhook = new Webhook(secret);

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    const event = webhook.verify(Buffer.concat(chunks), request.headers);
    console.log('verified:', JSON.stringify(event));
    response.writeHead(204).end();
  } catch (error) {
    console.log('refused:', error.message);
    response.writeHead(401).end();
  }
}).listen(Number(port), '127.0.0.1', () => console.log(`Waiting for webhooks on http://127.0.0.1:${port}/`));
