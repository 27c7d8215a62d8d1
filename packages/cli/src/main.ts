/** The posthorn command. */

import { Command } from 'commander';
import { checkContract, diffContractFolders, printContractTypes } from './contract.js';
import { resealSecrets } from './reseal.js';

const program = new Command('posthorn').description('Outbound webhooks for your own customers');
const contract = program.command('contract').description('Work with contracts: what a sender promises, as data');

contract
  .command('check')
  .description('Say whether a contract can be used, and what is wrong with it')
  .argument('<folder>', 'the folder with contract.json')
  .action((folder: string) => {
    process.exitCode = checkContract(folder, console.log);
  });

contract
  .command('diff')
  .description('Name every change between two contracts that breaks receivers; exits with 1 if there is one')
  .argument('<before>', "the old contract's folder")
  .argument('<after>', "the new contract's folder")
  .option('--all', 'name the changes that break nothing, too')
  .action((before: string, after: string, { all = false }: { all?: boolean }) => {
    process.exitCode = diffContractFolders(before, after, all, console.log);
  });

contract
  .command('types')
  .description('Print a module of TypeScript for receivers: payloads, events, and how to verify them')
  .argument('<folder>', 'the folder with contract.json')
  .option('--import <module>', 'where it takes WebhookContract from', '@posthorn/sdk/webhook')
  .action(async (folder: string, { import: importFrom }: { import: string }) => {
    process.exitCode = await printContractTypes(folder, importFrom, console.log);
  });

program
  .command('reseal')
  .description('Encrypt all secrets anew with the first key of POSTHORN_MASTER_KEY, while servers run')
  .action(async () => {
    process.exitCode = await resealSecrets(process.env, console.log);
  });

await program.parseAsync();
