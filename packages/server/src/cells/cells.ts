import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Acceptor } from '../accept/acceptor.ts';
import { ConfigError } from '../config.ts';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import type { Directory } from '../fanout/directory.ts';
import type { App, CellFacts } from '../http/app.ts';
import type { KeyVerifier } from '../keys/verifier.ts';
import { DatabaseUnavailable, isPassing } from '../storage/database-errors.ts';
import type { Store } from '../storage/store.ts';
import { AccountPlaces, FIRST } from './account-places.ts';
import type { Cell, Storage } from './cell.ts';
import { mergedStore } from './merged-store.ts';

/** As many accounts, and endpoints, a cell may have in its life; twenty cells' numbers fit into 32 bits. */
const NUMBERS_OF_A_CELL = 100_000_000;
const OPEN_AGAIN_MS = 2_000;
const INSTALLATION = 'installation';
const CELL = 'cell';

/** A further database, as it is configured. */
export interface CellConfig {
  name: string;
  url: string;
}

/** A cell that serves requests, too. */
export interface OpenCell {
  name: string;
  cell: Cell;
  app: App;
}

interface CellsParts {
  first: { storage: Storage; cell: () => Cell };
  configs: readonly CellConfig[];
  /** Opens a further cell, and has it do what this node does with cells. @throws DatabaseUnavailable, and what is to be mended */
  open: (config: CellConfig) => Promise<OpenCell>;
  clock: Clock;
  log: Logger;
  onError: (error: unknown) => void;
}

/** The cells beside the first one: each opens when its database can be reached, and closes with the node. */
export class Cells {
  readonly places: AccountPlaces;
  private readonly open = new Map<string, OpenCell>();
  private readonly opening = new Set<Promise<void>>();
  private isStopping = false;

  constructor(private readonly parts: CellsParts) {
    const { storage, cell } = parts.first;
    this.places = new AccountPlaces({
      store: storage.store.accountCells,
      isInFirst: async (id) => (await cell().services.directory.get(id)) !== undefined,
    });
  }

  get all(): readonly OpenCell[] {
    return [...this.open.values()];
  }

  get names(): readonly string[] {
    return this.parts.configs.map(({ name }) => name);
  }

  get(name: string): OpenCell | undefined {
    return this.open.get(name);
  }

  /** Those that cannot be used right now. */
  get away(): string[] {
    return this.names.filter((name) => this.open.get(name)?.cell.isUp !== true);
  }

  /**
   * Opens them all; what cannot be reached is tried again until it can.
   * @throws what somebody has to mend: ConfigError, MigrationRefused, KeyRefused
   */
  async start(): Promise<void> {
    await Promise.all(this.parts.configs.map((config) => this.tryOpen(config)));
  }

  /** Nothing more is opened. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.allSettled(this.opening);
  }

  /** The services of the cell in which an account lives. @throws Problem `cell_unavailable` */
  async cellOf(accountId: string): Promise<Cell> {
    const name = this.places.peek(accountId) ?? (await this.places.find(accountId));
    const cell = name === FIRST ? this.parts.first.cell() : this.open.get(name)?.cell;
    if (!cell) throw unavailable(name);
    return cell;
  }

  /** Whether an account that a cell does not have is in another, or on its way. */
  async hasMoved(accountId: string, from: string): Promise<boolean> {
    this.places.forget(accountId);
    try {
      return (await this.places.find(accountId)) !== from;
    } catch (error) {
      return error instanceof Problem && error.code === 'account_moving';
    }
  }

  /** For what comes from sources: it goes to where its account lives. */
  get routed(): { acceptor: Pick<Acceptor, 'accept'>; directory: Pick<Directory, 'peek' | 'get'> } {
    return {
      acceptor: {
        accept: async (publication) => (await this.cellOf(publication.accountId)).services.acceptor.accept(publication),
      },
      directory: {
        peek: () => undefined,
        get: async (id) => (await this.cellOf(id)).services.directory.get(id),
      },
    };
  }

  /** Of a key nobody knows whose account's it is. */
  get keyVerifier(): Pick<KeyVerifier, 'verify'> {
    return {
      verify: async (text, call) => {
        const first = this.parts.first.cell().services.keyVerifier;
        if (await first.knows(text)) return first.verify(text, call);
        const found = await this.findOpen(({ services }) => services.keyVerifier.knows(text));
        return (found?.cell.services.keyVerifier ?? first).verify(text, call);
      },
    };
  }

  /**
   * The first of the open cells of which something is true.
   * @throws Problem `cell_unavailable` where none says so, and one cannot be asked
   */
  async findOpen(isIt: (cell: Cell) => Promise<boolean>): Promise<OpenCell | undefined> {
    const answers = await Promise.all(
      this.all.map(async (one) => {
        try {
          return (await isIt(one.cell)) ? one : undefined;
        } catch (error) {
          if (!isPassing(error)) throw error;
          return undefined;
        }
      }),
    );
    const found = answers.find((one) => one !== undefined);
    const [away] = this.away;
    if (!found && away !== undefined) throw unavailable(away);
    return found;
  }

  /**
   * Whose page a session shows; null: it is the console's, or nobody's.
   * @throws Problem `cell_unavailable` where nobody knows it, and one cell cannot be asked
   */
  async accountOfSession(token: string): Promise<string | null> {
    let accountId: string | null = null;
    const look = async ({ services }: Cell) => {
      const session = await services.sessions.find(token);
      accountId ??= session?.accountId ?? null;
      return session !== undefined;
    };
    if (!(await this.findOpen(look).catch(() => undefined))) await look(this.parts.first.cell());
    return accountId;
  }

  /** How each of them is doing, the first one first. */
  async facts(): Promise<CellFacts[]> {
    const { cell } = this.parts.first;
    const each = [
      { name: FIRST, cell: cell() },
      ...this.names.map((name) => ({ name, cell: this.open.get(name)?.cell })),
    ];
    const newest = this.newest;
    return await Promise.all(
      each.map(async ({ name, cell: one }): Promise<CellFacts> => {
        const facts = one?.isUp ? await factsOf(one).catch(unlessPassing) : undefined;
        return { name, isUp: facts !== undefined, takesNewAccounts: name === newest, facts };
      }),
    );
  }

  /** It has the most room: new accounts live there. */
  private get newest(): string {
    return this.names.at(-1) ?? FIRST;
  }

  /** What the operator sees of all accounts, and makes new ones with. */
  get store(): Store {
    const { store } = this.parts.first.storage;
    const reachable = () => [store, ...this.all.filter(({ cell }) => cell.isUp).map(({ cell }) => cell.store)];
    return mergedStore(store, reachable, async (account) => {
      const name = await this.places.place(account.id, this.newest);
      const target = name === FIRST ? store : this.open.get(name)?.cell.store;
      if (!target) throw unavailable(name);
      return target.accounts.create(account);
    });
  }

  private async tryOpen(config: CellConfig): Promise<void> {
    const { clock, log, onError } = this.parts;
    try {
      const opened = await this.parts.open(config);
      this.open.set(config.name, opened);
      log.info({ cell: config.name }, 'cell open');
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      log.warn({ cell: config.name }, 'this cell cannot be reached: its accounts wait, the others do not');
      clock.after(OPEN_AGAIN_MS, () => {
        if (this.isStopping) return;
        const again = this.tryOpen(config).catch(onError);
        this.opening.add(again);
        void again.finally(() => this.opening.delete(again));
      });
    }
  }
}

/** A further cell's store: sessions of the console, operators' keys and event types are kept in the first one. */
export function furtherStore(own: Store, first: Store): Store {
  const { operatorKeys, eventTypes } = first;
  const find: Store['sessions']['find'] = async (digest) =>
    (await own.sessions.find(digest)) ?? (await first.sessions.find(digest));
  return { ...own, operatorKeys, eventTypes, sessions: { ...own.sessions, find } };
}

async function factsOf({ store }: Cell): Promise<NonNullable<CellFacts['facts']>> {
  const [{ accounts, waiting }, nodes, { sizeBytes }] = await Promise.all([
    store.overview.read(),
    store.nodes.list(),
    store.overview.database(),
  ]);
  return { accounts, waiting, sizeBytes, finishedPerS: nodes.reduce((sum, { finishedPerS }) => sum + finishedPerS, 0) };
}

function unlessPassing(error: unknown): undefined {
  if (!isPassing(error)) throw error;
}

export function unavailable(name: string): Problem {
  return new Problem('cell_unavailable', `The cell ${name} cannot be reached, or is not configured on this node.`);
}

/**
 * Makes sure that a database is that of this cell and of no other: a URL in the wrong place would mix up accounts.
 * @throws ConfigError
 */
export async function claimCell(first: Store, store: Store, name: string): Promise<void> {
  const installation = await first.settings.putFirst(INSTALLATION, randomUUID());
  if (await store.settings.get(INSTALLATION))
    throw new ConfigError('POSTHORN_CELLS', `${name} leads to the first cell's database, or to another installation's`);
  const claim = `${installation} ${name}`;
  const claimed = await store.settings.putFirst(CELL, claim);
  if (claimed !== claim) {
    const [, other] = claimed.split(' ');
    throw new ConfigError('POSTHORN_CELLS', `${name} leads to the database of the cell ${other}`);
  }
  await store.accountCells.countFrom((await first.accountCells.numberOf(name)) * NUMBERS_OF_A_CELL);
}

/** @throws ConfigError for a database that is a further cell of an installation */
export async function mustBeFirst(store: Store): Promise<void> {
  const claimed = await store.settings.get(CELL);
  if (claimed === undefined) return;
  throw new ConfigError(
    'DATABASE_URL',
    `leads to the cell ${claimed.split(' ')[1]} of an installation, not to its first`,
  );
}
