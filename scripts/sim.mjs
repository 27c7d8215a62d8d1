// npm run sim -- [--seeds 1000] [--seed 1]
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, install, root, run } from './prepare.mjs';

const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string' } } });
const { seeds = values.seed === undefined ? '1000' : '1', seed = '1' } = values;
install();
build();
const env = { ...process.env, SIM_SEEDS: seeds, SIM_SEED: seed };
run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', 'test/sim'], { env });
