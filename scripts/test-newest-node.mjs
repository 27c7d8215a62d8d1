// npm run test:newest-node [files]: the tests on the newest long-term release of Node.js, which comes as an npm package.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, install, installBrowser, installTool, root, run } from './prepare.mjs';

install();
build();
installBrowser();
installTool(join('test', 'newest-node'), 'Installing the newest Node.js for the tests …');
const node = join(
  root,
  'test',
  'newest-node',
  'node_modules',
  `node-${process.platform}-${process.arch}`,
  'bin',
  'node',
);
if (!existsSync(node)) {
  console.error(`There is no package of the newest Node.js for ${process.platform}-${process.arch}.`);
  process.exit(1);
}
run(node, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...process.argv.slice(2)]);
