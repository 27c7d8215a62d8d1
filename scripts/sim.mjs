// npm run sim -- [--seeds 1000] [--seed 1] [--bugs all | a part of a planted bug's name]
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, install, root, run } from './prepare.mjs';

const string = { type: 'string' };
const { values } = parseArgs({ options: { seeds: string, seed: string, bugs: string } });
const isOne = values.seed !== undefined || values.bugs !== undefined;
const { seeds = isOne ? '1' : '1000', seed = '1', bugs = 'none' } = values;
install();
build();
const env = { ...process.env, SIM_SEEDS: seeds, SIM_SEED: seed, SIM_BUGS: bugs };
run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', 'test/sim/sim.test.ts'], { env });
