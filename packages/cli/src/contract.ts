import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Contract } from '@posthorn/server/dist/contract/contract.js';
import { diffContracts } from '@posthorn/server/dist/contract/diff.js';
import { contractFolders, loadContract } from '@posthorn/server/dist/contract/load.js';
import { BrokenContract } from '@posthorn/server/dist/contract/read-document.js';
import { contractTypes } from './contract-types.js';

import { EXIT } from './exit-codes.js';
import type { Print } from './output.js';

/** Prints what the contract holds, or what is wrong with it. Answers the exit code. */
export function checkContract(folder: string, print: Print): number {
  return explained(print, () => {
    for (const one of contractFolders(resolve(folder))) {
      const contract = loadContract(one);
      print(`${contract.name}: ${describe(contract)}. It can be used.`);
    }
    return 0;
  });
}

/** Prints what changes for receivers. Answers the exit code: 1 when something breaks. */
export function diffContractFolders(before: string, after: string, all: boolean, print: Print): number {
  return explained(print, () => {
    const changes = diffContracts(resolve(before), resolve(after));
    const breaking = changes.filter(({ kind }) => kind === 'breaking');
    for (const { kind, path, what } of all ? changes : breaking) print(`${kind.padEnd(10)} ${path}  ${what}`);
    print(`${breaking.length} breaking, ${changes.length - breaking.length} compatible`);
    return breaking.length > 0 ? 1 : 0;
  });
}

/** Writes a small contract to begin with. Answers the exit code. */
export function newContract(folder: string, print: Print): number {
  const path = resolve(folder);
  const name = basename(path);
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    print(`${name} is no name of a contract: use small letters, digits and hyphens, as acme-shop.`);
    return EXIT.usage;
  }
  if (existsSync(join(path, 'contract.json'))) {
    print(`${join(folder, 'contract.json')} exists already.`);
    return EXIT.usage;
  }
  for (const [file, value] of Object.entries(beginning(name))) {
    mkdirSync(join(path, file, '..'), { recursive: true });
    writeFileSync(join(path, file), `${JSON.stringify(value, null, 2)}\n`);
    print(join(folder, file));
  }
  print(`Next: change it, \`posthorn contract check ${folder}\`, and start with POSTHORN_CONTRACTS=${folder}.`);
  return EXIT.done;
}

function beginning(name: string): Record<string, object> {
  const title = name.charAt(0).toUpperCase() + name.slice(1).replaceAll('-', ' ');
  return {
    'contract.json': {
      $schema: 'http://127.0.0.1:8400/contract.schema.json',
      name,
      title,
      description: 'What happens to orders.',
      triggers: [{ value: 'order.created', label: 'Order created', schema: 'order.json' }],
      payload_check: 'reject',
      body: { encoder: 'json', envelope: { type: '{trigger}', timestamp: '{event.time}', data: '{payload}' } },
      headers: { 'webhook-id': '{event.id}', 'webhook-timestamp': '{attempt.unix}' },
      signature: { scheme: 'standard-webhooks' },
      policy: { retry_delays_s: [5, 60, 600, 3600, 21600] },
    },
    'schemas/order.json': {
      type: 'object',
      required: ['id', 'total'],
      properties: { id: { type: 'integer' }, total: { type: 'number', description: 'In the currency of the shop' } },
    },
    'samples/order.created.json': { id: 1001, total: 5 },
  };
}

/** Prints a module for receivers. Answers the exit code. */
export async function printContractTypes(folder: string, importFrom: string, print: Print): Promise<number> {
  try {
    print(await contractTypes(folder, { importFrom }));
    return 0;
  } catch (error) {
    return explain(error, print);
  }
}

function explained(print: Print, work: () => number): number {
  try {
    return work();
  } catch (error) {
    return explain(error, print);
  }
}

function explain(error: unknown, print: Print): number {
  if (!(error instanceof BrokenContract)) throw error;
  print(error.message);
  return 2;
}

function describe({ catalog, payloads }: Contract): string {
  const { topics, pairs } = catalog.rules;
  if (catalog.isFree) return 'free triggers';
  const checked = pairs.filter((pair) => payloads.schemaOf(pair) !== undefined).length;
  return [
    topics.length > 0 ? `${topics.length} topics` : '',
    `${catalog.triggers.length} triggers`,
    `${pairs.length} pairs with a sample each, ${checked} of them checked against a schema`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}
