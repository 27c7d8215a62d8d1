/** The posthorn command. */
import { readFileSync } from 'node:fs';
import { PosthornError, PosthornUnreachable } from '@posthorn/sdk';
import { CommanderError } from 'commander';
import { CommandFailed, EXIT } from './exit-codes.js';
import { legible } from './output.js';
import { buildProgram, exitCodeOf } from './program.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

try {
  await buildProgram(version).parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}

/** Tells people what went wrong. @returns the exit code */
function explain(error: unknown): number {
  const print = (line: string) => process.stderr.write(`${line.split('\n').map(legible).join('\n')}\n`);
  if (error instanceof CommanderError) {
    // Commander has printed it.
    if (error.code === 'commander.unknownOption' && process.argv[2]?.startsWith('-'))
      print('Options stand behind the command, as `posthorn deliveries list --url …`.');
    return exitCodeOf(error);
  }
  if (error instanceof CommandFailed) {
    print(error.message);
    return error.exitCode;
  }
  if (error instanceof PosthornError) {
    const { title, detail } = error.problem;
    print(`${error.code}: ${title}. ${detail}`);
    for (const place of error.errors) {
      if (!detail.startsWith(`${place.pointer}: ${place.detail}`)) print(`  ${place.pointer} ${place.detail}`);
    }
    if (error.code === 'blocked_address')
      print('For a try on one machine, start the server with POSTHORN_ALLOW_NETWORKS=127.0.0.1.');
    return EXIT.failed;
  }
  if (error instanceof PosthornUnreachable) {
    print(`${error.message}\nStart a server with \`posthorn serve\`, or name another one with --url.`);
    return EXIT.unreachable;
  }
  throw error;
}
