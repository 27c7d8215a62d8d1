import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Posthorn, PosthornError } from '@posthorn/sdk';
import { take } from '../session.js';
import type { Found, FoundAccount, FoundEndpoint, Source } from './source.js';

/** What became, or would become, of one endpoint or account. */
export interface Step {
  account: string;
  url: string;
  action: 'create' | 'keep' | 'refused' | 'left';
  notes: string[];
}

export interface ApplyOptions {
  contract: string;
  /** Otherwise it is only said what would be done. */
  isReal: boolean;
  onProgress: (done: number) => void;
}

/**
 * Creates what is missing: accounts by their id, endpoints by their URL, and where several have the same by their triggers, too. What is there stays as it is, so it can be run again and
 * again; one that is refused is told, and the others go on.
 */
export async function applyFound(posthorn: Posthorn, found: Found, options: ApplyOptions): Promise<Step[]> {
  const steps: Step[] = (found.left ?? []).map(({ url, why }) => ({
    account: '',
    url,
    action: 'left',
    notes: [why],
  }));
  for (const [i, account] of found.accounts.entries()) {
    steps.push(...(await applyAccount(posthorn, account, options)));
    options.onProgress(i + 1);
  }
  return steps;
}

async function applyAccount(
  posthorn: Posthorn,
  account: FoundAccount,
  { contract, isReal }: ApplyOptions,
): Promise<Step[]> {
  const steps: Step[] = [];
  const client = posthorn.account(account.id);
  let there: Existing[] = [];
  try {
    there = (await take(client.endpoints.all(), Number.POSITIVE_INFINITY)).map(({ url, subscriptions }) => ({
      url,
      triggers: subscriptions.map(({ trigger }) => trigger),
    }));
  } catch (error) {
    if (!(error instanceof PosthornError) || error.code !== 'account_not_found') throw error;
    const refused = isReal
      ? await refusalOf(() => posthorn.accounts.create({ id: account.id, name: account.name, contract }))
      : undefined;
    steps.push({
      account: account.id,
      url: '',
      action: refused ? 'refused' : 'create',
      notes: refused ? [refused] : [],
    });
    if (refused) return steps;
  }
  for (const endpoint of account.endpoints) {
    const { url, notes } = endpoint;
    const isOnly = account.endpoints.filter((other) => other.url === url).length === 1;
    const same = there.findIndex((one) => one.url === url && (isOnly || isSame(one.triggers, triggersOf(endpoint))));
    if (same >= 0) {
      there.splice(same, 1);
      steps.push({ account: account.id, url, action: 'keep', notes: [] });
      continue;
    }
    const refused = isReal ? await refusalOf(() => client.endpoints.create(toInput(endpoint))) : undefined;
    steps.push({
      account: account.id,
      url,
      action: refused ? 'refused' : 'create',
      notes: refused ? [refused, ...notes] : notes,
    });
  }
  return steps;
}

interface Existing {
  url: string;
  triggers: string[];
}

const triggersOf = ({ triggers }: FoundEndpoint): string[] => (triggers.length === 0 ? ['*'] : [...new Set(triggers)]);

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}

function toInput(endpoint: FoundEndpoint) {
  const { url, description, disabled, secret, headers } = endpoint;
  return {
    url,
    description: description.slice(0, 500),
    status: disabled ? ('inactive' as const) : ('active' as const),
    subscriptions: triggersOf(endpoint).map((trigger) => ({ trigger })),
    ...(secret === undefined ? {} : { secret }),
    headers,
  };
}

async function refusalOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof PosthornError && error.status < 500) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** Writes a contract that sends what receivers of the other system have been sent. @returns its files */
export function writeContract(folder: string, source: Source, { eventTypes }: Found): string[] {
  const path = resolve(folder);
  const types = eventTypes.filter(
    ({ name }) => /^[A-Za-z0-9_]+([./-][A-Za-z0-9_]+)*$/.test(name) && name.length <= 128,
  );
  const document = {
    name: basename(path),
    title: `As ${source.title}`,
    description: `Headers and signatures as ${source.title} has sent them.`,
    triggers:
      types.length === 0
        ? 'free'
        : types.map(({ name, description }) => ({ value: name, label: name, ...(description ? { description } : {}) })),
    ...source.wire,
    policy: { retry_delays_s: [5, 300, 1800, 7200, 18_000, 36_000, 36_000] },
  };
  const files: [string, unknown][] = [
    ['contract.json', document],
    ...types.map(({ name }): [string, unknown] => [`samples/${name.replaceAll('/', '.')}.json`, {}]),
  ];
  for (const [file, value] of files) {
    mkdirSync(join(path, file, '..'), { recursive: true });
    writeFileSync(join(path, file), `${JSON.stringify(value, null, 2)}\n`);
  }
  return files.map(([file]) => join(folder, file));
}
