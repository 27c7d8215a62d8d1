/** Every rule that docs/contracts states has a test that bears its number, and every number in a test is a rule. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadContract } from '../../packages/server/src/contract/load.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test.each(['loop-returns', 'loop-subscriptions', 'loops'])('the rules of %s', (vendor) => {
  const rules = [...read(`docs/contracts/${vendor}.md`).matchAll(/^\| (L[RSO]-\d+) +\|/gm)].map(([, rule]) => rule);
  expect(new Set(rules).size).toBe(rules.length);
  const titles = read(`test/contracts/${vendor}.test.ts`).matchAll(/['"](L[RSO]-\d+( L[RSO]-\d+)*) [^'"]/g);
  const proven = new Set([...titles].flatMap(([, numbers]) => numbers?.split(' ') ?? []));
  expect([...proven].sort()).toEqual([...rules].sort());
});

/** A start trusts them; so this is where they are checked in full: form, schemas, and every sample by its schema. */
const folders = readdirSync(fileURLToPath(new URL('../../contracts/', import.meta.url)), { withFileTypes: true });
test.each(folders.filter((entry) => entry.isDirectory()).map(({ name }) => name))(
  'the contract %s is right',
  (name) => {
    const folder = fileURLToPath(new URL(`../../contracts/${name}`, import.meta.url));
    expect(loadContract(folder).name).toBe(name);
  },
);
