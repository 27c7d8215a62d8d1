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
  let answer: Promise<{ reason: string | undefined; databaseMs?: number }> | undefined;
  return async () => {
    const warnings = [...maintainer.warnings];
    const { reason } = database.availability;
    if (reason !== undefined) return { ready: false, reason, warnings };
    if (!answer || clock.monotonicMs() - askedAtMs > READINESS_MS) {
      const beganMs = clock.monotonicMs();
      askedAtMs = beganMs;
      answer = isMigrated(database).then(
        (current) => ({
          reason: current ? undefined : 'migrations are missing',
          databaseMs: Math.round((clock.monotonicMs() - beganMs) * 10) / 10,
        }),
        () => ({ reason: database.availability.reason }),
      );
    }
    const { reason: missing, ...asked } = await answer;
    return missing === undefined
      ? { ready: true, warnings, ...asked }
      : { ready: false, reason: missing, warnings, ...asked };
  };
}
