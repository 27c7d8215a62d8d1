import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Posthorn, PosthornError } from '@posthorn/sdk';
import { take } from '../session.js';
import type { Found, FoundAccount, FoundEndpoint, Source } from './source.js';

/** What became, or would become, of one endpoint or account. */
export interface Step {
  account: string;
  url: string;
  action: 'create' | 'keep' | 'refused';
  notes: string[];
}

export interface ApplyOptions {
  contract: string;
  /** Otherwise it is only said what would be done. */
  isReal: boolean;
  onProgress: (done: number) => void;
}

/**
 * Creates what is missing: accounts by their id, endpoints by their URL. What is there stays as it is, so it can be run again and
 * again; one that is refused is told, and the others go on.
 */
export async function applyFound(posthorn: Posthorn, found: Found, options: ApplyOptions): Promise<Step[]> {
  const steps: Step[] = [];
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
  let urls = new Set<string>();
  try {
    urls = new Set((await take(client.endpoints.all(), Number.POSITIVE_INFINITY)).map(({ url }) => url));
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
    if (urls.has(url)) {
      steps.push({ account: account.id, url, action: 'keep', notes: [] });
      continue;
    }
    const refused = isReal ? await refusalOf(() => client.endpoints.create(toInput(endpoint))) : undefined;
    urls.add(url);
    steps.push({
      account: account.id,
      url,
      action: refused ? 'refused' : 'create',
      notes: refused ? [refused, ...notes] : notes,
    });
  }
  return steps;
}

function toInput({ url, description, disabled, triggers, secret, headers }: FoundEndpoint) {
  return {
    url,
    description: description.slice(0, 500),
    status: disabled ? ('inactive' as const) : ('active' as const),
    subscriptions: (triggers.length === 0 ? ['*'] : [...new Set(triggers)]).map((trigger) => ({ trigger })),
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
