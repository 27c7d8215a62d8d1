import { expect, test } from 'vitest';
import { nameSchemas } from './name-schemas.ts';

const answer = (schema: object) => ({ get: { responses: { 200: { schema } } } });
const inner = { title: 'Inner', type: 'object', properties: { title: { type: 'string' } } };

test('a schema with a title stands among the components once, and is referred to, also inside of another', () => {
  const document = nameSchemas({
    paths: { '/a': answer(inner), '/b': answer({ title: 'Outer', anyOf: [inner, { type: 'null' }] }) },
    components: { schemas: { Problem: { type: 'object' } } },
  });
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  expect(document).toEqual({
    paths: { '/a': answer(ref('Inner')), '/b': answer(ref('Outer')) },
    components: {
      schemas: {
        Problem: { type: 'object' },
        Inner: { type: 'object', properties: { title: { type: 'string' } } },
        Outer: { anyOf: [ref('Inner'), { type: 'null' }] },
      },
    },
  });
});

test('two different schemas do not have one name', () => {
  const paths = { '/a': answer({ title: 'One', type: 'string' }), '/b': answer({ title: 'One', type: 'number' }) };
  expect(() => nameSchemas({ paths })).toThrow('two schemas are named "One"');
});
