// A server of its own for pictures of the page, on a new data folder.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, install, installBrowser, root } from './prepare.mjs';

install();
build();
installBrowser();

export const KEY = 'pictures-operator-key';

export async function startPageServer(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-pictures-'));
  const server = spawn(process.execPath, [join(root, 'packages/server/dist/main.js')], {
    env: {
      PATH: process.env.PATH,
      POSTHORN_PORT: '0',
      POSTHORN_DATA_DIR: folder,
      POSTHORN_OPERATOR_KEY: KEY,
      POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8',
      POSTHORN_LOG_LEVEL: 'warn',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const origin = await new Promise((resolve) => {
    server.stdout.on('data', (chunk) => {
      const found = /Page +(http:\/\/\S+)/.exec(String(chunk))?.[1];
      if (found) resolve(found);
    });
  });
  return {
    origin,
    folder,
    async call(method, path, body) {
      const response = await fetch(origin + path, {
        method,
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return text === '' ? undefined : JSON.parse(text);
    },
    async stop() {
      server.kill('SIGTERM');
      await new Promise((resolve) => server.once('exit', resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
