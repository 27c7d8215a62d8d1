/** One file of the simulator and the engine that it drives, without a test runner around it; with a planted bug, if one is asked for. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import type { PlantedBug } from './planted-bugs.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'node_modules', '.cache', 'posthorn-sim');

/** @returns the file's path */
export async function bundle(bug?: PlantedBug): Promise<string> {
  let isPlanted = bug === undefined;
  const build = await rolldown({
    input: join(root, 'test', 'sim', 'worker.ts'),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/') && !/^[A-Za-z]:/.test(id),
    plugins: [
      {
        name: 'simulator',
        transform(code, id) {
          let changed = code;
          if (bug && id.replaceAll('\\', '/').endsWith(bug.file)) {
            changed = plant(bug, code);
            isPlanted = true;
          }
          return changed.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href));
        },
      },
    ],
  });
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${bug?.name ?? 'sound'}-${process.pid}.mjs`);
  await build.write({ file, format: 'esm' });
  if (!isPlanted) throw new Error(`no module ends with ${bug?.file}`);
  return file;
}

function plant({ name, find, put }: PlantedBug, code: string): string {
  const count = code.split(find).length - 1;
  if (count !== 1) throw new Error(`what "${name}" changes is there ${count} times: mend test/sim/planted-bugs.ts`);
  return code.replace(find, () => put);
}
