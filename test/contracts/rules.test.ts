/** Every rule that docs/contracts states has a test that bears its number, and every number in a test is a rule. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test.each(['loop-returns', 'loop-subscriptions', 'loops'])('the rules of %s', (vendor) => {
  const rules = [...read(`docs/contracts/${vendor}.md`).matchAll(/^\| (L[RSO]-\d+) +\|/gm)].map(([, rule]) => rule);
  expect(new Set(rules).size).toBe(rules.length);
  const titles = read(`test/contracts/${vendor}.test.ts`).matchAll(/['"](L[RSO]-\d+( L[RSO]-\d+)*) [^'"]/g);
  const proven = new Set([...titles].flatMap(([, numbers]) => numbers?.split(' ') ?? []));
  expect([...proven].sort()).toEqual([...rules].sort());
});
