import type { Clock } from './domain/clock.ts';
import type { HttpParts } from './http/app.ts';
import type { Maintainer } from './maintain/maintainer.ts';
import type { Database } from './storage/database.ts';
import { isMigrated } from './storage/migrate.ts';

/** For how long an answer holds. */
const READINESS_MS = 1_000;

type Readiness = Awaited<ReturnType<HttpParts['isReady']>>;

/** Asks the database at most once a second, however often it is asked itself: probes need no key. */
export function readinessOf(database: Database, clock: Clock, maintainer: Maintainer): () => Promise<Readiness> {
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let answer: Promise<string | undefined> | undefined;
  return async () => {
    const warnings = [...maintainer.warnings];
    const { reason } = database.availability;
    if (reason !== undefined) return { ready: false, reason, warnings };
    if (!answer || clock.monotonicMs() - askedAtMs > READINESS_MS) {
      askedAtMs = clock.monotonicMs();
      answer = isMigrated(database).then(
        (current) => (current ? undefined : 'migrations are missing'),
        () => database.availability.reason,
      );
    }
    const missing = await answer;
    return missing === undefined ? { ready: true, warnings } : { ready: false, reason: missing, warnings };
  };
}
