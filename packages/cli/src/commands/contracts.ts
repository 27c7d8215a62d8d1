import type { Command } from 'commander';

/** Read when it is needed: most commands are done sooner than this is read. */
const work = () => import('../contract.js');

export function contractCommands(program: Command): void {
  const contract = program.command('contract').description('Work with contracts: what a sender promises, as data');

  contract
    .command('new')
    .description('Begin a contract: a folder with a contract.json, a schema and a sample')
    .argument('<folder>', 'as acme; the contract is called so')
    .action(async (folder: string) => {
      process.exitCode = (await work()).newContract(folder, console.log);
    });

  contract
    .command('check')
    .description('Say whether a contract can be used, and what is wrong with it')
    .argument('<folder>', 'the folder with contract.json')
    .action(async (folder: string) => {
      process.exitCode = (await work()).checkContract(folder, console.log);
    });

  contract
    .command('diff')
    .description('Name every change between two contracts that breaks receivers; exits with 1 if there is one')
    .argument('<before>', "the old contract's folder")
    .argument('<after>', "the new contract's folder")
    .option('--all', 'name the changes that break nothing, too')
    .action(async (before: string, after: string, { all = false }: { all?: boolean }) => {
      process.exitCode = (await work()).diffContractFolders(before, after, all, console.log);
    });

  contract
    .command('types')
    .description('Print a module of TypeScript for receivers: payloads, events, and how to verify them')
    .argument('<folder>', 'the folder with contract.json')
    .option('--import <module>', 'where it takes WebhookContract from', '@posthorn/sdk/webhook')
    .action(async (folder: string, { import: importFrom }: { import: string }) => {
      process.exitCode = await (await work()).printContractTypes(folder, importFrom, console.log);
    });
}
