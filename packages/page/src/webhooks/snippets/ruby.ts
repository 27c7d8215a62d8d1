import type { KeyPlan, SigningPlan } from './signing-plan.ts';

const INTRO = `require 'openssl'
require 'base64'

# raw_body: the bytes as they arrived; headers: names in lower case`;
const FRESH = '  return false if (Time.now.to_i - timestamp.to_i).abs > 300 # a replay';

function keyOf({ prefix, encoding }: KeyPlan): string {
  if (encoding === 'text') return 'secret';
  const text = prefix === '' ? 'secret' : `secret.delete_prefix('${prefix}')`;
  return encoding === 'hex' ? `[${text}].pack('H*')` : `Base64.decode64(${text})`;
}

function digest(hash: string, key: string, message: string, encoding: 'hex' | 'base64'): string {
  return encoding === 'hex'
    ? `OpenSSL::HMAC.hexdigest('${hash}', ${key}, ${message})`
    : `Base64.strict_encode64(OpenSSL::HMAC.digest('${hash}', ${key}, ${message}))`;
}

/** With the standard library. */
export function ruby(plan: SigningPlan): string {
  switch (plan.kind) {
    case 'v1':
      return `${INTRO}
def verify(raw_body, headers, secret)
  id, timestamp = headers['${plan.id}'], headers['${plan.timestamp}']
${FRESH}
  key = Base64.decode64(secret.delete_prefix('whsec_'))
  expected = 'v1,' + Base64.strict_encode64(OpenSSL::HMAC.digest('sha256', key, "#{id}.#{timestamp}.".b + raw_body.b))
  headers.fetch('${plan.header}', '').split(' ').any? { |entry| OpenSSL.secure_compare(entry, expected) }
end`;
    case 'v1a':
      return `${INTRO}; public_key: the whpk_… of this webhook
def verify(raw_body, headers, public_key)
  id, timestamp = headers['${plan.id}'], headers['${plan.timestamp}']
${FRESH}
  raw = Base64.decode64(public_key.delete_prefix('whpk_'))
  key = OpenSSL::PKey.read(['302a300506032b6570032100'].pack('H*') + raw)
  headers.fetch('${plan.header}', '').split(' ').any? do |entry|
    version, signature = entry.split(',', 2)
    version == 'v1a' && key.verify(nil, Base64.decode64(signature), "#{id}.#{timestamp}.".b + raw_body.b)
  end
end`;
    case 'hmac':
      return `${INTRO}
def verify(raw_body, headers, secret)
  expected = ${plan.prefix === '' ? '' : `'${plan.prefix}' + `}${digest(plan.hash, keyOf(plan.key), 'raw_body', plan.encoding)}
  OpenSSL.secure_compare(expected, headers.fetch('${plan.header}', ''))
end`;
    case 'timestamped':
      return `${INTRO}
def verify(raw_body, headers, secret)
  parts = headers.fetch('${plan.header}', '').split(',').map { |part| part.split('=', 2) }
  timestamp = parts.to_h['t']
${FRESH}
  expected = ${digest(plan.hash, keyOf(plan.key), '"#{timestamp}.".b + raw_body.b', plan.encoding)}
  parts.any? { |name, value| name == '${plan.version}' && OpenSSL.secure_compare(expected, value.to_s) }
end`;
  }
}
