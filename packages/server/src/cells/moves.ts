import { randomUUID } from 'node:crypto';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { FIRST } from '../domain/first-cell.ts';
import { Rounds } from '../domain/rounds.ts';
import { AccountCopy } from '../storage/account-copy.ts';
import { AccountGone, isWelcome, MovingAccount, NotAsItWas } from '../storage/moving-account.ts';
import type { AccountCellStore, AccountMove } from '../storage/store.ts';
import type { Cell } from './cell.ts';
import { type Cells, unavailable } from './cells.ts';

const LOOK_EVERY_MS = 1_000;
/** For so long a node carries a move on without a sign of life. */
const CLAIM_S = 90;
/** After something has failed. */
const AGAIN_S = 5;
/** Until every node has heard that an account is on its way. */
const SPREAD_MS = 500;
/** Ids come from several clocks: events from so long before a move began may have been stored during it. */
const CLOCKS_MS = 25 * 3_600_000;
const KEYS_MS = 3_600_000;
const FIRST_UUID = '00000000-0000-0000-0000-000000000000';
const LAST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** A move that this node carries on. */
type Carried = AccountMove & { claim: string };

/** The account as it stands in both databases, and what copies it. */
interface Way {
  source: MovingAccount;
  target: MovingAccount;
  copy: AccountCopy;
}

/** Somebody else carries it on by now. */
class ClaimLost extends Error {}

/** This node stops: another carries it on. */
class Stopping extends Error {}

/**
 * Moves accounts from one cell to another while they are published to and delivered for: events are copied until few are
 * missing, then the account is held for a moment, the rest is copied, and it goes on in the other cell; what has ended
 * comes after it. A node that dies half way is followed by another, and every step may be repeated.
 */
export class Moves {
  private readonly rounds: Rounds;
  private isStopping = false;
  private unreleased: { claim: string; afterS: number; error: string | null } | undefined;

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

  /** What is under way ends with the piece that is being copied; an account that is held is given back. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.rounds.stop();
  }

  /** @throws Problem `cell_not_found`, `cell_unavailable`, `account_not_found`, `account_moving`, `account_exists`, `not_supported` */
  async begin(accountId: string, to: string): Promise<AccountMove> {
    const { cells, store } = this.parts;
    if (to !== FIRST && !cells.names.includes(to)) throw new Problem('cell_not_found');
    const from = await cells.places.find(accountId);
    const [source, target] = [this.cell(from), this.cell(to)];
    const account = await source.store.accounts.find(accountId);
    if (!account) throw new Problem('account_not_found');
    if (from === to) throw new Problem('account_exists', `The account lives in ${to} already.`);
    const areOlder = await Promise.all([source, target].map(({ store }) => store.endpoints.isBesideOlderNodes()));
    if (areOlder.includes(true))
      throw new Problem('not_supported', 'Nodes of the version before still run: try again later.');
    await isWelcome(target.storage.database, accountId, to).catch((error: unknown) => {
      if (error instanceof NotAsItWas)
        throw new Problem('account_exists', `In ${to}, ${error.message}: try again later.`);
      throw error;
    });
    if (!(await store.beginMove(accountId, String(account.number), from, to))) throw new Problem('account_moving');
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
    await this.release();
    // A claim is another each time: what was done under the one before counts no more.
    const claim = randomUUID();
    // It may be stored although its answer is lost.
    this.unreleased = { claim, afterS: 0, error: null };
    const move = await this.parts.store.claimMove(claim, CLAIM_S);
    if (!move) {
      this.unreleased = undefined;
      return;
    }
    try {
      await this.advance({ ...move, claim });
    } catch (error) {
      if (!(error instanceof ClaimLost || error instanceof Stopping)) {
        const detail = error instanceof Error ? error.message : String(error);
        this.unreleased = { claim, afterS: AGAIN_S, error: detail.slice(0, 500) };
        this.parts.onError(error);
      }
    }
    await this.release();
  }

  /** Lets go of the claim, so that the move is tried again soon; the next round does it when the database is away. */
  private async release(): Promise<void> {
    if (!this.unreleased) return;
    const { claim, afterS, error } = this.unreleased;
    await this.parts.store.releaseMove(claim, afterS, error);
    this.unreleased = undefined;
  }

  private async advance(move: Carried): Promise<void> {
    if (move.state === 'held' && !this.isUp(move.to)) return await this.goBack(move);
    const way = this.wayOf(move);
    const { source, target, copy } = way;
    for (const one of [source, target]) await one.takeOn();
    move.error = null;
    if (move.state === 'copying') {
      if (!(await source.isThere())) return await this.giveUp(move, way);
      if (!(await target.isArriving())) move.after = undefined;
      await target.makeRoom(source.database, move.to);
      await copy.copyGrowing();
      for (let isLast = false; !isLast; ) isLast = await this.copyEvents(move, copy);
      const areOlder = await Promise.all(
        [move.from, move.to].map((name) => this.cell(name).store.endpoints.isBesideOlderNodes()),
      );
      if (areOlder.includes(true)) throw new Error('nodes of the version before run');
      await this.enter(move, 'held');
    }
    if (move.state === 'held') await this.hand(move, way);
    if (move.state === 'switched') {
      await target.open();
      await this.parts.store.setMoving(move.accountId, move.to, false);
      move.after = undefined;
      await this.enter(move, 'following');
    }
    if (move.state === 'following') await this.follow(move, way);
  }

  /** @returns whether it has caught up */
  private async copyEvents(move: Carried, copy: AccountCopy): Promise<boolean> {
    const { copied, after, isLast } = await copy.copyEvents(move.after ?? FIRST_UUID);
    move.after = after ?? move.after;
    move.copied += copied;
    await this.save(move);
    return isLast;
  }

  /** The account is nowhere: what fails here gives it back at once. */
  private async hand(move: Carried, way: Way): Promise<void> {
    const { store, clock } = this.parts;
    const { accountId, from, to, startedAt } = move;
    const { source, target, copy } = way;
    try {
      // Its database may be one that knows nothing of it any more.
      if (!(await target.isArriving())) throw new NotAsItWas('the account is not where it was brought');
      await store.setMoving(accountId, from, true);
      await new Promise<void>((resolve) => void clock.after(SPREAD_MS, resolve));
      await source.hold(to);
      for (let isLast = false; !isLast; ) isLast = await this.copyEvents(move, copy);
      move.copied += await copy.copyMissedEvents(startedAt.getTime() - CLOCKS_MS);
      await copy.copyRest(startedAt.getTime() - KEYS_MS);
    } catch (error) {
      if (error instanceof ClaimLost) throw error;
      // Only who still carries it on: it may have been switched by another node.
      await this.note(move);
      if (error instanceof AccountGone) return await this.giveUp(move, way);
      await this.goBack(move);
      throw error;
    }
    if (!(await store.switchCell(accountId, move.claim, CLAIM_S, to))) throw new ClaimLost();
    move.state = 'switched';
  }

  /** The account goes on where it was: the database that it was to come to need not be there. */
  private async goBack(move: Carried): Promise<void> {
    const source = new MovingAccount(move, this.cell(move.from).storage.database);
    await source.takeOn();
    await source.giveBack();
    await this.parts.store.setMoving(move.accountId, move.from, false);
    await this.enter(move, 'copying');
  }

  private async follow(move: Carried, { source, copy }: Way): Promise<void> {
    for (;;) {
      const { copied, after, isLast } = await copy.copyHistory(move.after ?? LAST_UUID);
      move.after = after ?? move.after;
      move.copied += copied;
      await this.save(move);
      if (isLast) break;
    }
    await source.remove();
    await this.enter(move, 'finished');
  }

  /** The account was deleted while it was copied. */
  private async giveUp(move: Carried, { target }: Way): Promise<void> {
    await target.remove();
    await this.parts.store.setMoving(move.accountId, move.from, false);
    move.error = 'The account was deleted.';
    await this.enter(move, 'finished');
  }

  private async enter(move: Carried, state: AccountMove['state']): Promise<void> {
    move.state = state;
    await this.note(move);
  }

  /** Between two pieces. @throws ClaimLost, Stopping */
  private async save(move: Carried): Promise<void> {
    if (this.isStopping) throw new Stopping();
    await this.note(move);
  }

  private async note(move: Carried): Promise<void> {
    if (!(await this.parts.store.saveMove(move.accountId, move.claim, CLAIM_S, move))) throw new ClaimLost();
  }

  private wayOf(move: Carried): Way {
    const [from, to] = [this.cell(move.from), this.cell(move.to)];
    const source = new MovingAccount(move, from.storage.database);
    const target = new MovingAccount(move, to.storage.database);
    const ensureDays = (ms: readonly number[]) => to.store.retention.ensureDays(ms);
    const copy = new AccountCopy(move.accountId, source.database, target, ensureDays, () => this.save(move));
    return { source, target, copy };
  }

  private isUp(name: string): boolean {
    return (name === FIRST ? this.parts.first() : this.parts.cells.get(name)?.cell)?.isUp === true;
  }

  private cell(name: string): Cell {
    const cell = name === FIRST ? this.parts.first() : this.parts.cells.get(name)?.cell;
    if (!cell?.isUp) throw unavailable(name);
    return cell;
  }
}
