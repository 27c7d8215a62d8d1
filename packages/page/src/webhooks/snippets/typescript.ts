import type { KeyPlan, SigningPlan } from './signing-plan.ts';

const INTRO = '// rawBody: the bytes as they arrived; headers: names in lower case';
const FRESH = '  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) return false; // a replay';

function keyOf({ prefix, encoding }: KeyPlan): string {
  return encoding === 'text' ? 'secret' : `Buffer.from(secret.slice(${prefix.length}), '${encoding}')`;
}

/** For Node.js, with nothing but its own crypto. */
export function typescript(plan: SigningPlan): string {
  switch (plan.kind) {
    case 'v1':
      return `import { createHmac, timingSafeEqual } from 'node:crypto';

${INTRO}
export function verify(rawBody: Buffer, headers: Record<string, string>, secret: string): boolean {
  const { '${plan.id}': id, '${plan.timestamp}': timestamp, '${plan.header}': signatures } = headers;
  if (!id || !timestamp || !signatures) return false;
${FRESH}
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const expected = createHmac('sha256', key).update(\`\${id}.\${timestamp}.\`).update(rawBody).digest();
  return signatures.split(' ').some((entry) => {
    const given = Buffer.from(entry.split(',')[1] ?? '', 'base64');
    return entry.startsWith('v1,') && given.length === expected.length && timingSafeEqual(given, expected);
  });
}`;
    case 'v1a':
      return `import { createPublicKey, verify as check } from 'node:crypto';

${INTRO}; publicKey: the whpk_… of this webhook
export function verify(rawBody: Buffer, headers: Record<string, string>, publicKey: string): boolean {
  const { '${plan.id}': id, '${plan.timestamp}': timestamp, '${plan.header}': signatures } = headers;
  if (!id || !timestamp || !signatures) return false;
${FRESH}
  const raw = Buffer.from(publicKey.slice('whpk_'.length), 'base64');
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  const signed = Buffer.concat([Buffer.from(\`\${id}.\${timestamp}.\`), rawBody]);
  return signatures.split(' ').some((entry) => {
    const [version, signature = ''] = entry.split(',');
    return version === 'v1a' && check(null, signed, key, Buffer.from(signature, 'base64'));
  });
}`;
    case 'hmac':
      return `import { createHmac, timingSafeEqual } from 'node:crypto';

${INTRO}
export function verify(rawBody: Buffer, headers: Record<string, string>, secret: string): boolean {
  const digest = createHmac('${plan.hash}', ${keyOf(plan.key)}).update(rawBody).digest('${plan.encoding}');
  const expected = Buffer.from(${plan.prefix === '' ? 'digest' : `'${plan.prefix}' + digest`});
  const given = Buffer.from(headers['${plan.header}'] ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}`;
    case 'timestamped':
      return `import { createHmac, timingSafeEqual } from 'node:crypto';

${INTRO}
export function verify(rawBody: Buffer, headers: Record<string, string>, secret: string): boolean {
  const parts = (headers['${plan.header}'] ?? '').split(',').map((part) => part.split(/=(.*)/s));
  const timestamp = parts.find(([name]) => name === 't')?.[1] ?? '';
${FRESH}
  const expected = createHmac('${plan.hash}', ${keyOf(plan.key)}).update(\`\${timestamp}.\`).update(rawBody).digest();
  return parts.some(([name, value = '']) => {
    const given = Buffer.from(value, '${plan.encoding}');
    return name === '${plan.version}' && given.length === expected.length && timingSafeEqual(given, expected);
  });
}`;
  }
}
