/** What the vendors' tests share: accounts, webhooks, and receivers as the vendors' docs tell customers to write them. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadContracts } from '../../packages/server/src/contract/load.ts';
import type { TestNode } from './node.ts';
import { type Received, Receiver } from './receiver.ts';
import { SELF_SIGNED } from './self-signed.ts';

const ROOT = new URL('../../contracts/', import.meta.url).pathname;
export const CONTRACTS = loadContracts(ROOT);

export interface Sample {
  topic: string | null;
  trigger: string;
  /** As it lies in the contract's folder, white space and all. */
  text: string;
}

/** Every sample of a contract, with its file's own text. */
export function samplesOf(contract: string): Sample[] {
  const folder = join(ROOT, contract, 'samples');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .map((file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const name = file.replace(/\.json$/, '');
      const parts = name.split('/');
      if (parts.length === 2) return { topic: parts[0] ?? null, trigger: parts[1] ?? '', text };
      const pair = CONTRACTS.get(contract)?.catalog.rules.pairs.find((p) => p.trigger.replaceAll('/', '.') === name);
      return { topic: pair?.topic ?? null, trigger: pair?.trigger ?? '', text };
    });
}

export async function createAccount(node: TestNode, contract: string, metadata: object = {}): Promise<string> {
  const id = `acc-${randomBytes(6).toString('hex')}`;
  const answer = await node.call('POST', '/v1/accounts', { id, name: 'A shop', contract, metadata });
  if (answer.status !== 201) throw new Error(answer.text);
  return id;
}

/** Writes a contract of the test's own; answers its folder. */
export function writeContract(root: string, name: string, document: object): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'contract.json'), JSON.stringify({ name, ...document }));
  return folder;
}

/** A built-in contract under another name, with changes; answers its folder. */
export function deriveContract(from: string, name: string, change: (document: { limits: object }) => void): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'posthorn-derived-')), name);
  cpSync(join(ROOT, from), folder, { recursive: true });
  const document = JSON.parse(readFileSync(join(folder, 'contract.json'), 'utf8'));
  change(document);
  writeFileSync(join(folder, 'contract.json'), JSON.stringify({ ...document, name }));
  return folder;
}

export interface Webhook {
  id: string;
  secret: string;
  path: string;
}

export async function createWebhook(node: TestNode, account: string, body: object): Promise<Webhook> {
  const answer = await node.call('POST', `/v1/accounts/${account}/endpoints`, body);
  if (answer.status !== 201) throw new Error(answer.text);
  const { id, secret } = answer.body;
  return { id, secret, path: `/v1/accounts/${account}/endpoints/${id}` };
}

export async function createKey(node: TestNode, account: string, scopes: string[]): Promise<string> {
  const answer = await node.call('POST', `/v1/accounts/${account}/keys`, { label: 'Test', scopes });
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.body.key;
}

/** The environment in which a node trusts the certificate of `tlsReceiver`. */
export function trustingEnvironment(): Record<string, string> {
  const file = join(tmpdir(), `posthorn-ca-${randomBytes(6).toString('hex')}.pem`);
  writeFileSync(file, SELF_SIGNED.cert);
  return { POSTHORN_EXTRA_CA: file };
}

export const tlsReceiver = () => Receiver.start(createServer(SELF_SIGNED));

/** As Loop Returns documents it: base64 of the HMAC-SHA256 of the raw body, keyed with the secret's text. */
export function verifiesAsLoopReturns({ headers, body }: Received, secret: string): boolean {
  const expected = createHmac('sha256', secret).update(body).digest('base64');
  const given = String(headers['x-loop-signature'] ?? '');
  return given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}

/** As Loops documents it, in the words of its sample handler. */
export function verifiesAsLoops({ headers, body }: Received, secret: string): boolean {
  const signedContent = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body.toString('utf8')}`;
  const secretBytes = Buffer.from(secret.split('_')[1] ?? '', 'base64');
  const signature = createHmac('sha256', secretBytes).update(signedContent).digest('base64');
  return String(headers['webhook-signature'])
    .split(' ')
    .some((sig) => sig.includes(`,${signature}`));
}

/**
 * `json_encode(json_decode($body), JSON_PRESERVE_ZERO_FRACTION)` of PHP, for receivers that hash what they have parsed;
 * of texts whose numbers are written as PHP writes them.
 */
export function phpReencode(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (token) => {
    if (!token.startsWith('"')) return '';
    const escaped = JSON.stringify(JSON.parse(token)).replaceAll('/', '\\/');
    return escaped.replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  });
}
