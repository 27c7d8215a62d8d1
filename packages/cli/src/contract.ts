import { resolve } from 'node:path';
import type { Contract } from '@posthorn/server/dist/contract/contract.js';
import { diffContracts } from '@posthorn/server/dist/contract/diff.js';
import { contractFolders, loadContract } from '@posthorn/server/dist/contract/load.js';
import { BrokenContract } from '@posthorn/server/dist/contract/read-document.js';
import { contractTypes } from './contract-types.js';

type Print = (line: string) => void;

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
