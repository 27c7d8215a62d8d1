import { expect, test } from 'vitest';
import { roleOf, trusted } from './open-id-connect.ts';

const RULES = [
  { claim: 'groups', value: 'ops', role: 'admin' },
  { claim: 'department', value: 'help', role: 'support' },
] as const;

test.each([
  ['a list with the value', { groups: ['x', 'ops'] }, 'admin'],
  ['the value itself', { groups: 'ops' }, 'admin'],
  ['the first rule that fits', { groups: ['ops'], department: 'help' }, 'admin'],
  ['another claim', { department: 'help' }, 'support'],
  ['a part of the value', { groups: 'devops' }, undefined],
  ['a list in another claim', { department: ['ops'] }, undefined],
  ['nothing', {}, undefined],
])('%s', (_, claims, role) => {
  expect(roleOf(claims, RULES)).toBe(role);
});

test('a rule for everybody', () => {
  expect(roleOf({}, [...RULES, { claim: undefined, value: '', role: 'viewer' }])).toBe('viewer');
});

test('attack: an address that somebody has only said is theirs counts for nothing', () => {
  const rules = [{ claim: 'email', value: 'boss@example.com', role: 'admin' }] as const;
  expect(roleOf(trusted({ email: 'boss@example.com', email_verified: false }), rules)).toBeUndefined();
  expect(roleOf(trusted({ email: 'boss@example.com', email_verified: true }), rules)).toBe('admin');
  expect(roleOf(trusted({ email: 'boss@example.com' }), rules)).toBe('admin');
});
