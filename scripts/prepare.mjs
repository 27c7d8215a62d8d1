// What every command does first on a fresh clone: install what is missing and build what has changed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { refusalOf } from './node-version.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const refusal = refusalOf(process.versions.node);
if (refusal) {
  console.error(refusal);
  process.exit(1);
}

/** Runs a command in the repository; ends this process when it fails. */
export function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    ...options,
  });
  if (status !== 0) process.exit(status ?? 1);
}

function isInstalled(folder) {
  const marker = join(folder, 'node_modules', '.package-lock.json');
  return existsSync(marker) && statSync(marker).mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs;
}

export function install() {
  if (isInstalled(root)) return;
  console.log('Installing packages (first start, or the lock file has changed) …');
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

export function build() {
  if (!existsSync(join(root, 'packages', 'server', 'dist', 'main.js'))) console.log('Building …');
  if (['packages/server', 'packages/sdk', 'packages/cli', 'bench'].some(isStale)) {
    run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b']);
  }
  buildPage();
  buildDocs();
}

/** Whether a source is newer than what was built of it: to ask the compiler takes most of a second. */
function isStale(project) {
  const built = join(root, project, 'dist', '.tsbuildinfo');
  return !existsSync(built) || statSync(built).mtimeMs < newest(join(root, project, 'src'));
}

const page = join(root, 'packages', 'page');

function newest(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...files.map((file) => statSync(join(file.parentPath, file.name)).mtimeMs));
}

/** The page takes seconds to build: only when something of it has changed. */
function buildPage() {
  const built = join(page, 'dist', 'index.html');
  const single = [join(page, 'index.html'), join(page, 'vite.config.ts'), join(root, 'package-lock.json')];
  const changed = Math.max(newest(join(page, 'src')), ...single.map((file) => statSync(file).mtimeMs));
  if (existsSync(built) && statSync(built).mtimeMs >= changed) return;
  run(process.execPath, [join(root, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--logLevel', 'warn'], {
    cwd: page,
  });
}

function buildDocs() {
  const docs = join(root, 'docs');
  const built = join(docs, 'dist', 'index.html');
  const sources = [join(root, 'ARCHITECTURE.md'), join(root, 'scripts', 'build-docs.mjs')];
  const changed = Math.max(
    ...sources.map((file) => statSync(file).mtimeMs),
    ...['.', 'contracts', 'site'].flatMap((folder) =>
      readdirSync(join(docs, folder), { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => statSync(join(docs, folder, entry.name)).mtimeMs),
    ),
  );
  if (existsSync(built) && statSync(built).mtimeMs >= changed) return;
  run(process.execPath, [join(root, 'scripts', 'build-docs.mjs')]);
}

/** The Chromium for the browser tests: the same on every machine, whatever browsers it has, unless CHROMIUM_PATH names one. */
export function installBrowser() {
  if (!process.env.CHROMIUM_PATH) installTool(join('test', 'browser'), 'Installing a browser for the tests …');
}

/** Installs what only some commands need: it has a folder, and a lock file, of its own. */
export function installTool(path, message) {
  const folder = join(root, path);
  if (isInstalled(folder)) return;
  console.log(message);
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
