import pg from 'pg';
import { expect, test } from 'vitest';
import { DatabaseBusy, DatabaseUnavailable, kindOf, kindOfDriverError } from './database-errors.ts';

function answered(code: string, more: Partial<pg.DatabaseError> = {}): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('whatever it says', 0, 'error'), { code, ...more });
}

test.each([
  ['08006', 'away'],
  ['57P01', 'away'],
  ['57P02', 'away'],
  ['57P03', 'away'],
  ['28P01', 'away'],
  ['25006', 'read_only'],
  ['53100', 'full'],
  ['53200', 'full'],
  ['58030', 'full'],
  ['53300', 'busy'],
  ['57014', 'busy'],
  ['55P03', 'busy'],
  ['40001', 'try_again'],
  ['40P01', 'try_again'],
  ['22021', 'bad_row'],
  ['23502', 'bad_row'],
  ['42P01', 'defect'],
  ['XX000', 'defect'],
])('SQLSTATE %s is %s', (code, kind) => {
  expect(kindOf(answered(code))).toBe(kind);
});

test('a violated check is a bad row; a row that fits no partition is not', () => {
  expect(kindOf(answered('23514', { constraint: 'deliveries_status_check' }))).toBe('bad_row');
  expect(kindOf(answered('23514'))).toBe('no_partition');
});

test('what the driver throws and PostgreSQL did not answer is the connection; elsewhere it is our own mistake', () => {
  const lost = new Error('Connection terminated unexpectedly');
  expect([kindOfDriverError(lost), kindOf(lost)]).toEqual(['away', 'defect']);
  expect(kindOfDriverError(answered('42P01'))).toBe('defect');
  expect(kindOf(new DatabaseUnavailable('down', 'read_only'))).toBe('read_only');
  expect(kindOf(new DatabaseBusy('all in use'))).toBe('busy');
});
