import { expect, test } from 'vitest';
import { csvLine } from './csv.ts';

test('cells with commas, quotes and lines are quoted', () => {
  expect(csvLine(['a', 'b,c', 'd"e', 'f\r\ng', '', null, -5, true])).toBe('a,"b,c","d""e","f\r\ng",,,-5,true\r\n');
});

test('attack: no cell is a formula for a spreadsheet', () => {
  expect(csvLine(['=cmd()', '+1', '-1', '@x', '\tx'])).toBe("'=cmd(),'+1,'-1,'@x,'\tx\r\n");
});
