import type { Delivery } from '@posthorn/sdk';
import type { Command } from 'commander';
import { coloured, legible, time } from '../output.js';
import { Session, withAccount } from '../session.js';
import { answerOf, colourOf } from './deliveries.js';

const EVERY_MS = 1_000;
/** Newest deliveries that are looked at; between two looks no more is told one by one. */
const LOOKED_AT = 200;

export function tailCommand(program: Command): void {
  withAccount(program.command('tail').description("Print an account's deliveries as they go on; ends with Ctrl-C"))
    .option('--failed', 'only what failed')
    .action(async ({ failed, ...options }) => {
      const session = new Session(options);
      const seen = new Map<string, string>();
      let isFirst = true;
      let hasEnded = false;
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (hasEnded = true));
      while (!hasEnded) {
        const { data } = await session.account.deliveries.list({ limit: LOOKED_AT });
        for (const delivery of data.toReversed()) {
          const state = `${delivery.status} ${delivery.attempt_count}`;
          if (seen.get(delivery.id) === state) continue;
          seen.set(delivery.id, state);
          const isWanted = !failed || delivery.status === 'failed' || delivery.status === 'discarded';
          if (!isFirst && isWanted) session.print(session.isJson ? JSON.stringify(delivery) : lineOf(delivery));
        }
        for (const id of seen.keys()) {
          if (seen.size <= LOOKED_AT * 2) break;
          seen.delete(id);
        }
        isFirst = false;
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      }
    });
}

function lineOf(delivery: Delivery): string {
  const { status, trigger, id, attempt_count } = delivery;
  const at = time(delivery.finished_at ?? delivery.created_at);
  const tries = attempt_count > 1 ? `  ${attempt_count} tries` : '';
  return `${coloured(at, 'dim')}  ${coloured(status.padEnd(10), colourOf(status))}  ${legible(trigger)}  ${answerOf(delivery)}${tries}  ${id}`;
}
