// Types, format and lint. Tests are `npm test`; CI runs both.
import { join } from 'node:path';
import { build, install, root, run } from './prepare.mjs';

install();
build();
run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.tests.json']);
run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'packages/page']);
run(process.execPath, [join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome'), 'check', '.']);
