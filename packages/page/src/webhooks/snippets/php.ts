import type { KeyPlan, SigningPlan } from './signing-plan.ts';

const INTRO = "// $rawBody = file_get_contents('php://input'); $headers: names in lower case";
const FRESH = '    if (!ctype_digit($timestamp) || abs(time() - (int) $timestamp) > 300) return false; // a replay';

function keyOf({ prefix, encoding }: KeyPlan): string {
  if (encoding === 'text') return '$secret';
  const text = prefix === '' ? '$secret' : `substr($secret, ${prefix.length})`;
  return encoding === 'hex' ? `hex2bin(${text})` : `base64_decode(${text})`;
}

function digest(hash: string, message: string, key: string, encoding: 'hex' | 'base64'): string {
  return encoding === 'hex'
    ? `hash_hmac('${hash}', ${message}, ${key})`
    : `base64_encode(hash_hmac('${hash}', ${message}, ${key}, true))`;
}

/** With what PHP brings along; ed25519 by its sodium extension. */
export function php(plan: SigningPlan): string {
  switch (plan.kind) {
    case 'v1':
      return `${INTRO}
function verify(string $rawBody, array $headers, string $secret): bool {
    [$id, $timestamp] = [$headers['${plan.id}'] ?? '', $headers['${plan.timestamp}'] ?? ''];
${FRESH}
    $key = base64_decode(substr($secret, strlen('whsec_')));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$rawBody", $key, true));
    foreach (explode(' ', $headers['${plan.header}'] ?? '') as $entry) {
        if (hash_equals($expected, $entry)) return true;
    }
    return false;
}`;
    case 'v1a':
      return `${INTRO}; $publicKey: the whpk_… of this webhook
function verify(string $rawBody, array $headers, string $publicKey): bool {
    [$id, $timestamp] = [$headers['${plan.id}'] ?? '', $headers['${plan.timestamp}'] ?? ''];
${FRESH}
    $key = base64_decode(substr($publicKey, strlen('whpk_')));
    foreach (explode(' ', $headers['${plan.header}'] ?? '') as $entry) {
        [$version, $signature] = explode(',', $entry, 2) + ['', ''];
        $given = base64_decode($signature);
        if ($version !== 'v1a' || strlen($given) !== SODIUM_CRYPTO_SIGN_BYTES) continue;
        if (sodium_crypto_sign_verify_detached($given, "$id.$timestamp.$rawBody", $key)) return true;
    }
    return false;
}`;
    case 'hmac':
      return `${INTRO}
function verify(string $rawBody, array $headers, string $secret): bool {
    $expected = ${plan.prefix === '' ? '' : `'${plan.prefix}' . `}${digest(plan.hash, '$rawBody', keyOf(plan.key), plan.encoding)};
    return hash_equals($expected, $headers['${plan.header}'] ?? '');
}`;
    case 'timestamped':
      return `${INTRO}
function verify(string $rawBody, array $headers, string $secret): bool {
    [$timestamp, $signatures] = ['', []];
    foreach (explode(',', $headers['${plan.header}'] ?? '') as $part) {
        [$name, $value] = explode('=', $part, 2) + ['', ''];
        if ($name === 't') $timestamp = $value;
        if ($name === '${plan.version}') $signatures[] = $value;
    }
${FRESH}
    $expected = ${digest(plan.hash, '"$timestamp.$rawBody"', keyOf(plan.key), plan.encoding)};
    foreach ($signatures as $given) {
        if (hash_equals($expected, $given)) return true;
    }
    return false;
}`;
  }
}
