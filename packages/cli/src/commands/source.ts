import { type Command, InvalidArgumentError } from 'commander';
import { moment } from '../arguments.js';
import { progressBar } from '../progress.js';
import { Session, withServer } from '../session.js';

export function sourceCommands(program: Command): void {
  const source = program.command('source').description('Events out of brokers and tables: see docs/sources.md');

  withServer(source.command('list').description('How the sources do on each node')).action(async (options) => {
    const session = new Session(options);
    const { data } = await session.posthorn.sources.list();
    // One that no node has told of yet is shown, too.
    const rows = data.flatMap((one) => {
      const nodes: ((typeof one.nodes)[number] | undefined)[] = one.nodes.length === 0 ? [undefined] : one.nodes;
      return nodes.map((at) => ({ ...one, at }));
    });
    if (session.isJson) return session.print(JSON.stringify(data, null, 2));
    session.list(
      rows,
      [
        ['source', ({ name }) => name],
        ['type', ({ type }) => type],
        ['node', ({ at }) => at?.node],
        ['state', ({ at }) => at?.state],
        ['events', ({ at }) => at?.accepted],
        ['waiting', ({ behind }) => behind],
        ['dead letters', ({ dead_letters }) => dead_letters],
        ['error', ({ at }) => at?.error],
      ],
      'No sources: POSTHORN_SOURCES of the server names their file.',
    );
  });

  source
    .command('check')
    .description('Connect to every source of POSTHORN_SOURCES, and say what is there')
    .action(async () => {
      const { checkSources } = await import('../source.js');
      process.exitCode = await checkSources(process.env, console.log);
    });

  source
    .command('tail')
    .argument('<source>')
    .description('Show messages as they come, and what event each would be; takes none away')
    .action(async (name: string) => {
      const { tail } = await import('../source.js');
      const stopping = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
      await tail(name, process.env, console.log, stopping.signal);
    });

  source
    .command('reset')
    .argument('<source>')
    .description('Let a source begin at another place, when no server reads it')
    .requiredOption('--to <place>', 'earliest, latest, or a time as 2026-11-28T00:00:00Z', place)
    .action(async (name: string, { to }) => {
      const { reset } = await import('../source.js');
      await reset(name, to, process.env);
      console.log(`${name} begins at ${to instanceof Date ? to.toISOString() : to}.`);
    });

  withServer(
    source.command('dead-letters').argument('<source>').description('List messages that could not become events'),
  ).action(async (name: string, options) => {
    const session = new Session(options);
    const { data } = await session.posthorn.sources.deadLetters(name);
    session.list(
      data,
      [
        ['id', ({ id }) => id],
        ['place', ({ place }) => place],
        ['code', ({ error }) => error.code],
        ['why', ({ error }) => error.detail],
      ],
      'None.',
    );
  });

  withServer(
    source.command('redrive').argument('<source>').description('Publish all dead letters of a source again'),
  ).action(async (name: string, options) => {
    const session = new Session(options);
    const { data } = await session.posthorn.sources.list();
    const bar = progressBar(data.find((one) => one.name === name)?.dead_letters ?? 0, 'dead letters');
    const sum = { published: 0, failed: 0 };
    for (let after: string | null | undefined; after !== null; ) {
      const answer = await session.posthorn.sources.redrive(name, after === undefined ? {} : { after });
      sum.published += answer.published;
      sum.failed += answer.failed;
      bar.update(sum.published + sum.failed);
      after = answer.next_after;
    }
    bar.stop();
    session.show(sum, `${sum.published} are events now, ${sum.failed} are none still.`);
  });
}

function place(text: string): 'earliest' | 'latest' | Date {
  if (text === 'earliest' || text === 'latest') return text;
  try {
    return new Date(moment(text));
  } catch {
    throw new InvalidArgumentError('is earliest, latest, or a time.');
  }
}
