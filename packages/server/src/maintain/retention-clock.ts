const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Above this the node's clock and the database's do not agree. */
const DISAGREE_MS = 300_000;
/** An advance beyond the time that has passed, by which no clock is corrected and no server restarted. */
const JUMP_MS = DAY_MS;
/** For how long a jump has to stand before it is believed. */
const BELIEVED_AFTER_MS = DAY_MS;
/** After that, retention catches up by a day of history an hour. */
const CATCH_UP_EVERY_MS = HOUR_MS;

export interface ClockReadings {
  databaseMs: number;
  nodeMs: number;
  monotonicMs: number;
}

/** The time by which retention may look, or why it does not look now (`quietly`: that is nothing to tell of). */
export type RetentionTime = { isAllowed: true; nowMs: number } | { isAllowed: false; reason: string; quietly?: true };

/**
 * Decides what time it is for retention, which drops what is older than a contract promises to keep: a clock that is wrong
 * may not drop what is young. The time is the database's. It has to agree with the node's, and may advance by the time that
 * has passed since the last look, and a day. A longer advance is believed after it has stood for a day; then a day of
 * history an hour is let go, not all of it at once.
 */
export class RetentionClock {
  private accepted: { databaseMs: number; monotonicMs: number | undefined } | undefined;
  private jump: { offsetMs: number; sinceMs: number; caughtUpAtMs: number } | undefined;

  /** @param lastLookMs the database's time of the last look that was allowed, before this process began */
  constructor(lastLookMs: number | undefined) {
    if (lastLookMs !== undefined) this.accepted = { databaseMs: lastLookMs, monotonicMs: undefined };
  }

  look(readings: ClockReadings): RetentionTime {
    const { databaseMs, nodeMs, monotonicMs } = readings;
    if (Math.abs(databaseMs - nodeMs) > DISAGREE_MS) {
      return refuse(`the clocks of this node and of the database differ by ${inDays(databaseMs - nodeMs)}`);
    }
    if (!this.accepted) return this.accept(databaseMs, monotonicMs);
    const passedMs = this.accepted.monotonicMs === undefined ? 0 : monotonicMs - this.accepted.monotonicMs;
    const aheadMs = databaseMs - this.accepted.databaseMs - passedMs;
    if (aheadMs > JUMP_MS) return this.doubt(readings, this.accepted.databaseMs, aheadMs);
    this.jump = undefined;
    return this.accept(databaseMs, monotonicMs);
  }

  private doubt({ databaseMs, monotonicMs }: ClockReadings, lastMs: number, aheadMs: number): RetentionTime {
    const offsetMs = databaseMs - monotonicMs;
    if (!this.jump || Math.abs(this.jump.offsetMs - offsetMs) > HOUR_MS) {
      this.jump = { offsetMs, sinceMs: monotonicMs, caughtUpAtMs: Number.NEGATIVE_INFINITY };
    }
    const { jump } = this;
    if (monotonicMs - jump.sinceMs < BELIEVED_AFTER_MS) {
      return refuse(
        `the clock is ${inDays(aheadMs)} ahead of the last look; that is believed when it has stood for a day`,
      );
    }
    if (monotonicMs - jump.caughtUpAtMs < CATCH_UP_EVERY_MS) {
      return { ...refuse(`${inDays(aheadMs)} of history are caught up with, a day an hour`), quietly: true };
    }
    jump.caughtUpAtMs = monotonicMs;
    return this.accept(lastMs + DAY_MS, monotonicMs);
  }

  private accept(databaseMs: number, monotonicMs: number): RetentionTime {
    this.accepted = { databaseMs, monotonicMs };
    return { isAllowed: true, nowMs: databaseMs };
  }
}

function refuse(reason: string): { isAllowed: false; reason: string } {
  return { isAllowed: false, reason };
}

function inDays(ms: number): string {
  const hours = Math.abs(ms) / HOUR_MS;
  return hours < 48 ? `${Math.round(hours * 10) / 10} hours` : `${Math.round(hours / 24)} days`;
}
