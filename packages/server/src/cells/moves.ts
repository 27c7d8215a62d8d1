import { randomUUID } from 'node:crypto';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { Rounds } from '../domain/rounds.ts';
import { AccountCopy, AccountGone, type Piece } from '../storage/account-copy.ts';
import type { AccountCellStore, AccountMove } from '../storage/store.ts';
import { FIRST } from './account-places.ts';
import type { Cell } from './cell.ts';
import { type Cells, unavailable } from './cells.ts';

const LOOK_EVERY_MS = 1_000;
/** For so long a node carries a move on without a sign of life. */
const CLAIM_S = 30;
/** Until every node has heard that an account is on its way. */
const SPREAD_MS = 500;
/** When so little came in one pass, the rest is copied while the account is held. */
const CAUGHT_UP = 500;
const FIRST_UUID = '00000000-0000-0000-0000-000000000000';
const LAST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

const NOTHING = async () => {};

/** Somebody else carries it on by now. */
class ClaimLost extends Error {}

/**
 * Moves accounts from one cell to another while they are published to and delivered for: events are copied until few are
 * missing, then the account is held for a moment, the rest is copied, and it goes on in the other cell; what has ended
 * comes after it. A node that dies half way is followed by another, and every step may be repeated.
 */
export class Moves {
  private readonly id = randomUUID();
  private readonly rounds: Rounds;

  constructor(
    private readonly parts: {
      cells: Cells;
      first: () => Cell;
      store: AccountCellStore;
      clock: Clock;
      onError: (error: unknown) => void;
    },
  ) {
    this.rounds = new Rounds(parts);
  }

  start(): void {
    this.rounds.every(LOOK_EVERY_MS, () => this.carryOn());
  }

  async stop(): Promise<void> {
    await this.rounds.stop();
  }

  /** @throws Problem `cell_not_found`, `cell_unavailable`, `account_not_found`, `account_moving`, `account_exists`, `not_supported` */
  async begin(accountId: string, to: string): Promise<AccountMove> {
    const { cells, store } = this.parts;
    if (to !== FIRST && !cells.names.includes(to)) throw new Problem('cell_not_found');
    const from = await cells.places.find(accountId);
    const [source, target] = [this.cell(from), this.cell(to)];
    if (!(await source.store.accounts.find(accountId))) throw new Problem('account_not_found');
    if (from === to) throw new Problem('account_exists', `The account lives in ${to} already.`);
    const areOlder = await Promise.all([source, target].map(({ store }) => store.endpoints.isBesideOlderNodes()));
    if (areOlder.includes(true))
      throw new Problem('not_supported', 'Nodes of the version before still run: try again later.');
    // Before it is noted: the rest of another account under its id would be mixed up with it.
    if (
      !(await new AccountCopy(accountId, source.storage.database, target.storage.database, NOTHING, NOTHING).isWelcome(
        to,
      ))
    )
      throw new Problem(
        'account_exists',
        `What an account of this id has left in ${to} is being removed: try again later.`,
      );
    if (!(await store.beginMove(accountId, from, to))) throw new Problem('account_moving');
    const move = await store.findMove(accountId);
    if (!move) throw new Error('a move that has begun is there');
    return move;
  }

  /** @throws Problem `move_not_found` where it was never moved */
  async find(accountId: string): Promise<AccountMove> {
    const move = await this.parts.store.findMove(accountId);
    if (!move) throw new Problem('move_not_found');
    return move;
  }

  /** Goes on with one of the moves, for as long as it can. */
  private async carryOn(): Promise<void> {
    const move = await this.parts.store.claimMove(this.id, CLAIM_S);
    if (!move) return;
    try {
      await this.advance(move);
    } catch (error) {
      if (error instanceof ClaimLost) return;
      const detail = error instanceof Error ? error.message : String(error);
      await this.save({ ...move, error: detail.slice(0, 500) }).catch(() => {});
      this.parts.onError(error);
    }
  }

  /** Each step changes `move`, so that what fails later is noted with what was reached. */
  private async advance(move: AccountMove): Promise<void> {
    const copy = this.copyOf(move, this.cell(move.from), this.cell(move.to));
    move.error = null;
    if (move.state === 'copying') {
      if (!(await copy.isInSource())) return await this.giveUp(move, copy);
      await copy.begin(move.to);
      for (;;) {
        const { copied, after } = await copy.copyEvents(move.after ?? FIRST_UUID);
        move.after = after ?? move.after;
        move.copied += copied;
        await this.save(move);
        if (copied < CAUGHT_UP) break;
      }
      await this.enter(move, 'held');
    }
    if (move.state === 'held') await this.hand(move, copy);
    if (move.state === 'switched') {
      await copy.open();
      await this.parts.store.setMoving(move.accountId, move.to, false);
      move.after = undefined;
      await this.enter(move, 'following');
    }
    if (move.state === 'following') await this.follow(move, copy);
  }

  /** The account is nowhere: what fails here gives it back at once. */
  private async hand(move: AccountMove, copy: AccountCopy): Promise<void> {
    const { store, clock } = this.parts;
    const { accountId, from, to } = move;
    try {
      await store.setMoving(accountId, from, true);
      await new Promise<void>((resolve) => void clock.after(SPREAD_MS, resolve));
      await copy.hold(to);
      for (let piece: Piece | undefined; piece === undefined || piece.copied > 0; ) {
        piece = await copy.copyEvents(move.after ?? FIRST_UUID);
        move.after = piece.after ?? move.after;
        move.copied += piece.copied;
        await this.save(move);
      }
      move.copied += await copy.copyMissedEvents();
      await copy.copyRest();
    } catch (error) {
      if (error instanceof ClaimLost) throw error;
      // Only who still carries it on: it may have been switched by another node.
      await this.save(move);
      if (error instanceof AccountGone) return await this.giveUp(move, copy);
      await copy.giveBack();
      await store.setMoving(accountId, from, false);
      await this.enter(move, 'copying');
      throw error;
    }
    if (!(await store.switchCell(accountId, this.id, CLAIM_S, to))) throw new ClaimLost();
    move.state = 'switched';
  }

  private async follow(move: AccountMove, copy: AccountCopy): Promise<void> {
    for (;;) {
      const { copied, after } = await copy.copyHistory(move.after ?? LAST_UUID);
      move.after = after ?? move.after;
      move.copied += copied;
      await this.save(move);
      if (copied === 0) break;
    }
    await copy.leave();
    await this.enter(move, 'finished');
  }

  /** The account was deleted while it was copied. */
  private async giveUp(move: AccountMove, copy: AccountCopy): Promise<void> {
    await copy.giveUp();
    await this.parts.store.setMoving(move.accountId, move.from, false);
    move.error = 'The account was deleted.';
    await this.enter(move, 'finished');
  }

  private async enter(move: AccountMove, state: AccountMove['state']): Promise<void> {
    move.state = state;
    await this.save(move);
  }

  private async save(move: AccountMove): Promise<void> {
    if (!(await this.parts.store.saveMove(move.accountId, this.id, CLAIM_S, move))) throw new ClaimLost();
  }

  private copyOf(move: AccountMove, source: Cell, target: Cell): AccountCopy {
    return new AccountCopy(
      move.accountId,
      source.storage.database,
      target.storage.database,
      (ms) => target.store.retention.ensureDays(daysOf(ms)),
      () => this.save(move),
    );
  }

  private cell(name: string): Cell {
    const cell = name === FIRST ? this.parts.first() : this.parts.cells.get(name)?.cell;
    if (!cell?.isUp) throw unavailable(name);
    return cell;
  }
}

const DAY_MS = 86_400_000;

function daysOf(ms: readonly number[]): number[] {
  return [...new Set(ms.map((one) => Math.floor(one / DAY_MS) * DAY_MS))];
}
