import { readFileSync } from 'node:fs';
import { Webhook as PublishedWebhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { compileSignature } from '../../../server/src/contract/signatures.ts';
import { type SignatureRules, standard, Webhook, WebhookError, type WebhookOptions } from './index.ts';

interface Vector {
  name: string;
  signature: SignatureRules;
  secrets: string[];
  headers: Record<string, string>;
  body: string;
  now: number;
  verdict: string;
}

const { vectors } = JSON.parse(
  readFileSync(new URL('../../../../verifiers/vectors.json', import.meta.url), 'utf8'),
) as {
  vectors: Vector[];
};
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const NOW_S = 1_767_225_600;

const signed = (body: string, at = NOW_S) => {
  const signature = new PublishedWebhook(SECRET).sign('evt_1', new Date(at * 1000), body);
  return { 'webhook-id': 'evt_1', 'webhook-timestamp': String(at), 'webhook-signature': signature };
};
const webhookAt = (nowS: number, options: Omit<WebhookOptions<never>, 'contract'> = {}) =>
  new Webhook(SECRET, { now: () => nowS * 1000, ...options });

async function verdictOf({ signature, secrets, headers, body, now }: Vector): Promise<string> {
  let webhook: Webhook;
  try {
    webhook = new Webhook(secrets, { contract: { ...standard, signature }, now: () => now * 1000 });
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return 'secret_invalid';
  }
  try {
    await webhook.verify(body, headers);
    return 'valid';
  } catch (error) {
    if (!(error instanceof WebhookError)) throw error;
    // What is signed by the sender and is no JSON is a valid signature.
    return error.reason === 'body_not_json' ? 'valid' : error.reason;
  }
}

describe('shared vectors', () => {
  test.each(vectors)('$name', async (vector) => {
    expect(await verdictOf(vector)).toBe(vector.verdict);
  });

  test('those that a contract of the server can sign are what it signs', () => {
    const one = vectors.find(({ name }) => name === 'hmac: base64, keyed with the text of the secret');
    const scheme = compileSignature(one?.signature as Parameters<typeof compileSignature>[0]);
    const keys = (one?.secrets ?? []).map((secret) => scheme.parseSecret(secret));
    expect(scheme.sign({ keys, eventId: '', body: Buffer.from(one?.body ?? ''), nowMs: 0 })?.[1]).toBe(
      one?.headers['X-Loop-Signature'],
    );
  });
});

describe('a webhook', () => {
  const body = '{"type":"order.created","timestamp":"2026-01-01T00:00:00.000Z","data":{"total":5.0}}';

  test('what the published library signs verifies, and is read', async () => {
    const event = await webhookAt(NOW_S).verify(body, signed(body));
    expect(event).toEqual({ id: 'evt_1', trigger: 'order.created', topic: null, payload: { total: 5 }, text: body });
  });

  test('bodies may be text or bytes, headers those of the Fetch API or of Node', async () => {
    const webhook = webhookAt(NOW_S);
    const bytes = Buffer.from(body);
    const apart = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    for (const one of [body, bytes, new Uint8Array(bytes), apart]) {
      expect((await webhook.verify(one, new Headers(signed(body)))).id).toBe('evt_1');
      expect((await webhook.verify(one, { ...signed(body), host: undefined, via: ['a', 'b'] })).id).toBe('evt_1');
    }
  });

  test('a body that was parsed before is refused with the reason, not as a wrong signature', async () => {
    const parsed = JSON.parse(body) as Uint8Array;
    await expect(webhookAt(NOW_S).verify(parsed, signed(body))).rejects.toMatchObject({ reason: 'body_not_raw' });
  });

  test('a signed body that is no JSON object is told apart', async () => {
    for (const text of ['', 'no', '5'])
      await expect(webhookAt(NOW_S).verify(text, signed(text))).rejects.toMatchObject({ reason: 'body_not_json' });
  });

  test('the tolerance can be another one', async () => {
    const late = NOW_S + 1_000;
    await expect(webhookAt(late).verify(body, signed(body))).rejects.toMatchObject({ reason: 'timestamp_too_old' });
    expect((await webhookAt(late, { toleranceSeconds: 1_000 }).verify(body, signed(body))).id).toBe('evt_1');
  });

  test('attack: a list of thousands of signatures costs no more than a few', async () => {
    const headers = signed(body);
    const many = `${'v1,AAAA '.repeat(5_000)}${headers['webhook-signature']}`;
    await expect(webhookAt(NOW_S).verify(body, { ...headers, 'webhook-signature': many })).rejects.toMatchObject({
      reason: 'signature_mismatch',
    });
  });

  test('attack: a header cannot be found by a name of the prototype', async () => {
    await expect(webhookAt(NOW_S).verify(body, {})).rejects.toMatchObject({ reason: 'header_missing' });
    await expect(webhookAt(NOW_S).verify(body, JSON.parse('{"__proto__":{"webhook-id":"x"}}'))).rejects.toMatchObject({
      reason: 'header_missing',
    });
  });

  test('secrets that are none of the contract are refused at once, with what one looks like', () => {
    for (const secret of ['', 'MfKQ9r8G', 'whsec_', 'whsec_!!', 'whpk_AAAA', 'whsk_AAAA'])
      expect(() => new Webhook(secret)).toThrow(TypeError);
    expect(() => new Webhook([])).toThrow("Give the endpoint's secret.");
    const contract = { ...standard, signature: { scheme: 'none' as const } };
    expect(() => new Webhook('x', { contract })).toThrow('does not sign');
  });
});
