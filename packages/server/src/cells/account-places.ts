import { LRUCache } from 'lru-cache';
import { Problem } from '../domain/errors.ts';
import { FIRST } from '../domain/first-cell.ts';
import type { AccountCellStore } from '../storage/store.ts';

const KNOWN_MAX = 200_000;

/** Says in which cell an account lives. What is known of it stays in memory until the database tells of a change. */
export class AccountPlaces {
  private readonly known = new LRUCache<string, string>({ maxSize: KNOWN_MAX, sizeCalculation: () => 1 });
  /** Raised by every change: an answer from before it is not kept. */
  private generation = 0;

  constructor(private readonly store: AccountCellStore) {}

  peek(accountId: string): string | undefined {
    return this.known.get(accountId);
  }

  /**
   * @returns the first cell for those that nobody knows, too
   * @throws Problem `account_moving`
   */
  async find(accountId: string): Promise<string> {
    const known = this.known.get(accountId);
    if (known !== undefined) return known;
    const { generation } = this;
    const found = await this.store.find(accountId);
    if (found?.isMoving) throw new Problem('account_moving');
    const cell = found?.cell;
    // Of what does not exist nothing is kept: it may be made elsewhere at any moment.
    const isCertain = cell !== undefined || (await this.store.isHere(accountId));
    if (isCertain && this.generation === generation) this.known.set(accountId, cell ?? FIRST);
    return cell ?? FIRST;
  }

  /** Where a new account is to live; where it lives, or what it has left is being removed, if it is there already. */
  async place(accountId: string, wished: string): Promise<string> {
    if (wished === FIRST) return FIRST;
    const { generation } = this;
    const cell = await this.store.putFirst(accountId, wished);
    if (this.generation === generation) this.known.set(accountId, cell);
    return cell;
  }

  forget(accountId: string): void {
    this.generation++;
    this.known.delete(accountId);
  }

  forgetAll(): void {
    this.generation++;
    this.known.clear();
  }
}
