import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { Session, withServer } from '../session.js';

interface PutOptions {
  contract: string;
  check?: 'off' | 'warn' | 'reject';
  allowBreaking?: boolean;
  dryRun?: boolean;
}

/** What becomes of each type. */
type Result = {
  name: string;
  version: number;
  outcome: string;
  changes: { kind: string; path: string; what: string }[];
};

export function eventTypeCommands(program: Command): void {
  const types = program
    .command('event-types')
    .description('Event types that the product declares: see docs/event-types.md');

  withContract(withServer(types.command('list').description('Those that are declared'))).action(async (options) => {
    const session = new Session(options);
    const { data } = await session.posthorn.eventTypes.list({ contract: options.contract });
    if (session.isJson) return session.print(JSON.stringify(data, null, 2));
    session.list(
      data,
      [
        ['event type', ({ name }) => name],
        ['version', ({ version }) => version],
        ['label', ({ label }) => label],
        ['', ({ deprecated }) => (deprecated ? 'deprecated' : '')],
      ],
      'No event types are declared.',
    );
  });

  withPutOptions(
    types
      .command('put')
      .argument('<file>', 'YAML or JSON: a list of event types, as PUT /v1/event-types takes it')
      .description('Declare event types out of a file'),
  ).action(async (file: string, options) => {
    const session = new Session(options);
    const given = await readStructured(file);
    const event_types = (Array.isArray(given) ? given : (given as { event_types?: unknown }).event_types) as never;
    show(session, await session.posthorn.eventTypes.put({ ...toBody(options), event_types }));
  });

  withPutOptions(
    types
      .command('import')
      .argument('<file>', 'OpenAPI 3.1 with webhooks, or AsyncAPI; YAML or JSON')
      .description('Declare the event types that a description of an API has'),
  ).action(async (file: string, options) => {
    const session = new Session(options);
    const document = (await readStructured(file)) as Record<string, unknown>;
    show(session, await session.posthorn.eventTypes.import({ ...toBody(options), document }));
  });

  withContract(
    withServer(
      types.command('delete').argument('<name>').description('Take one out of the catalog; it can still be published'),
    ),
  ).action(async (name: string, options) => {
    const session = new Session(options);
    await session.posthorn.eventTypes.delete(name, { contract: options.contract });
    session.print(`${name} is deleted.`);
  });
}

function withContract(command: Command): Command {
  return command.option('--contract <name>', 'of which contract', 'standard');
}

function withPutOptions(command: Command): Command {
  return withContract(withServer(command))
    .addOption(
      new Option('--check <mode>', 'what publishing does with what does not fit').choices(['off', 'warn', 'reject']),
    )
    .option('--allow-breaking', 'also what receivers may fail by')
    .option('--dry-run', 'say what would change, and change nothing');
}

function toBody({ contract, check, allowBreaking, dryRun }: PutOptions) {
  return {
    contract,
    ...(check === undefined ? {} : { check }),
    ...(allowBreaking ? { allow_breaking: true } : {}),
    ...(dryRun ? { dry_run: true } : {}),
  };
}

/** JSON is YAML, too. */
async function readStructured(file: string): Promise<unknown> {
  const { parse } = await import('yaml');
  return parse(readFileSync(file, 'utf8'));
}

function show(session: Session, { data }: { data: Result[] }): void {
  if (session.isJson) {
    session.print(JSON.stringify(data, null, 2));
    return;
  }
  for (const { name, version, outcome, changes } of data) {
    session.print(`${outcome.padEnd('unchanged'.length)}  ${name}  version ${version}`);
    for (const { kind, path, what } of changes) session.print(`  ${kind}: ${what} (${path})`);
  }
  if (data.length === 0) session.print('Nothing is described there.');
}
