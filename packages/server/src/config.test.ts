import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

test('without any setting the defaults hold', () => {
  expect(readConfig({})).toMatchObject({
    host: '127.0.0.1',
    port: 8400,
    databaseUrl: undefined,
    logLevel: 'info',
    allowNetworks: [],
  });
});

test('settings are read', () => {
  const config = readConfig({
    POSTHORN_PORT: '0',
    POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8, ::1',
    POSTHORN_MASTER_KEY: `${Buffer.alloc(32, 1).toString('base64')},${Buffer.alloc(32, 2).toString('hex')}`,
    POSTHORN_OPERATOR_KEY: '',
    DATABASE_URL: 'postgres://u:p@h/d',
  });
  expect(config).toMatchObject({ port: 0, databaseUrl: 'postgres://u:p@h/d', operatorKey: undefined });
  expect(config.allowNetworks).toHaveLength(2);
  expect(
    readConfig({
      POSTHORN_CELLS: ' two=postgres://u:p@h/d?a=b\n three=postgres://h/e ',
      POSTHORN_CELLS_DELIVERED: 'first, three',
    }),
  ).toMatchObject({
    cells: [
      { name: 'two', url: 'postgres://u:p@h/d?a=b' },
      { name: 'three', url: 'postgres://h/e' },
    ],
    cellsDelivered: ['first', 'three'],
  });
  expect(config.masterKeys).toEqual([Buffer.alloc(32, 1), Buffer.alloc(32, 2)]);
});

test.each([
  [{ POSTHORN_PORT: 'http' }, /^POSTHORN_PORT: "http" is not a port/],
  [{ POSTHORN_PORT: '70000' }, /^POSTHORN_PORT: /],
  [{ POSTHORN_LOG_LEVEL: 'loud' }, /^POSTHORN_LOG_LEVEL: "loud" is not a level/],
  [{ POSTHORN_ALLOW_NETWORKS: '10.0.0.0/8,localhost' }, /^POSTHORN_ALLOW_NETWORKS: "localhost" is not a network/],
  [{ POSTHORN_MASTER_KEY: 'c2hvcnQ=' }, /^POSTHORN_MASTER_KEY: each key is 32 bytes/],
  [{ POSTHORN_OPERATOR_KEY: 'short' }, /^POSTHORN_OPERATOR_KEY: too short/],
  [{ DATABASE_URL: 'mysql://h/d' }, /^DATABASE_URL: not a PostgreSQL URL/],
  [{ POSTHORN_CELLS: 'two' }, /^POSTHORN_CELLS: /],
  [{ POSTHORN_CELLS: 'Two=postgres://h/d' }, /^POSTHORN_CELLS: write each as name=postgres/],
  [{ POSTHORN_CELLS: 'first=postgres://h/d' }, /^POSTHORN_CELLS: .* not "first"/],
  [{ POSTHORN_CELLS: 'two=mysql://h/d' }, /^POSTHORN_CELLS: not a PostgreSQL URL/],
  [{ POSTHORN_CELLS: 'two=postgres://h/d two=postgres://h/e' }, /^POSTHORN_CELLS: "two" is there twice/],
  [
    { POSTHORN_CELLS: 'two=postgres://h/d', POSTHORN_CELLS_DELIVERED: 'first,three' },
    /^POSTHORN_CELLS_DELIVERED: "three" is none of first, two/,
  ],
  [{ POSTHORN_PROT: '8400' }, /^POSTHORN_PROT: there is no such setting/],
])('%o stops the start with one line', (env, message) => {
  expect(() => readConfig(env)).toThrow(message);
  try {
    readConfig(env);
  } catch (error) {
    expect(String(error)).not.toContain('\n');
  }
});
