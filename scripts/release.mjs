// npm run release -- [--publish]: makes the next version out of .changeset/, checks and tests it, and packs it; with
// --publish it is published and tagged. Without it, nothing leaves this folder.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, run } from './prepare.mjs';

const CHANGESETS = '@changesets/cli@2';
const { values } = parseArgs({ options: { publish: { type: 'boolean', default: false } } });
const versionOf = () => JSON.parse(readFileSync(join(root, 'packages', 'cli', 'package.json'), 'utf8')).version;

const changes = readdirSync(join(root, '.changeset')).filter((file) => file.endsWith('.md') && file !== 'README.md');
if (values.publish && changes.length > 0) {
  run('npx', ['--yes', CHANGESETS, 'version']);
  run('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund']);
}
run('npm', ['run', 'check']);
run('npm', ['test']);
run('npm', ['publish', '--workspaces', ...(values.publish ? ['--provenance'] : ['--dry-run'])]);
if (values.publish) {
  run('git', ['commit', '--all', '--message', `Version ${versionOf()}`]);
  run('git', ['tag', `v${versionOf()}`]);
}
console.log(
  values.publish
    ? `Version ${versionOf()} is published. Push it: git push --follow-tags`
    : `${changes.length} changes wait; version ${versionOf()} can be packed. Publish with: npm run release -- --publish`,
);
