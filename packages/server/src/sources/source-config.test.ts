import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkSources, readSources, SOURCE_TYPES } from './source-config.ts';

const check = (source: object, env = {}) => checkSources({ sources: [source] }, 'sources.json', env);
const KAFKA = { name: 'orders', type: 'kafka', brokers: ['localhost:9092'], topics: ['orders'] };

test('a file of sources is read, with what the environment holds in its place', () => {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-sources-'));
  const file = join(folder, 'sources.json');
  const source = { name: 'outbox', type: 'postgresql', url: { env: 'APP_URL' }, table: 'outbox' };
  writeFileSync(file, JSON.stringify({ sources: [source, KAFKA] }));
  expect(readSources(file, { APP_URL: 'postgres://app' })).toEqual([{ ...source, url: 'postgres://app' }, KAFKA]);
  rmSync(folder, { recursive: true });
});

test('the file of the documentation is right', () => {
  const page = readFileSync(new URL('../../../../docs/sources.md', import.meta.url), 'utf8');
  const [, json = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const environment = { KAFKA_PASSWORD: 'x', AMQP_URL: 'amqp://x', APP_DATABASE_URL: 'postgres://x' };
  const sources = checkSources(JSON.parse(json), 'sources.json', environment);
  expect(sources.map(({ type }) => type).sort()).toEqual([...SOURCE_TYPES].sort());
});

test.each([
  ['a file that is not there', () => readSources('/nowhere/sources.json', {}), 'cannot be read'],
  ['no list', () => checkSources({}, 'sources.json', {}), 'sources.json has no list "sources"'],
  ['an unknown type', () => check({ ...KAFKA, type: 'fax' }), '#/sources/0/type is "fax"'],
  ['something missing', () => check({ ...KAFKA, topics: undefined }), "must have required property 'topics'"],
  ['something unknown', () => check({ ...KAFKA, topic: 'x' }), 'has "topic", which is not known'],
  ['a name for no address', () => check({ ...KAFKA, name: 'a b' }), '#/sources/0/name'],
  ['a pointer that is none', () => check({ ...KAFKA, event: { id: { pointer: 'x' } } }), '#/sources/0/event/id'],
  [
    'a variable that is not set',
    () => check({ ...KAFKA, sasl: { mechanism: 'PLAIN', username: 'a', password: { env: 'NOT_SET' } } }),
    'needs the variable NOT_SET',
  ],
  [
    'payload and payloads',
    () => check({ ...KAFKA, event: { payload: { pointer: '' }, payloads: { pointer: '' } } }),
    'not both',
  ],
  [
    'a name twice',
    () => checkSources({ sources: [KAFKA, KAFKA] }, 'sources.json', {}),
    '#/sources/1/name is the name of another one',
  ],
])('%s is refused with its place', (_, read, reason) => {
  expect(read).toThrow(reason);
});
