import { CATALOGUE } from '../domain/errors.ts';
import type { App } from './app.ts';

/** `/docs/errors`: where the `type` of every problem leads. */
export function errorsPage(app: App): void {
  const rows = Object.entries(CATALOGUE).map(
    ([code, [status, title, action]]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td><td>${escapeHtml(action)}</td></tr>`,
  );
  const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Posthorn errors</title></head>
<body><h1>Errors</h1><table><thead><tr><th>code</th><th>status</th><th>title</th><th>what to do</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></body></html>`;
  app.get('/docs/errors', { schema: { hide: true } }, async (_, reply) =>
    reply
      .header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
      .type('text/html; charset=utf-8')
      .serializer((text: string) => text)
      .send(page),
  );
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
