import { createPublicKey, verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { generateSecret, parseSecret, publicKeyOf, signStandard } from './signature.ts';

const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const at = 1614265330;
const body = Buffer.from('{"test": 2432232314}');

describe('published Standard Webhooks vectors', () => {
  test('v1 of the specification', () => {
    const key = parseSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    expect(signStandard([key], id, at, body)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
  test("v1 of the Loops Go SDK's inputs", () => {
    // Its 22-byte key is below the spec's minimum, which is refused for endpoints but signs all the same.
    const signed = new Webhook('whsec_c3VwZXItc2VjcmV0LWtleS1ieXRlcw==').sign(
      'msg_1',
      new Date(1734425918000),
      '{"eventName":"testing.testEvent"}',
    );
    expect(signed).toBe('v1,UkN9D8SnmPZwKUF8X/+rzpIA9oKjBWUvizrzleESYgo=');
    expect(() => parseSecret('whsec_c3VwZXItc2VjcmV0LWtleS1ieXRlcw==')).toThrow('24 to 64 bytes');
  });
  test('v1a of the reference library', () => {
    const key = parseSecret('whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=');
    expect(signStandard([key], id, at, body)).toBe(
      'v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==',
    );
  });
});

test('generated secrets have 24 random bytes and verify with the npm package', () => {
  const secret = generateSecret('v1');
  expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(24);
  const now = Math.floor(Date.now() / 1000);
  const header = signStandard([parseSecret(secret)], id, now, body);
  const verified = new Webhook(secret).verify(body, {
    'webhook-id': id,
    'webhook-timestamp': String(now),
    'webhook-signature': header,
  });
  expect(verified).toEqual({ test: 2432232314 });
});

test('the public key verifies what the private key signed', () => {
  const key = parseSecret(generateSecret('v1a'));
  const publicKey = publicKeyOf(key) ?? '';
  expect(publicKey).toMatch(/^whpk_/);
  const [, signature = ''] = signStandard([key], id, at, body).split(',');
  const raw = Buffer.from(publicKey.slice('whpk_'.length), 'base64');
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  const verifier = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  expect(verify(null, Buffer.from(`${id}.${at}.${body}`), verifier, Buffer.from(signature, 'base64'))).toBe(true);
});

test('during a rotation every secret signs, the newest first', () => {
  const old = parseSecret(generateSecret('v1'));
  const fresh = parseSecret(generateSecret('v1'));
  const header = signStandard([fresh, old], id, at, body);
  expect(header).toBe(`${signStandard([fresh], id, at, body)} ${signStandard([old], id, at, body)}`);
});

test.each([
  '',
  'secret',
  'whsec_',
  'whsec_@@@@',
  `whsec_${Buffer.alloc(65).toString('base64')}`,
  'whsk_AAAA',
  'whpk_AAAA',
])('secret %s is refused', (secret) => expect(() => parseSecret(secret)).toThrow());
