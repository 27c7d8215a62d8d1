// npm test [files]: all tests, with everything that they need.
import { join } from 'node:path';
import { build, install, installBrowser, root, run } from './prepare.mjs';

install();
build();
installBrowser();
run(process.execPath, [join(root, 'test', 'browser', 'check.mjs')]);
run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...process.argv.slice(2)]);
