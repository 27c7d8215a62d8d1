import type { SignatureRules } from './types.ts';

export interface Snippet {
  language: string;
  text: string;
}

/** Code that verifies this contract's signatures, with nothing but each language's standard library. */
export function snippets(rules: SignatureRules, kind: string): Snippet[] {
  switch (rules.scheme) {
    case 'standard-webhooks':
      return kind === 'v1a' ? ed25519() : standard();
    case 'hmac':
      return hmac(rules);
    case 'timestamped-hmac':
      return timestamped(rules);
    case 'none':
      return [];
  }
}

function standard(): Snippet[] {
  return [
    {
      language: 'TypeScript',
      text: `import { createHmac, timingSafeEqual } from 'node:crypto';

// rawBody: the bytes as they arrived (a Buffer), headers: names in lower case
export function verify(rawBody: Buffer, headers: Record<string, string>, secret: string): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !timestamp || !signatures) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false; // a replay
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const expected = createHmac('sha256', key).update(\`\${id}.\${timestamp}.\`).update(rawBody).digest();
  return signatures.split(' ').some((entry) => {
    const given = Buffer.from(entry.split(',')[1] ?? '', 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}`,
    },
    {
      language: 'Python',
      text: `import base64, hashlib, hmac, time

def verify(raw_body: bytes, headers: dict, secret: str) -> bool:
    id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:  # a replay
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{id}.{timestamp}.".encode() + raw_body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [entry.split(",", 1)[1] for entry in headers["webhook-signature"].split(" ")]
    return any(hmac.compare_digest(expected, signature) for signature in given)`,
    },
    {
      language: 'Go',
      text: `func Verify(rawBody []byte, h http.Header, secret string) bool {
	id, timestamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	sent, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || math.Abs(float64(time.Now().Unix()-sent)) > 300 { // a replay
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(rawBody)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, entry := range strings.Split(h.Get("webhook-signature"), " ") {
		if hmac.Equal([]byte(entry), []byte(expected)) {
			return true
		}
	}
	return false
}`,
    },
    {
      language: 'PHP',
      text: `function verify(string $rawBody, array $headers, string $secret): bool {
    [$id, $timestamp] = [$headers['webhook-id'], $headers['webhook-timestamp']];
    if (abs(time() - (int) $timestamp) > 300) return false; // a replay
    $key = base64_decode(substr($secret, strlen('whsec_')));
    $expected = base64_encode(hash_hmac('sha256', "$id.$timestamp.$rawBody", $key, true));
    foreach (explode(' ', $headers['webhook-signature']) as $entry) {
        if (hash_equals("v1,$expected", $entry)) return true;
    }
    return false;
} // $rawBody = file_get_contents('php://input')`,
    },
    {
      language: 'Ruby',
      text: `require 'openssl'
require 'base64'

def verify(raw_body, headers, secret)
  id, timestamp = headers['webhook-id'], headers['webhook-timestamp']
  return false if (Time.now.to_i - timestamp.to_i).abs > 300 # a replay
  key = Base64.decode64(secret.delete_prefix('whsec_'))
  digest = OpenSSL::HMAC.digest('SHA256', key, "#{id}.#{timestamp}.#{raw_body}")
  expected = "v1,#{Base64.strict_encode64(digest)}"
  headers['webhook-signature'].split(' ').any? { |entry| OpenSSL.secure_compare(entry, expected) }
end`,
    },
  ];
}

function ed25519(): Snippet[] {
  return [
    {
      language: 'TypeScript',
      text: `import { createPublicKey, verify as check } from 'node:crypto';

// publicKey: the whpk_… of this webhook
export function verify(rawBody: Buffer, headers: Record<string, string>, publicKey: string): boolean {
  const raw = Buffer.from(publicKey.slice('whpk_'.length), 'base64');
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  const signed = Buffer.concat([Buffer.from(\`\${headers['webhook-id']}.\${headers['webhook-timestamp']}.\`), rawBody]);
  return (headers['webhook-signature'] ?? '').split(' ').some((entry) => {
    const [version, signature = ''] = entry.split(',');
    return version === 'v1a' && check(null, signed, key, Buffer.from(signature, 'base64'));
  });
}`,
    },
    {
      language: 'Python',
      text: `import base64
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

def verify(raw_body: bytes, headers: dict, public_key: str) -> None:
    """Raises InvalidSignature."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + raw_body
    signature = headers["webhook-signature"].split(",", 1)[1]
    key.verify(base64.b64decode(signature), signed)`,
    },
  ];
}

function hmac({
  header = 'X-Signature',
  hash = 'sha256',
  encoding = 'base64',
  prefix = '',
  secret,
}: SignatureRules): Snippet[] {
  const lower = header.toLowerCase();
  const head = secret?.prefix ?? '';
  const isText = secret?.key !== 'bytes';
  const keyOf = (text: string, bytes: string) => (isText ? text : bytes);
  const goHash = hash === 'sha512' ? 'sha512' : hash === 'sha1' ? 'sha1' : 'sha256';
  return [
    {
      language: 'TypeScript',
      text: `import { createHmac, timingSafeEqual } from 'node:crypto';

// rawBody: the bytes as they arrived (a Buffer), headers: names in lower case
export function verify(rawBody: Buffer, headers: Record<string, string>, secret: string): boolean {
  const key = ${keyOf('secret', `Buffer.from(secret.slice(${head.length}), '${secret?.encoding}')`)};
  const expected = Buffer.from('${prefix}' + createHmac('${hash}', key).update(rawBody).digest('${encoding}'));
  const given = Buffer.from(headers['${lower}'] ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}`,
    },
    {
      language: 'Python',
      text: `import base64, hashlib, hmac

def verify(raw_body: bytes, headers: dict, secret: str) -> bool:
    key = ${keyOf('secret.encode()', secret?.encoding === 'hex' ? `bytes.fromhex(secret[${head.length}:])` : `base64.b64decode(secret[${head.length}:])`)}
    digest = hmac.new(key, raw_body, hashlib.${hash})
    expected = "${prefix}" + ${encoding === 'hex' ? 'digest.hexdigest()' : 'base64.b64encode(digest.digest()).decode()'}
    return hmac.compare_digest(expected, headers["${header}"])`,
    },
    {
      language: 'Go',
      text: `func Verify(rawBody []byte, h http.Header, secret string) bool {
	${keyOf('key := []byte(secret)', secret?.encoding === 'hex' ? `key, _ := hex.DecodeString(secret[${head.length}:])` : `key, _ := base64.StdEncoding.DecodeString(secret[${head.length}:])`)}
	mac := hmac.New(${goHash}.New, key)
	mac.Write(rawBody)
	expected := "${prefix}" + ${encoding === 'hex' ? 'hex.EncodeToString(mac.Sum(nil))' : 'base64.StdEncoding.EncodeToString(mac.Sum(nil))'}
	return hmac.Equal([]byte(expected), []byte(h.Get("${header}")))
}`,
    },
    {
      language: 'PHP',
      text: `function verify(string $rawBody, string $signature, string $secret): bool {
    $key = ${keyOf('$secret', secret?.encoding === 'hex' ? `hex2bin(substr($secret, ${head.length}))` : `base64_decode(substr($secret, ${head.length}))`)};
    $expected = '${prefix}' . ${encoding === 'hex' ? `hash_hmac('${hash}', $rawBody, $key)` : `base64_encode(hash_hmac('${hash}', $rawBody, $key, true))`};
    return hash_equals($expected, $signature);
} // $rawBody = file_get_contents('php://input'), $signature = header ${header}`,
    },
    {
      language: 'Ruby',
      text: `require 'openssl'
require 'base64'

def verify(raw_body, signature, secret)
  key = ${keyOf('secret', secret?.encoding === 'hex' ? `[secret[${head.length}..]].pack('H*')` : `Base64.decode64(secret[${head.length}..])`)}
  expected = '${prefix}' + ${encoding === 'hex' ? `OpenSSL::HMAC.hexdigest('${hash}', key, raw_body)` : `Base64.strict_encode64(OpenSSL::HMAC.digest('${hash}', key, raw_body))`}
  OpenSSL.secure_compare(expected, signature)
end # signature = header ${header}`,
    },
  ];
}

function timestamped(rules: SignatureRules): Snippet[] {
  const { header = 'X-Signature', hash = 'sha256', encoding = 'hex', secret } = rules;
  const head = secret?.prefix ?? '';
  const key = (text: string, bytes: string) => (secret?.key === 'bytes' ? bytes : text);
  return [
    {
      language: 'TypeScript',
      text: `import { createHmac, timingSafeEqual } from 'node:crypto';

export function verify(rawBody: Buffer, headers: Record<string, string>, secret: string): boolean {
  const parts = (headers['${header.toLowerCase()}'] ?? '').split(',').map((part) => part.split('=', 2));
  const timestamp = parts.find(([name]) => name === 't')?.[1] ?? '';
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false; // a replay
  const key = ${key('secret', `Buffer.from(secret.slice(${head.length}), '${secret?.encoding}')`)};
  const expected = createHmac('${hash}', key).update(\`\${timestamp}.\`).update(rawBody).digest();
  return parts.some(([name, value = '']) => {
    const given = Buffer.from(value, '${encoding}');
    return name === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
}`,
    },
    {
      language: 'Python',
      text: `import base64, hashlib, hmac, time

def verify(raw_body: bytes, header: str, secret: str) -> bool:
    parts = [part.split("=", 1) for part in header.split(",")]
    timestamp = next(value for name, value in parts if name == "t")
    if abs(time.time() - int(timestamp)) > 300:  # a replay
        return False
    key = ${key('secret.encode()', secret?.encoding === 'hex' ? `bytes.fromhex(secret[${head.length}:])` : `base64.b64decode(secret[${head.length}:])`)}
    digest = hmac.new(key, f"{timestamp}.".encode() + raw_body, hashlib.${hash})
    expected = ${encoding === 'hex' ? 'digest.hexdigest()' : 'base64.b64encode(digest.digest()).decode()'}
    return any(name == "v1" and hmac.compare_digest(expected, value) for name, value in parts)`,
    },
  ];
}
