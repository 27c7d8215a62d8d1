import type { Command } from 'commander';
import { CommandFailed, EXIT } from '../exit-codes.js';
import { Session, withServer } from '../session.js';

export function doctorCommand(program: Command): void {
  withServer(
    program
      .command('doctor')
      .description(
        'Look at configuration, database, clock, way out and certificates: what is wrong, and how to mend it; exits with 1 at a ✗; ! are warnings',
      ),
  ).action(async (options) => {
    const { examine, printFindings } = await import('../doctor.js');
    const findings = await examine(process.env, serverOf(options));
    if (options.json) console.log(JSON.stringify(findings, null, 2));
    else printFindings(findings, console.log);
    if (findings.some(({ state }) => state === 'wrong')) process.exitCode = EXIT.failed;
  });
}

/** Without a key there is still something to look at. */
function serverOf(options: object): { url: string; key: string | undefined } {
  try {
    const { url, key } = new Session(options);
    return { url, key };
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const { url } = new Session({ ...options, key: 'none' });
    return { url, key: undefined };
  }
}
