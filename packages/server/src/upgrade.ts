import type pg from 'pg';
import type { Logger } from 'pino';
import type { Clock } from './domain/clock.ts';
import { Rounds } from './domain/rounds.ts';
import type { Database } from './storage/database.ts';
import { isContracted, migrate } from './storage/migrate.ts';

/** How often a node looks whether those of the version before have stopped. */
const UPGRADE_EVERY_MS = 1_000;

/**
 * Delivers at once, or when the last node of the version before has stopped: until then those deliver, and this one accepts into
 * the queue. Answers what looks for that, again and again.
 */
export async function deliverWhenAlone({
  database,
  connection,
  start: startDelivering,
  clock,
  log,
  onError,
}: {
  database: Database;
  connection: pg.ClientConfig;
  /** Begins to deliver, and to publish what is scheduled. */
  start: () => void;
  clock: Clock;
  log: Logger;
  onError: (error: unknown) => void;
}): Promise<Rounds> {
  const rounds = new Rounds({ clock, onError });
  const logInfo = (message: string) => log.info(message);
  const start = async () => {
    if (!(await isContracted(database))) {
      for (const name of await migrate(connection, logInfo)) log.debug(`Applied migration ${name}.`);
    }
    if (!(await isContracted(database))) return false;
    startDelivering();
    return true;
  };
  if (await start()) return rounds;
  logInfo(
    'Nodes of the version before still run: they deliver, and this one accepts, until the last of them has stopped.',
  );
  rounds.every(UPGRADE_EVERY_MS, async () => {
    if (!(await start())) return;
    logInfo('The last node of the version before has stopped: this one delivers.');
    void rounds.stop();
  });
  return rounds;
}
