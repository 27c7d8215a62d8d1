import type { Lane } from './lane.ts';

/**
 * The lanes whose deliveries wait in the database: `open` ones, that claims look at, and `full` ones, that have no room
 * before they have sent something. A claim is planned after every request, so what it can do nothing for is not among
 * what it looks at.
 */
export class BackloggedLanes {
  /** The one that has waited longest first. */
  private readonly open = new Set<Lane>();
  /** Of the open ones, in the order in which they came to be both. */
  private readonly healthy = new Set<Lane>();
  private readonly full = new Set<Lane>();

  get size(): number {
    return this.open.size + this.full.size;
  }

  /** An open one keeps its place. */
  add(lane: Lane): void {
    this.full.delete(lane);
    this.open.add(lane);
    this.sort(lane);
  }

  /** So that every lane gets its turn. */
  moveToEnd(lane: Lane): void {
    this.delete(lane);
    this.add(lane);
  }

  delete(lane: Lane): void {
    for (const lanes of [this.open, this.healthy, this.full]) lanes.delete(lane);
  }

  /** It has no room of its own: it is not looked at again before something of it has changed. */
  setAside(lane: Lane): void {
    this.delete(lane);
    this.full.add(lane);
  }

  /** Something of a lane has changed: what it holds, or its standing. */
  noteChange(lane: Lane): void {
    if (this.full.has(lane)) this.add(lane);
    else if (this.open.has(lane)) this.sort(lane);
  }

  /** The lanes to claim for: all that are open, or the healthy ones of them while the memory of the others is taken. */
  candidates(isHealthyOnly: boolean): Iterable<Lane> {
    return isHealthyOnly ? this.healthy : this.open;
  }

  private sort(lane: Lane): void {
    if (lane.standing === 'healthy') this.healthy.add(lane);
    else this.healthy.delete(lane);
  }
}
