// npm run crash [kills] [seed]
import { join } from 'node:path';
import { build, install, root, run } from './prepare.mjs';

const [kills = '100', seed] = process.argv.slice(2);
install();
build();
const env = { ...process.env, CRASH_KILLS: kills, ...(seed === undefined ? {} : { CRASH_SEED: seed }) };
run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', 'test/crash'], { env });
