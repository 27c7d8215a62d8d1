import { expect, test } from 'vitest';
import { matching, writtenForms } from './delivery-filter.ts';

test('a text is looked for in every way in which JSON writes it', () => {
  expect(writtenForms('café')).toEqual(expect.arrayContaining(['café', 'caf\\u00e9', 'caf\\u00E9']));
  expect(writtenForms('caf\\u00e9')).toEqual(expect.arrayContaining(['café', 'caf\\u00e9']));
  expect(writtenForms('a/b')).toEqual(expect.arrayContaining(['a/b', 'a\\/b']));
  expect(writtenForms('😀')).toEqual(expect.arrayContaining(['😀', '\\ud83d\\ude00']));
  expect(writtenForms('say "hi"')).toEqual(expect.arrayContaining(['say "hi"', 'say \\"hi\\"']));
  expect(writtenForms('"id": 1, "a": 2')).toEqual(expect.arrayContaining(['"id":1,"a":2']));
  expect(writtenForms('plain')).toEqual(['plain']);
});

test('what is not asked for stands in no condition', () => {
  const { text, values } = matching('acme', {}, {}, 10);
  expect(values).toEqual(['acme', 10]);
  expect(text).not.toContain('position(');
});
