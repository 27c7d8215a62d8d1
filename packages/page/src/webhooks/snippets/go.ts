import type { KeyPlan, SigningPlan } from './signing-plan.ts';

const HASHES: Record<string, { package: string; create: string }> = {
  sha1: { package: 'crypto/sha1', create: 'sha1.New' },
  sha256: { package: 'crypto/sha256', create: 'sha256.New' },
  sha512: { package: 'crypto/sha512', create: 'sha512.New' },
};
const HASH_DEFAULT = { package: 'crypto/sha256', create: 'sha256.New' };

const FRESH = `	sent, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || math.Abs(float64(time.Now().Unix()-sent)) > 300 { // a replay
		return false
	}`;
const FRESH_PACKAGES = ['math', 'strconv', 'time'];

function program(packages: readonly string[], body: string): string {
  const lines = [...new Set(packages)].sort().map((name) => `\t"${name}"`);
  return `package webhooks

import (
${lines.join('\n')}
)

// Verify tells whether a request is genuine. rawBody: the bytes as they arrived.
${body}`;
}

function keyOf({ prefix, encoding }: KeyPlan): { text: string; packages: string[] } {
  if (encoding === 'text') return { text: '	key := []byte(secret)', packages: [] };
  const from = prefix === '' ? 'secret' : `strings.TrimPrefix(secret, "${prefix}")`;
  const decode = encoding === 'hex' ? `hex.DecodeString(${from})` : `base64.StdEncoding.DecodeString(${from})`;
  return {
    text: `	key, err := ${decode}
	if err != nil {
		return false
	}`,
    packages: [`encoding/${encoding}`, ...(prefix === '' ? [] : ['strings'])],
  };
}

function encoded(encoding: 'hex' | 'base64'): string {
  return encoding === 'hex' ? 'hex.EncodeToString(mac.Sum(nil))' : 'base64.StdEncoding.EncodeToString(mac.Sum(nil))';
}

/** With the standard library. */
export function go(plan: SigningPlan): string {
  switch (plan.kind) {
    case 'v1':
      return program(
        ['crypto/hmac', 'crypto/sha256', 'encoding/base64', 'net/http', 'strings', ...FRESH_PACKAGES],
        `func Verify(rawBody []byte, h http.Header, secret string) bool {
	id, timestamp := h.Get("${plan.id}"), h.Get("${plan.timestamp}")
${FRESH}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(rawBody)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, entry := range strings.Split(h.Get("${plan.header}"), " ") {
		if hmac.Equal([]byte(entry), []byte(expected)) {
			return true
		}
	}
	return false
}`,
      );
    case 'v1a':
      return program(
        ['crypto/ed25519', 'encoding/base64', 'net/http', 'strings', ...FRESH_PACKAGES],
        `// publicKey: the whpk_… of this webhook.
func Verify(rawBody []byte, h http.Header, publicKey string) bool {
	id, timestamp := h.Get("${plan.id}"), h.Get("${plan.timestamp}")
${FRESH}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(publicKey, "whpk_"))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return false
	}
	signed := append([]byte(id+"."+timestamp+"."), rawBody...)
	for _, entry := range strings.Split(h.Get("${plan.header}"), " ") {
		version, signature, _ := strings.Cut(entry, ",")
		given, err := base64.StdEncoding.DecodeString(signature)
		if version == "v1a" && err == nil && ed25519.Verify(key, signed, given) {
			return true
		}
	}
	return false
}`,
      );
    case 'hmac': {
      const hash = HASHES[plan.hash] ?? HASH_DEFAULT;
      const key = keyOf(plan.key);
      return program(
        ['crypto/hmac', hash.package, `encoding/${plan.encoding}`, 'net/http', ...key.packages],
        `func Verify(rawBody []byte, h http.Header, secret string) bool {
${key.text}
	mac := hmac.New(${hash.create}, key)
	mac.Write(rawBody)
	expected := ${plan.prefix === '' ? '' : `"${plan.prefix}" + `}${encoded(plan.encoding)}
	return hmac.Equal([]byte(expected), []byte(h.Get("${plan.header}")))
}`,
      );
    }
    case 'timestamped': {
      const hash = HASHES[plan.hash] ?? HASH_DEFAULT;
      const key = keyOf(plan.key);
      return program(
        [
          ...['crypto/hmac', hash.package, `encoding/${plan.encoding}`, 'net/http', 'strings'],
          ...key.packages,
          ...FRESH_PACKAGES,
        ],
        `func Verify(rawBody []byte, h http.Header, secret string) bool {
	timestamp, signatures := "", []string{}
	for _, part := range strings.Split(h.Get("${plan.header}"), ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "t":
			timestamp = value
		case "${plan.version}":
			signatures = append(signatures, value)
		}
	}
${FRESH}
${key.text}
	mac := hmac.New(${hash.create}, key)
	mac.Write([]byte(timestamp + "."))
	mac.Write(rawBody)
	expected := ${encoded(plan.encoding)}
	for _, given := range signatures {
		if hmac.Equal([]byte(given), []byte(expected)) {
			return true
		}
	}
	return false
}`,
      );
    }
  }
}
