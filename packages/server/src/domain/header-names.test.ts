import { expect, test } from 'vitest';
import { isCredentialName, isPublicHeader } from './header-names.ts';

const contract = new Set(['x-loop-signature', 'x-contract-token']);

test.each(['Content-Type', 'webhook-id', 'Webhook-Signature', 'user-agent', 'X-Loop-Signature'])(
  '%s is public',
  (name) => expect(isPublicHeader(name, contract)).toBe(true),
);

test.each([
  'Authorization',
  'Proxy-Authorization',
  'proxy-authenticate',
  'Cookie',
  'SET-COOKIE',
  'x-api-key',
  'X-ApiKey',
  'X-Auth-Token',
  'X-Client-Secret',
  'X-Password',
  // Chosen by somebody: what it holds is not known.
  'X-Anything',
  'accept',
  // Of the contract, and a credential all the same.
  'X-Contract-Token',
])('%s is not public', (name) => expect(isPublicHeader(name, contract)).toBe(false));

test('credentials are known by their names in any case', () => {
  expect(['authorization', 'API_KEY', 'accessToken', 'passwd', 'clientSecret'].every(isCredentialName)).toBe(true);
  expect(['url', 'label', 'subscriptions', 'expires_at', 'status', 'scopes'].some(isCredentialName)).toBe(false);
});
