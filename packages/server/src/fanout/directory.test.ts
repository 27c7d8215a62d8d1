import { expect, test } from 'vitest';
import { CONTRACTS } from '../../../../test/support/vendors.ts';
import type { AccountSnapshot } from '../storage/store.ts';
import { Directory } from './directory.ts';

const SECRET = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;

function snapshotOf(id: string, endpoints: number): AccountSnapshot {
  return {
    account: { id, name: id, contract: 'standard', metadata: {} },
    version: '1',
    endpoints: Array.from({ length: endpoints }, (_, i) => ({
      id: `ep_${String(i).padStart(26, '0')}`,
      url: `http://127.0.0.1:9/${id}`,
      status: 'active',
      subscriptions: [{ trigger: '*' }],
      headersId: null,
      headers: {},
      version: null,
      rateLimit: null,
      testingUntil: null,
      recoveringAt: null,
      secrets: [{ secret: SECRET, expiresAt: null }],
    })),
  } as AccountSnapshot;
}

test('accounts in memory are bounded by their size, and those that are not asked for leave', async () => {
  const reads: string[] = [];
  const bytesMax = 1_000_000;
  const directory = new Directory(
    async (id) => {
      reads.push(id);
      return snapshotOf(id, 50);
    },
    CONTRACTS,
    bytesMax,
  );
  for (let i = 0; i < 50; i++) {
    await directory.get(`account-${i}`);
    await directory.get('account-0');
  }
  expect(directory.counts.bytes).toBeLessThanOrEqual(bytesMax);
  expect(directory.counts.accounts).toBeLessThan(10);
  expect(reads).toHaveLength(50);
  expect(directory.peek('account-0')).toBeDefined();
  expect(directory.peek('account-1')).toBeUndefined();
});

test('an account that was made again under the same id and version is not found with what it had before', async () => {
  let endpoints = 1;
  const directory = new Directory(async (id) => snapshotOf(id, endpoints), CONTRACTS);
  expect((await directory.get('a'))?.matches('x.y')).toHaveLength(1);
  directory.forget('a');
  endpoints = 2;
  expect((await directory.get('a'))?.matches('x.y')).toHaveLength(2);
});

test('what triggers match is kept for copies in memory only', async () => {
  const directory = new Directory(async (id) => snapshotOf(id, 50), CONTRACTS);
  for (let i = 0; i < 20; i++) {
    const account = await directory.get('one');
    expect(account?.matches('order.created')).toHaveLength(50);
    expect(account?.matches('order.created')).toBe(account?.matches('order.created'));
    expect(directory.counts.matches).toBe(51);
    directory.forget('one');
    expect(directory.counts.matches).toBe(0);
    expect(account?.matches('order.paid')).toHaveLength(50);
    expect(directory.counts.matches).toBe(0);
  }
  const account = await directory.get('one');
  for (let i = 0; i < 10_000; i++) account?.matches(`invented.${i}`);
  expect(directory.counts.matches).toBeLessThanOrEqual(200_000);
});
