import { expect, test } from 'vitest';
import { greeting } from './greeting.ts';

const node = { url: 'http://127.0.0.1:8400', freshOperatorKey: 'pho_secret', signInToken: 'once' };

test('a new operator key is shown on a terminal, once', () => {
  const shown = greeting(node, { isTerminal: true, keyFile: '/data/operator-key' });
  expect(shown).toMatch(/Operator key .*\/data\/operator-key.*: pho_secret/);
  expect(shown).toContain('http://127.0.0.1:8400/sign-in?token=once');
  const later = greeting({ ...node, freshOperatorKey: undefined }, { isTerminal: true, keyFile: '/data/operator-key' });
  expect(later).not.toMatch(/operator/i);
});

test('a log is told where the operator key is, not what it is', () => {
  const logged = greeting(node, { isTerminal: false, keyFile: '/data/operator-key' });
  expect(logged).not.toContain('pho_secret');
  expect(logged).toContain('/data/operator-key');
});
