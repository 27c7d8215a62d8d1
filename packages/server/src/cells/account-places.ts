import { LRUCache } from 'lru-cache';
import { Problem } from '../domain/errors.ts';
import { FIRST } from '../domain/first-cell.ts';
import { isPassing } from '../storage/database-errors.ts';
import type { AccountCellStore } from '../storage/store.ts';

const KNOWN_MAX = 200_000;

/** Says in which cell an account lives. What is known of it stays in memory until the database tells of a change. */
export class AccountPlaces {
  private readonly known = new LRUCache<string, { cell: string; epoch: number }>({
    maxSize: KNOWN_MAX,
    sizeCalculation: () => 1,
  });
  /** Raised when any account may be elsewhere: what was known before is asked again. */
  private epoch = 0;
  /** Raised by every change: an answer from before it is not kept. */
  private generation = 0;

  constructor(private readonly store: AccountCellStore) {}

  peek(accountId: string): string | undefined {
    const known = this.known.get(accountId);
    return known?.epoch === this.epoch ? known.cell : undefined;
  }

  /**
   * @returns the first cell for those that nobody knows, too
   * @throws Problem `account_moving`; DatabaseUnavailable while the first cell is away, of accounts that were not known
   */
  async find(accountId: string): Promise<string> {
    const known = this.peek(accountId);
    if (known !== undefined) return known;
    try {
      return await this.look(accountId);
    } catch (error) {
      // Where it was last will do: a cell that has it no more says so.
      const last = this.known.get(accountId);
      if (last && isPassing(error)) return last.cell;
      throw error;
    }
  }

  private async look(accountId: string): Promise<string> {
    const { generation } = this;
    const found = await this.store.find(accountId);
    if (found?.isMoving) throw new Problem('account_moving');
    const cell = found?.cell;
    // Of what does not exist nothing is kept: it may be made elsewhere at any moment.
    const isCertain = cell !== undefined || (await this.store.isHere(accountId));
    if (isCertain && this.generation === generation) this.keep(accountId, cell ?? FIRST);
    return cell ?? FIRST;
  }

  /** Where a new account is to live; where it lives, or what it has left is being removed, if it is there already. */
  async place(accountId: string, wished: string): Promise<string> {
    if (wished === FIRST) return FIRST;
    const { generation } = this;
    const cell = await this.store.putFirst(accountId, wished);
    if (this.generation === generation) this.keep(accountId, cell);
    return cell;
  }

  private keep(accountId: string, cell: string): void {
    this.known.set(accountId, { cell, epoch: this.epoch });
  }

  forget(accountId: string): void {
    this.generation++;
    this.known.delete(accountId);
  }

  forgetAll(): void {
    this.generation++;
    this.epoch++;
  }
}
