import { DatabaseBusy } from './database-errors.ts';

const WAIT_MS = 5_000;

interface Owner {
  running: number;
  waiting: (() => void)[];
}

/**
 * Lets so many looks through the history run at a time, and of one account at most half of them. The others wait, accounts
 * in turns: whoever asks for what takes seconds, and for a hundred of them, makes nobody else wait for more than one.
 */
export class Turns {
  /** The one whose turn is next first. */
  private readonly owners = new Map<string, Owner>();
  private readonly ofOwnerMax: number;
  private running = 0;

  /** @param waitMs how long somebody waits for their turn */
  constructor(
    private readonly max: number,
    private readonly waitMs = WAIT_MS,
  ) {
    this.ofOwnerMax = Math.max(1, Math.floor(max / 2));
  }

  /** @throws DatabaseBusy when the turn does not come in time, and whatever `work` throws */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    await this.enter(name);
    try {
      return await work();
    } finally {
      this.leave(name);
    }
  }

  private async enter(name: string): Promise<void> {
    const owner = this.owners.get(name) ?? { running: 0, waiting: [] };
    this.owners.set(name, owner);
    if (this.mayRun(owner)) return this.start(owner);
    await new Promise<void>((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer);
        this.start(owner);
        resolve();
      };
      const timer = setTimeout(() => {
        owner.waiting.splice(owner.waiting.indexOf(begin), 1);
        this.forget(name, owner);
        reject(new DatabaseBusy('no turn'));
      }, this.waitMs);
      owner.waiting.push(begin);
    });
  }

  private leave(name: string): void {
    const left = this.owners.get(name);
    this.running--;
    if (left) {
      left.running--;
      // To the end, so that every owner gets a turn.
      this.owners.delete(name);
      this.owners.set(name, left);
      this.forget(name, left);
    }
    for (const owner of this.owners.values()) {
      if (owner.waiting.length === 0 || !this.mayRun(owner)) continue;
      owner.waiting.shift()?.();
      return;
    }
  }

  private mayRun({ running }: Owner): boolean {
    return this.running < this.max && running < this.ofOwnerMax;
  }

  private start(owner: Owner): void {
    this.running++;
    owner.running++;
  }

  private forget(name: string, { running, waiting }: Owner): void {
    if (running === 0 && waiting.length === 0) this.owners.delete(name);
  }
}
