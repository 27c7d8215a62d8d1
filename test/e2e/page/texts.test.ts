/** The page has words for everything that the server may say, in every language. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { en, type Texts } from '../../../packages/page/src/texts/en.ts';
import { formatOf } from '../../../packages/page/src/texts/format.ts';
import { DELIVERY_STATUSES } from '../../../packages/server/src/domain/model.ts';
import { ERROR_CODES } from '../../../packages/server/src/domain/outcome.ts';
import { PERMISSION_OF } from '../../../packages/server/src/http/roles.ts';

const SOURCES = new URL('../../../packages/page/src/', import.meta.url).pathname;
const TRANSLATIONS = readdirSync(join(SOURCES, 'texts/languages'));
const LANGUAGES: Record<string, Texts> = { 'en.ts': en };
for (const file of TRANSLATIONS) LANGUAGES[file] = (await import(join(SOURCES, 'texts/languages', file))).texts;

describe.each(Object.entries(LANGUAGES))('the texts in %s', (_, t) => {
  test('name every status and every error of an attempt', () => {
    expect(Object.keys(t.deliveryStatus).sort()).toEqual([...DELIVERY_STATUSES].sort());
    expect(Object.keys(t.attemptErrors).sort()).toEqual([...ERROR_CODES].sort());
  });

  test('name every change that the audit log can hold of a page', () => {
    const silent = new Set([
      'verifySignature',
      'generateSecret',
      'checkUrl',
      'renderEvent',
      'tryFilter',
      'tryTransformation',
    ]);
    const changes = Object.keys(PERMISSION_OF).filter((name) => !/^(get(?!Secret)|list|watch)/.test(name));
    for (const change of changes) if (!silent.has(change)) expect(t.audit.actions).toHaveProperty(change);
  });

  test('have the same entries as English, and none is empty', () => {
    expect(shapeOf(t)).toEqual(shapeOf(en));
  });
});

test('no text stands in a component', () => {
  const attributes = /\b(?:aria-label|title|label|alt|verb|about|hint|text)="[^"]*[A-Za-z][^"]*"/g;
  const found = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.tsx'))
    .flatMap((file) =>
      [...readFileSync(join(SOURCES, file), 'utf8').matchAll(attributes)].map(([text]) => `${file}: ${text}`),
    );
  expect(found).toEqual([]);
});

test('numbers and times are written as the language does', () => {
  const [english, german] = [formatOf('en-US', 'local'), formatOf('de-DE', 'local')];
  expect([english.number(12_345), german.number(12_345)]).toEqual(['12,345', '12.345']);
  expect([english.bytes(1_536), german.bytes(1_536)]).toEqual(['1.5 KiB', '1,5 KiB']);
  expect([english.measured(2_140), german.measured(2_140)]).toEqual(['2.1 s', '2,1 s']);
  expect(english.measured(4.25)).toBe('4.3 ms');
  expect(english.duration(252_000)).toBe('4 min 12 s');
  expect(english.duration(259_200_000)).toBe('3 d');
  expect(english.duration(-5)).toBe('0 s');
  expect(english.relative(0, 120_500)).toMatch(/^2\s?m.* ago$/);
  expect(german.relative(7_200_000, 0)).toMatch(/^in 2/);
});

/** Every entry by its path; texts by whether there are any. Lists that follow the server's codes may differ. */
function shapeOf(value: unknown, path = ''): string[] {
  if (path === 'problems') return [];
  if (typeof value !== 'object' || value === null) {
    return [`${path}: ${typeof value}${value === '' ? ', empty' : ''}`];
  }
  return Object.entries(value).flatMap(([key, inner]) => shapeOf(inner, path === '' ? key : `${path}.${key}`));
}
