/** What is read is compressed; what is published is answered as it is. */
import { request } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OPERATOR_KEY, startTestNode, type TestNode } from '../../support/node.ts';
import { createAccount, createWebhook, deriveContract } from '../../support/vendors.ts';

let node: TestNode;
let account: string;

beforeAll(async () => {
  const many = deriveContract('standard', 'many', ({ limits }) => {
    Object.assign(limits, { endpoints_per_account: 300 });
  });
  node = await startTestNode({ environment: { POSTHORN_CONTRACTS: many } });
  account = await createAccount(node, 'many');
  for (let i = 0; i < 200; i++) {
    await createWebhook(node, account, {
      url: `https://hooks.example.com/a/rather/long/path/of/shop/${i}`,
      subscriptions: [{ trigger: 'order.paid' }, { trigger: 'order.refunded' }],
      description: `The webhook of shop ${i}`,
      headers: { 'x-shop': `shop-${i}` },
    });
  }
});
afterAll(() => node.stop());

function ask(path: string, encoding: string): Promise<{ encoding: string | undefined; bytes: Buffer }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${OPERATOR_KEY}`, 'accept-encoding': encoding };
    request(`${node.url}${path}`, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ encoding: response.headers['content-encoding'], bytes: Buffer.concat(chunks) }),
      );
    })
      .on('error', reject)
      .end();
  });
}

test('the list of 200 endpoints is under 100 KB, however it is asked for', async () => {
  const path = `/v1/accounts/${account}/endpoints?limit=200`;
  const [plain, br, gzip] = [await ask(path, 'identity'), await ask(path, 'br'), await ask(path, 'gzip')];
  expect([plain.encoding, br.encoding, gzip.encoding]).toEqual([undefined, 'br', 'gzip']);
  expect(JSON.parse(plain.bytes.toString()).data).toHaveLength(200);
  expect(brotliDecompressSync(br.bytes)).toEqual(plain.bytes);
  expect(gunzipSync(gzip.bytes)).toEqual(plain.bytes);
  expect(br.bytes.length).toBeLessThan(100_000);
  expect(gzip.bytes.length).toBeLessThan(100_000);
});

test('short answers, and answers to what is published, are as they are', async () => {
  expect((await ask(`/v1/accounts/${account}`, 'br')).encoding).toBeUndefined();
  const published = await node.call(
    'POST',
    `/v1/accounts/${account}/events`,
    { trigger: 'a.b', payload: 1 },
    { 'accept-encoding': 'br' },
  );
  expect(published.headers.get('content-encoding')).toBeNull();
});
