/** Looks that are further apart than this say nothing about the time between them. */
const GAP_MAX_MS = 7_000;

export interface Heartbeat {
  id: number;
  /** Another one with every heartbeat; its value means nothing. */
  heartbeat: string;
}

/**
 * Finds nodes that are silent: their heartbeat has not changed for as long as this node looks, by its own monotonic clock.
 * What wall clocks say does not matter: one that was wrong for a moment would make a dead node look alive for days,
 * or all of them dead. After a pause of this node, or of the database, everybody gets the whole time again.
 */
export class SilentNodes {
  private readonly seen = new Map<number, { heartbeat: string; sinceMs: number }>();
  private lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly silentMs: number) {}

  look(heartbeats: readonly Heartbeat[], nowMs: number): Heartbeat[] {
    if (nowMs - this.lookedAtMs > GAP_MAX_MS) this.seen.clear();
    this.lookedAtMs = nowMs;
    const ids = new Set(heartbeats.map(({ id }) => id));
    for (const id of this.seen.keys()) if (!ids.has(id)) this.seen.delete(id);
    return heartbeats.filter(({ id, heartbeat }) => {
      const before = this.seen.get(id);
      if (before?.heartbeat === heartbeat) return nowMs - before.sinceMs >= this.silentMs;
      this.seen.set(id, { heartbeat, sinceMs: nowMs });
      return false;
    });
  }
}
