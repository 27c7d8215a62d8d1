import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compact } from '../domain/raw-json.ts';
import { phpJson } from './php-json.ts';

describe('phpJson', () => {
  // Expected values as `php -r 'echo json_encode(json_decode($argv[1]));'` prints them.
  test.each([
    ['"a/b"', '"a\\/b"'],
    ['"é"', '"\\u00e9"'],
    ['"😀"', '"\\ud83d\\ude00"'],
    ['"\\u00E9\\/"', '"\\u00e9\\/"'],
    ['"tab\\t nul\\u0000 del\u007f"', '"tab\\t nul\\u0000 del\u007f"'],
    ['"\\b\\f\\n\\r\\"\\\\"', '"\\b\\f\\n\\r\\"\\\\"'],
    ['5.0', '5'],
    ['-5.0', '-5'],
    ['20.20', '20.2'],
    ['0.1', '0.1'],
    ['0.0001', '0.0001'],
    ['0.00001', '1.0e-5'],
    ['1.5e-7', '1.5e-7'],
    ['1e3', '1000'],
    ['1.5e25', '1.5e+25'],
    ['1e25', '1.0e+25'],
    ['9007199254740993', '9007199254740993'],
    // Integers beyond 64 bits are read as floats.
    ['9223372036854775807', '9223372036854775807'],
    ['9223372036854775808', '9.223372036854776e+18'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['-9223372036854775809', '-9.223372036854776e+18'],
    ['12345678901234567890', '1.2345678901234567e+19'],
    ['-0', '0'],
    ['-0.0', '-0'],
    ['-0e5', '-0'],
    // The last of equal keys counts, in the place of the first, however they are written.
    ['{"a":1,"b":2,"a":[3]}', '{"a":[3],"b":2}'],
    ['[{"a":{"x":1,"x":2},"\\u0061":{"y":5.0,"y":6.0}}]', '[{"a":{"y":6}}]'],
    ['{"":1,"_empty_":2,"":3}', '{"":3,"_empty_":2}'],
    ['{"z":1,"a":[],"é":{}}', '{"z":1,"a":[],"\\u00e9":{}}'],
    ['[ true , null ,\n false ]', '[true,null,false]'],
  ])('%s becomes %s', (given, expected) => {
    expect(phpJson(given)).toBe(expected);
  });

  test.each([
    ['5.0', '5.0'],
    ['20.20', '20.20'],
    ['1E+2', '1E+2'],
    ['-0', '-0'],
    ['{"a":5.0,"a":6.0,"/":"é"}', '{"a":6.0,"\\/":"\\u00e9"}'],
  ])('%s with numbers as published becomes %s', (given, expected) => {
    expect(phpJson(given, 'as-published')).toBe(expected);
  });

  test('means the same as what it was given, is ASCII, and changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const written = phpJson(text);
        expect(JSON.parse(written)).toEqual(JSON.parse(text));
        expect(written).toMatch(/^[\x20-\x7f]*$/);
        expect(phpJson(written)).toBe(written);
        expect(compact(written)).toBe(written);
      }),
    );
  });
});
