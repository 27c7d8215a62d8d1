import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { CommandFailed, EXIT } from '../exit-codes.js';
import { applyFound, type Step, writeContract } from '../import/apply.js';
import { convoy } from '../import/convoy.js';
import { hook0 } from '../import/hook0.js';
import { outpost } from '../import/outpost.js';
import type { Found, Source } from '../import/source.js';
import { svix } from '../import/svix.js';
import type { Column } from '../output.js';
import { progressBar } from '../progress.js';
import { Session, withServer } from '../session.js';

const SOURCES: Readonly<Record<string, Source>> = { svix, convoy, outpost, hook0 };
const COLOURS = { create: 'green', keep: 'dim', refused: 'red', left: 'yellow' } as const;
const COLUMNS: readonly Column<Step>[] = [
  ['', ({ action }) => action, ({ action }) => COLOURS[action]],
  ['ACCOUNT', ({ account }) => account],
  ['URL', ({ url }) => url || '(the account)'],
  ['NOTES', ({ notes }) => notes.join('; ')],
];

export function importCommand(program: Command): void {
  withServer(
    program
      .command('import')
      .description(
        'Take over accounts and endpoints with their secrets from another system; only says what it would do without --apply',
      )
      .argument('<system>', Object.keys(SOURCES).join(', ')),
  )
    .option('--from <url>', 'of its API')
    .option('--token <token>', 'for its API (POSTHORN_IMPORT_TOKEN)')
    .option('--project <id>', 'of Convoy; of Hook0, the application')
    .option('--label <name>', "of Hook0: the label whose value is the account's id")
    .option('--save <file>', 'keep what was found')
    .option('--dump <file>', 'take what --save has kept instead of asking')
    .option('--write-contract <folder>', 'write a contract with its headers and signature, for POSTHORN_CONTRACTS')
    .option('--contract <name>', 'of the accounts that are created')
    .option('--apply', 'do it')
    .action(
      async (
        system: string,
        { from, token, project, label, save, dump, writeContract: folder, contract, apply, ...options },
      ) => {
        const source = SOURCES[system];
        if (!source) throw new CommandFailed(`${system} is none of ${Object.keys(SOURCES).join(', ')}.`, EXIT.usage);
        const session = new Session(options);
        const found = dump ? readDump(dump, system) : await read(source, { from, token, project, label });
        // It holds secrets.
        if (save) {
          rmSync(save, { force: true });
          writeFileSync(save, `${JSON.stringify(found, null, 2)}\n`, { mode: 0o600 });
        }
        if (folder) for (const file of writeContract(folder, source, found)) session.print(file);
        if (!contract) {
          session.print(
            `${found.accounts.length} accounts found. Name their contract with --contract to see what would be done.`,
          );
          return;
        }
        await session.posthorn.contracts.get(contract);
        const bar = progressBar(found.accounts.length, 'accounts');
        const steps = await applyFound(session.posthorn, found, {
          contract,
          isReal: apply === true,
          onProgress: (done) => bar.update(done),
        });
        bar.stop();
        session.list(steps, COLUMNS, 'Nothing was found.');
        const count = (action: Step['action']) => steps.filter((step) => step.action === action).length;
        if (!session.isJson)
          session.print(
            `${apply ? '' : 'Would: '}${count('create')} created, ${count('keep')} there already, ${count('refused')} refused.${apply ? '' : ' Do it with --apply.'}`,
          );
        if (count('refused') > 0) process.exitCode = EXIT.failed;
      },
    );
}

async function read(
  source: Source,
  { from, token, project, label }: { from?: string; token?: string; project?: string; label?: string },
): Promise<Found> {
  const key = token ?? process.env.POSTHORN_IMPORT_TOKEN;
  if (!key)
    throw new CommandFailed(`Give the token of ${source.title}'s API: --token, or POSTHORN_IMPORT_TOKEN.`, EXIT.usage);
  let shown = 0;
  const onProgress = (accounts: number) => {
    if (!process.stderr.isTTY || accounts < shown + 10) return;
    shown = accounts;
    process.stderr.write(`\r${accounts} accounts read`);
  };
  const found = await source.read({ url: from ?? source.urlDefault, token: key, project, label, onProgress });
  if (shown > 0) process.stderr.write('\n');
  return found;
}

/** @throws CommandFailed */
function readDump(file: string, system: string): Found {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Found;
    if (found.system === system && Array.isArray(found.accounts)) return found;
  } catch (error) {
    throw new CommandFailed(`--dump ${file}: ${(error as Error).message}`, EXIT.usage);
  }
  throw new CommandFailed(`--dump ${file} holds nothing of ${system}: it was written with --save.`, EXIT.usage);
}
