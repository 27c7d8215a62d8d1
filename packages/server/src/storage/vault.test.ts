import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Vault } from './vault.ts';

const key = randomBytes(32);

test('what was sealed opens again, and looks different each time', () => {
  const vault = new Vault([key]);
  const first = vault.seal('whsec_abc', 'endpoint 1');
  expect(vault.open(first, 'endpoint 1')).toBe('whsec_abc');
  expect(vault.seal('whsec_abc', 'endpoint 1').ciphertext).not.toEqual(first.ciphertext);
  expect(first.ciphertext.includes('whsec_abc')).toBe(false);
});

test('attack: a ciphertext moved to another row does not open', () => {
  const vault = new Vault([key]);
  expect(() => vault.open(vault.seal('whsec_abc', 'endpoint 1'), 'endpoint 2')).toThrow();
});

test('attack: a changed ciphertext does not open', () => {
  const vault = new Vault([key]);
  const sealed = vault.seal('whsec_abc', 'endpoint 1');
  for (let i = 0; i < sealed.ciphertext.length; i++) {
    const changed = Buffer.from(sealed.ciphertext);
    changed[i] = (changed[i] ?? 0) ^ 1;
    expect(() => vault.open({ ...sealed, ciphertext: changed }, 'endpoint 1')).toThrow();
  }
});

test('a new master key opens what the old one sealed, and seals by itself', () => {
  const sealed = new Vault([key]).seal('s', 'row');
  const renewed = new Vault([randomBytes(32), key]);
  expect(renewed.open(sealed, 'row')).toBe('s');
  expect(renewed.seal('s', 'row').keyId).not.toBe(sealed.keyId);
  expect(() => new Vault([randomBytes(32)]).open(sealed, 'row')).toThrow('POSTHORN_MASTER_KEY');
});
