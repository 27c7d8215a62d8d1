import { expect, test } from 'vitest';
import { AUTHORITY, CLIENT } from '../../../../test/support/certificates.ts';
import { factsOf, toTls } from './endpoint-tls.ts';

const TLS = { certificate: CLIENT.cert, private_key: CLIENT.key };

test('a certificate that has expired, or whose chain has, is refused when it is set', () => {
  const expiresAtMs = factsOf(CLIENT.cert)?.expiresAt.getTime() ?? 0;
  expect(toTls(TLS, '#/tls', expiresAtMs - 1_000)).toBe(TLS);
  expect(() => toTls(TLS, '#/tls', expiresAtMs)).toThrow('has expired on');
  const chained = { ...TLS, certificate: `${CLIENT.cert}\n${AUTHORITY}\n` };
  expect(toTls(chained, '#/tls', expiresAtMs - 60_000)).toBe(chained);
});

test('of a chain that is endless nothing is read', () => {
  expect(() => toTls({ certificate_authority: Array(11).fill(AUTHORITY).join('\n') }, '#/tls', 0)).toThrow(
    'has more than 10',
  );
});
