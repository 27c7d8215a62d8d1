import type { KeyPlan, SigningPlan } from './signing-plan.ts';

const INTRO = '# raw_body: the bytes as they arrived; headers: names in lower case';
const FRESH = `    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > 300:  # a replay
        return False`;

function keyOf({ prefix, encoding }: KeyPlan): string {
  if (encoding === 'text') return 'secret.encode()';
  const text = prefix === '' ? 'secret' : `secret[${prefix.length}:]`;
  return encoding === 'hex' ? `bytes.fromhex(${text})` : `base64.b64decode(${text})`;
}

function encoded(digest: string, encoding: 'hex' | 'base64'): string {
  return encoding === 'hex' ? `${digest}.hexdigest()` : `base64.b64encode(${digest}.digest()).decode()`;
}

/** With the standard library; ed25519 needs the package `cryptography`. */
export function python(plan: SigningPlan): string {
  switch (plan.kind) {
    case 'v1':
      return `import base64, hashlib, hmac, time

${INTRO}
def verify(raw_body: bytes, headers: dict, secret: str) -> bool:
    id, timestamp = headers.get("${plan.id}", ""), headers.get("${plan.timestamp}", "")
${FRESH}
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{id}.{timestamp}.".encode() + raw_body, hashlib.sha256)
    expected = "v1," + base64.b64encode(digest.digest()).decode()
    given = headers.get("${plan.header}", "").split(" ")
    return any(hmac.compare_digest(expected, signature) for signature in given)`;
    case 'v1a':
      return `import base64, time
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

${INTRO}; public_key: the whpk_… of this webhook
def verify(raw_body: bytes, headers: dict, public_key: str) -> bool:
    id, timestamp = headers.get("${plan.id}", ""), headers.get("${plan.timestamp}", "")
${FRESH}
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    for entry in headers.get("${plan.header}", "").split(" "):
        version, _, signature = entry.partition(",")
        if version == "v1a":
            try:
                key.verify(base64.b64decode(signature), f"{id}.{timestamp}.".encode() + raw_body)
                return True
            except InvalidSignature:
                pass
    return False`;
    case 'hmac':
      return `import base64, hashlib, hmac

${INTRO}
def verify(raw_body: bytes, headers: dict, secret: str) -> bool:
    digest = hmac.new(${keyOf(plan.key)}, raw_body, hashlib.${plan.hash})
    expected = ${plan.prefix === '' ? '' : `"${plan.prefix}" + `}${encoded('digest', plan.encoding)}
    return hmac.compare_digest(expected, headers.get("${plan.header}", ""))`;
    case 'timestamped':
      return `import base64, hashlib, hmac, time

${INTRO}
def verify(raw_body: bytes, headers: dict, secret: str) -> bool:
    parts = [part.partition("=")[::2] for part in headers.get("${plan.header}", "").split(",")]
    timestamp = dict(parts).get("t", "")
${FRESH}
    digest = hmac.new(${keyOf(plan.key)}, f"{timestamp}.".encode() + raw_body, hashlib.${plan.hash})
    expected = ${encoded('digest', plan.encoding)}
    return any(name == "${plan.version}" and hmac.compare_digest(expected, value) for name, value in parts)`;
  }
}
