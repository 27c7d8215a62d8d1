import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { App, HttpParts } from './app.ts';
import { isKey } from './auth.ts';

const COOKIE = 'posthorn_session';
const SESSION_MS = 12 * 3_600_000;
const SESSIONS_MAX = 1_000;

/** The start page: how this node is doing, for the operator, who signs in by the start's link or the operator key. */
export function homeRoutes(app: App, parts: HttpParts): void {
  const sessions = new Map<string, number>();

  const signIn = (reply: FastifyReply) => {
    const session = randomBytes(32).toString('base64url');
    const [oldest] = sessions.keys();
    if (sessions.size >= SESSIONS_MAX && oldest !== undefined) sessions.delete(oldest);
    sessions.set(session, parts.clock.now() + SESSION_MS);
    reply.setCookie(COOKIE, session, { httpOnly: true, sameSite: 'strict', path: '/', maxAge: SESSION_MS / 1000 });
    return reply.redirect('/', 303);
  };
  const isSignedIn = (request: FastifyRequest) => {
    const until = sessions.get(request.cookies[COOKIE] ?? '');
    return until !== undefined && until > parts.clock.now();
  };

  app.get('/', { schema: { hide: true } }, async (request, reply) => {
    if (!isSignedIn(request)) return html(reply, 'Sign in', SIGN_IN_FORM);
    return html(reply, 'Posthorn', await overview(parts));
  });

  app.get(
    '/sign-in',
    { schema: { hide: true, querystring: Type.Object({ token: Type.Optional(Type.String({ maxLength: 100 })) }) } },
    async (request, reply) => {
      const expected = parts.signInToken.value;
      const given = Buffer.from(request.query.token ?? '');
      const isRight =
        expected !== undefined && given.length === expected.length && timingSafeEqual(given, Buffer.from(expected));
      if (!isRight)
        return html(
          reply.code(401),
          'Sign in',
          `<p class="warn">This link has been used or is wrong. Use the operator key.</p>${SIGN_IN_FORM}`,
        );
      parts.signInToken.value = undefined;
      return signIn(reply);
    },
  );

  app.register(async (scoped: App) => {
    scoped.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: 4096 },
      async (_: unknown, body: string) => Object.fromEntries(new URLSearchParams(body)),
    );
    scoped.post(
      '/sign-in',
      { schema: { hide: true, body: Type.Object({ key: Type.String({ maxLength: 512 }) }) } },
      async (request, reply) => {
        if (isKey(request.body.key, parts.operatorKeyDigest)) return signIn(reply);
        return html(reply.code(401), 'Sign in', `<p class="warn">This is not the operator key.</p>${SIGN_IN_FORM}`);
      },
    );
  });
}

const SIGN_IN_FORM = `<form method="post" action="/sign-in">
<label for="key">Operator key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>
<p class="quiet">It was printed at the first start and is kept in the data folder as <code>operator-key</code>.</p>
</form>`;

async function overview({ store, dispatcher, node, isUp, contracts }: HttpParts): Promise<string> {
  if (!isUp())
    return '<p class="warn">The database cannot be reached. Accepting and delivering go on by themselves when it is back.</p>';
  const { accounts, waiting, nodes } = await store.overview.read();
  const { inFlight, held } = dispatcher.counts;
  const rows: [string, string | number][] = [
    ['This node', `node ${node.id}`],
    ['Nodes alive', nodes],
    ['Contracts', [...contracts.keys()].join(', ')],
    ['Accounts', accounts],
    ['Deliveries that are not finished', waiting],
    ['In flight here', inFlight],
    ['In memory here', held],
  ];
  return `<table>${rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`).join('')}</table>
<p><a href="/docs">API reference</a> · <a href="/openapi.json">OpenAPI document</a> · <a href="/metrics">Metrics</a></p>`;
}

/** Every value above comes from this program, not from users. */
function html(reply: FastifyReply, title: string, body: string): FastifyReply {
  const nonce = randomBytes(16).toString('base64');
  return reply
    .header(
      'content-security-policy',
      `default-src 'none'; style-src 'nonce-${nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    )
    .type('text/html; charset=utf-8')
    .serializer((text: string) => text)
    .send(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style nonce="${nonce}">${STYLE}</style></head><body><main><h1>Posthorn</h1>${body}</main></body></html>`);
}

const STYLE = `:root{color-scheme:light dark;--line:light-dark(#d9dce1,#363b44);--quiet:light-dark(#5c6470,#9aa3b0)}
body{font:14px/1.5 system-ui,sans-serif;margin:0;background:light-dark(#fff,#15181d);color:light-dark(#16191d,#e6e8eb)}
main{max-width:560px;margin:64px auto;padding:0 24px}h1{font-size:20px}
table{border-collapse:collapse;width:100%;border-top:1px solid var(--line)}
th{text-align:left;font-weight:400;color:var(--quiet)}td{text-align:right;font-variant-numeric:tabular-nums}
th,td{padding:10px 0;border-bottom:1px solid var(--line)}
label{display:block;margin-bottom:4px}input{font:inherit;padding:8px;width:100%;box-sizing:border-box;border:1px solid var(--line);border-radius:6px;background:transparent;color:inherit}
button{font:inherit;margin-top:12px;padding:8px 16px;border:0;border-radius:6px;background:#3451d1;color:#fff;cursor:pointer}
a{color:light-dark(#3451d1,#9db0ff)}.quiet{color:var(--quiet)}.warn{color:light-dark(#9a3412,#fdba74)}`;
