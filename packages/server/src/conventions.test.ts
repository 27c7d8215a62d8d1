/** Conventions of this code base that no tool checks by itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { CATALOGUE } from './domain/errors.ts';

const ROOT = dirname(fileURLToPath(import.meta.url));

/** Imports point one way: from a higher number to the same or a lower one, and never sideways in INDEPENDENT. */
const LAYER: Readonly<Record<string, number>> = {
  domain: 0,
  contract: 1,
  storage: 1,
  egress: 1,
  accept: 2,
  fanout: 2,
  dispatch: 2,
  deliver: 2,
  transform: 2,
  settle: 2,
  maintain: 2,
  keys: 2,
  manage: 2,
  http: 3,
};
const INDEPENDENT = new Set(['contract', 'storage', 'egress']);

function sources(): { file: string; text: string }[] {
  return readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }));
}

test('imports point one way', () => {
  const wrong: string[] = [];
  for (const { file, text } of sources()) {
    const [from = ''] = file.split(sep);
    for (const [, target = ''] of text.matchAll(/from '(\.[^']+)'/g)) {
      const to = relative(ROOT, join(ROOT, dirname(file), target)).split(sep)[0] ?? '';
      if (LAYER[from] === undefined || LAYER[to] === undefined || from === to) continue;
      if (LAYER[to] > LAYER[from] || (INDEPENDENT.has(from) && INDEPENDENT.has(to))) wrong.push(`${file} -> ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('the domain imports nothing but itself and node:crypto', () => {
  for (const { file, text } of sources().filter((s) => s.file.startsWith('domain'))) {
    for (const [, target = ''] of text.matchAll(/from '([^']+)'/g)) {
      expect(target.startsWith('./') || target === 'node:crypto', `${file} imports ${target}`).toBe(true);
    }
  }
});

test('only main.ts reads the clock, random and the environment of the process', () => {
  const readers = sources()
    .filter(
      ({ file }) =>
        file !== 'main.ts' &&
        !file.startsWith('egress') &&
        !file.startsWith(join('storage', 'embedded')) &&
        !file.startsWith(join('storage', 'database')),
    )
    .filter(({ text }) =>
      /\bDate\.now\(|\bMath\.random\b|\bprocess\.env\b/.test(text.replace(/\/\*\*[\s\S]*?\*\//g, '')),
    )
    .map(({ file }) => file);
  expect(readers).toEqual([]);
});

test('only egress opens sockets to the outside', () => {
  const openers = sources()
    .filter(({ file }) => !file.startsWith('egress') && !file.startsWith(join('storage', 'embedded')))
    .filter(({ text }) => /from '(undici|node:net|node:tls|node:http|node:https|node:dns[^']*)'/.test(text))
    .map(({ file }) => file);
  expect(openers).toEqual([]);
});

test('every error of the catalogue is used', () => {
  const all = sources()
    .filter(({ file }) => !file.endsWith('errors.ts'))
    .map(({ text }) => text)
    .join('\n');
  expect(Object.keys(CATALOGUE).filter((code) => !all.includes(`'${code}'`))).toEqual([]);
});
