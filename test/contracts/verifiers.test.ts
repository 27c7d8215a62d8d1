/** The verifiers for other languages say of each shared vector what the SDK says; run where the language is installed. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../verifiers/', import.meta.url));
const FILE = join(FOLDER, 'vectors.json');
const { vectors } = JSON.parse(readFileSync(FILE, 'utf8')) as { vectors: { name: string; verdict: string }[] };

const LANGUAGES = [
  { name: 'Python', command: 'python3', version: ['--version'], args: [join(FOLDER, 'python', 'vectors.py')] },
  { name: 'Go', command: 'go', version: ['version'], args: ['run', './vectors', FILE], cwd: join(FOLDER, 'go') },
  { name: 'PHP', command: 'php', version: ['--version'], args: [join(FOLDER, 'php', 'vectors.php')] },
  { name: 'Ruby', command: 'ruby', version: ['--version'], args: [join(FOLDER, 'ruby', 'vectors.rb')] },
];

describe.each(LANGUAGES)('$name', ({ command, version, args, cwd = FOLDER }) => {
  const isInstalled = spawnSync(command, version).status === 0;

  test.skipIf(!isInstalled)('says of each vector what is expected', { timeout: 120_000 }, () => {
    // Written into the folder, and in nobody's way.
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod' };
    const { stdout, stderr, status } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const verdicts = JSON.parse(stdout) as Record<string, string>;
    const wrong = vectors.filter(({ name, verdict }) => verdicts[name] !== verdict && verdicts[name] !== 'skipped');
    expect(wrong.map(({ name, verdict }) => `${name}: ${verdicts[name]}, not ${verdict}`)).toEqual([]);
    expect(Object.values(verdicts).filter((verdict) => verdict === 'valid').length).toBeGreaterThan(10);
  });
});

test.skipIf(spawnSync('ruby', ['--version']).status !== 0)(
  'Ruby takes headers under the names that Rails and Rack give them',
  () => {
    const vector = vectors.find(({ name }) => name === 'standard: v1') as
      | { headers: Record<string, string> }
      | undefined;
    const headers = Object.fromEntries(
      Object.entries(vector?.headers ?? {}).map(([name, value]) => [
        `HTTP_${name.toUpperCase().replaceAll('-', '_')}`,
        value,
      ]),
    );
    const script = `
    require "json"
    require "${join(FOLDER, 'ruby', 'posthorn_webhook')}"
    one = JSON.parse($stdin.read)
    PosthornWebhook.verify(one["body"], one["headers"], one["secrets"], now: one["now"])
    print "valid"`;
    const { stdout, stderr } = spawnSync('ruby', ['-e', script], {
      input: JSON.stringify({ ...vector, headers }),
      encoding: 'utf8',
    });
    expect(stdout, stderr).toBe('valid');
  },
);
