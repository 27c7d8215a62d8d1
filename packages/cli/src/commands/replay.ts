import type { Command } from 'commander';
import { Option } from 'commander';
import { moment } from '../arguments.js';
import { progressBar } from '../progress.js';
import { Session, withAccount } from '../session.js';

const LOOK_EVERY_MS = 500;

export function replayCommand(program: Command): void {
  withAccount(program.command('replay').description("Send an account's deliveries again, and wait until that is done"))
    .requiredOption('--from <time>', 'as 2026-11-28T00:00:00Z', moment)
    .option('--to <time>', 'until now without it', moment)
    .option('--endpoint <id>', 'to this endpoint')
    .addOption(
      new Option('--status <status>', 'these alone').choices(['succeeded', 'failed', 'discarded', 'skipped', 'held']),
    )
    .option('--trigger <trigger>', 'these alone')
    .option('--dry-run', 'only say how many, and how long it takes')
    .option('--no-wait', 'do not wait until it is done')
    .action(async ({ from, to, endpoint, status, trigger, dryRun, wait, ...options }) => {
      const session = new Session(options);
      const filter = {
        from,
        ...(to ? { to } : {}),
        ...(endpoint ? { endpoint } : {}),
        ...(status ? { status } : {}),
        ...(trigger ? { trigger } : {}),
      };
      const begun = await session.account.replays.create({ ...filter, ...(dryRun ? { dry_run: true } : {}) });
      const { id, count, rate_per_s, seconds } = begun;
      const plan = `${count} deliveries, ${rate_per_s} a second: ${seconds} s`;
      if (id === null || !wait || session.isJson) return session.show(begun, id === null ? plan : `${id}  ${plan}`);
      session.print(`${id}  ${plan}`);
      const bar = progressBar(count, 'deliveries');
      for (let replay = begun; replay.status === 'running'; ) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
        replay = await session.account.replays.get(id);
        bar.update(replay.done);
      }
      bar.stop();
    });
}
