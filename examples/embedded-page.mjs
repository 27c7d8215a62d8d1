// A product with the Developers page inside: node examples/embedded-page.mjs <account> [port]
// The server needs POSTHORN_EMBED_ORIGINS=http://127.0.0.1:3000, and POSTHORN_OPERATOR_KEY is read from the environment here.
import { createServer } from 'node:http';
import { Posthorn } from '@posthorn/sdk';

const [account = 'acme', port = '3000'] = process.argv.slice(2);
const url = process.env.POSTHORN_URL ?? 'http://127.0.0.1:8400';
const posthorn = new Posthorn({ url, key: process.env.POSTHORN_OPERATOR_KEY });

const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Acme</title>
<body style="margin:0;font-family:system-ui"><header style="padding:1rem">Acme · Developers</header>
<div id="developers"></div>
<script type="module">
  import { embed } from '${url}/embed.js';
  embed(document.querySelector('#developers'), {
    session: async () => (await (await fetch('/page-session', { method: 'POST' })).json()).url,
  });
</script></body></html>`;

createServer(async (request, response) => {
  if (request.method === 'POST' && request.url === '/page-session') {
    // Here your product knows who is signed in, and of which account.
    try {
      const session = await posthorn.account(account).pageSessions.create({ user_name: 'jane@example.com' });
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(session));
    } catch (error) {
      console.error(error.message);
      response.writeHead(502).end();
    }
  } else response.writeHead(200, { 'content-type': 'text/html' }).end(page);
}).listen(Number(port), '127.0.0.1', () => console.log(`Open http://127.0.0.1:${port}/`));
