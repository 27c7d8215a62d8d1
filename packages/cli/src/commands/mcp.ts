import type { Command } from 'commander';
import { count } from '../arguments.js';
import { Session, withServer } from '../session.js';

export function mcpCommand(program: Command): void {
  withServer(
    program
      .command('mcp')
      .description(
        'Serve the Model Context Protocol to agents: look at deliveries, explain failures, resend, replay, test',
      ),
  )
    .option(
      '--http <port>',
      'over HTTP on this machine, each caller with a key of their own; without it over standard input and output',
      count,
    )
    .action(async ({ http, ...options }) => {
      const { serveHttp, serveStdio } = await import('../mcp.js');
      const version = program.version() ?? '';
      const session = new Session(http === undefined ? options : { ...options, key: options.key ?? 'of-each-caller' });
      if (http === undefined) await serveStdio(session.posthorn, version);
      else process.stderr.write(`Listening on ${await serveHttp(session.url, http, version)}\n`);
    });
}
