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
  // Commander has printed it.
  if (error instanceof CommanderError) return exitCodeOf(error);
  const print = (line: string) => process.stderr.write(`${line.split('\n').map(legible).join('\n')}\n`);
  if (error instanceof CommandFailed) {
    print(error.message);
    return error.exitCode;
  }
  if (error instanceof PosthornError) {
    print(`${error.code}: ${error.message}`);
    for (const { pointer, detail } of error.errors) print(`  ${pointer} ${detail}`);
    return EXIT.failed;
  }
  if (error instanceof PosthornUnreachable) {
    print(`${error.message}\nStart a server with \`posthorn serve\`, or name another one with --url.`);
    return EXIT.unreachable;
  }
  throw error;
}
