import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Acceptor } from '../accept/acceptor.ts';
import { ConfigError } from '../config.ts';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { FIRST } from '../domain/first-cell.ts';
import type { Directory } from '../fanout/directory.ts';
import type { App, CellFacts } from '../http/app.ts';
import type { KeyVerifier } from '../keys/verifier.ts';
import type { Services } from '../services.ts';
import type { Database } from '../storage/database.ts';
import { isPassing } from '../storage/database-errors.ts';
import type { Store } from '../storage/store.ts';
import { AccountPlaces } from './account-places.ts';
import type { Cell, Storage } from './cell.ts';
import { mergedStore } from './merged-store.ts';

/** As many accounts, and endpoints, a cell may have in its life; twenty cells' numbers fit into 32 bits. */
const NUMBERS_OF_A_CELL = 100_000_000;
const OPEN_AGAIN_MS = 2_000;
/** One that takes longer is left out of what is asked of all. */
const ANSWERS_WITHIN_MS = 2_000;
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

class TooSlow extends Error {}
class NotThere extends Error {}

/** The cells beside the first one: each opens when its database can be reached, and closes with the node. */
export class Cells {
  readonly places: AccountPlaces;
  private readonly open = new Map<string, OpenCell>();
  private readonly opening = new Set<Promise<void>>();
  private readonly cancels = new Set<() => void>();
  private isStopping = false;

  constructor(private readonly parts: CellsParts) {
    this.places = new AccountPlaces(parts.first.storage.store.accountCells);
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
    for (const cancel of this.cancels) cancel();
    await Promise.allSettled(this.opening);
  }

  /** The services of the cell in which an account lives. @throws Problem `cell_unavailable` */
  async cellOf(accountId: string): Promise<Cell> {
    const name = this.places.peek(accountId) ?? (await this.places.find(accountId));
    const cell = name === FIRST ? this.parts.first.cell() : this.open.get(name)?.cell;
    if (!cell) throw unavailable(name);
    return cell;
  }

  /** Whether an account that a cell does not have is in another, or on its way; or may be, as the first cell is away. */
  async hasMoved(accountId: string, from: string): Promise<boolean> {
    this.places.forget(accountId);
    try {
      return (await this.places.find(accountId)) !== from;
    } catch (error) {
      if ((error instanceof Problem && error.code === 'account_moving') || isPassing(error)) return true;
      throw error;
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
        get: async (id) => {
          const name = await this.places.find(id);
          const account = await (await this.cellOf(id)).services.directory.get(id);
          if (!account && (await this.hasMoved(id, name))) throw new Problem('account_moving');
          return account;
        },
      },
    };
  }

  /** Of a key nobody knows whose account's it is. */
  get keyVerifier(): Pick<KeyVerifier, 'verify'> {
    return {
      verify: async (text, call) => {
        const accountId = await this.ask(({ keyVerifier }) => keyVerifier.accountOf(text));
        const cell = accountId === undefined ? this.parts.first.cell() : await this.cellOf(accountId);
        return cell.services.keyVerifier.verify(text, call);
      },
    };
  }

  /**
   * What the first cell that knows something answers. One that does not answer holds up nobody for long.
   * @throws Problem `cell_unavailable` where none knows, and one cannot be asked
   */
  async ask<T>(look: (services: Services) => Promise<T | undefined>): Promise<T | undefined> {
    const first = this.parts.first.cell();
    const asked = [{ name: FIRST, cell: first }, ...this.all].filter(({ cell }) => cell.isUp);
    const silent = [...(first.isUp ? [] : [FIRST]), ...this.away];
    const answers = asked.map(async ({ name, cell }) => {
      const answer = await this.soon(look(cell.services)).catch((error: unknown) => {
        if (!isPassing(error) && !(error instanceof TooSlow)) throw error;
        silent.push(name);
        return undefined;
      });
      if (answer === undefined) throw new NotThere();
      return answer;
    });
    try {
      return await Promise.any(answers);
    } catch (error) {
      const defect = (error as AggregateError).errors.find((one) => !(one instanceof NotThere));
      if (defect) throw defect;
      if (silent[0] !== undefined) throw unavailable(silent[0]);
      return undefined;
    }
  }

  private async soon<T>(answer: Promise<T>): Promise<T> {
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.parts.clock.after(ANSWERS_WITHIN_MS, () => reject(new TooSlow()));
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      cancel();
    }
  }

  /** How each of them is doing, the first one first. */
  async facts(): Promise<CellFacts[]> {
    const { cell } = this.parts.first;
    const each = [
      { name: FIRST, cell: cell() },
      ...this.names.map((name) => ({ name, cell: this.open.get(name)?.cell })),
    ];
    const newest = await this.newest();
    return await Promise.all(
      each.map(async ({ name, cell: one }): Promise<CellFacts> => {
        const facts = one?.isUp ? await factsOf(one).catch(unlessPassing) : undefined;
        return { name, isUp: facts !== undefined, takesNewAccounts: name === newest, facts };
      }),
    );
  }

  /**
   * The newest has the most room: new accounts live there, as soon as every node knows of it. One that does not would look for them
   * in the first.
   */
  private async newest(): Promise<string> {
    const { store } = this.parts.first.storage;
    const everywhere = keysOf(await store.nodes.list());
    for (const name of this.names.toReversed()) {
      const open = this.open.get(name);
      // What cannot be asked is not passed over: an account would live in one cell now and in another later.
      if (!open) return name;
      const there = keysOf(await open.cell.store.nodes.list());
      if ([...everywhere].every((node) => there.has(node))) return name;
    }
    return FIRST;
  }

  /** What the operator sees of all accounts, and makes new ones with. */
  get store(): Store {
    const { store } = this.parts.first.storage;
    const others = () => this.all.filter(({ cell }) => cell.isUp).map(({ cell }) => cell.store);
    return mergedStore({
      first: store,
      others,
      // One that fails, or is slow, is left out.
      ask: async (answer) => {
        try {
          return [await this.soon(answer)];
        } catch (error) {
          if (isPassing(error) || error instanceof TooSlow) return [];
          throw error;
        }
      },
      of: async (accountId) => (await this.cellOf(accountId)).store,
      createAccount: async (account) => {
        const name = await this.places.place(account.id, await this.newest());
        const target = name === FIRST ? store : this.open.get(name)?.cell.store;
        if (!target) throw unavailable(name);
        return target.accounts.create(account);
      },
    });
  }

  private async tryOpen(config: CellConfig, isFirstTime = true): Promise<void> {
    const { clock, log } = this.parts;
    try {
      const opened = await this.parts.open(config);
      this.open.set(config.name, opened);
      log.info({ cell: config.name }, 'cell open');
    } catch (error) {
      // What somebody has to mend ends a start; a server that runs goes on, and tries again.
      if (isFirstTime && !isPassing(error)) throw error;
      log.warn({ cell: config.name, err: error }, 'this cell cannot be used: its accounts wait, the others do not');
      if (this.isStopping) return;
      const cancel = clock.after(OPEN_AGAIN_MS, () => {
        this.cancels.delete(cancel);
        const again = this.tryOpen(config, false);
        this.opening.add(again);
        void again.finally(() => this.opening.delete(again));
      });
      this.cancels.add(cancel);
    }
  }
}

function keysOf(nodes: readonly { host: string; pid: number }[]): Set<string> {
  return new Set(nodes.map(({ host, pid }) => `${host} ${pid}`));
}

/** A further cell's store: sessions of the console, operators' keys and event types are kept in the first one. */
export function furtherStore(own: Store, first: Store): Store {
  const { operatorKeys, eventTypes } = first;
  const find: Store['sessions']['find'] = async (digest) =>
    (await own.sessions.find(digest)) ?? (await first.sessions.find(digest));
  // Those of the console are the first's, whoever signs in where.
  const create: Store['sessions']['create'] = (digest, session) =>
    (session.accountId === null ? first : own).sessions.create(digest, session);
  return { ...own, operatorKeys, eventTypes, sessions: { ...own.sessions, find, create } };
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
  if (await store.settings.get(INSTALLATION)) throw isFirst(name);
  const claim = `${installation} ${name}`;
  const claimed = await store.settings.putFirst(CELL, claim);
  if (claimed !== claim) {
    const [, other] = claimed.split(' ');
    throw new ConfigError('POSTHORN_CELLS', `${name} leads to the database of the cell ${other}`);
  }
  await store.accountCells.countFrom((await first.accountCells.numberOf(name)) * NUMBERS_OF_A_CELL);
}

/**
 * Looks at a database that is to be a cell, before it is migrated: one that is in use otherwise stays as it is.
 * @throws ConfigError
 */
export async function mayBecomeCell(database: Database, name: string): Promise<void> {
  const [tables] = await database.run<{ there: boolean }>("SELECT to_regclass('accounts') IS NOT NULL AS there");
  if (!tables?.there) return;
  const [row] = await database.run<{ is_first: boolean; is_used: boolean }>(
    `SELECT EXISTS (SELECT FROM settings WHERE name = '${INSTALLATION}') AS is_first,
            EXISTS (SELECT FROM accounts) AND NOT EXISTS (SELECT FROM settings WHERE name = '${CELL}') AS is_used`,
  );
  if (row?.is_first) throw isFirst(name);
  if (row?.is_used) throw new ConfigError('POSTHORN_CELLS', `${name} leads to a database that has accounts of its own`);
}

const isFirst = (name: string) =>
  new ConfigError('POSTHORN_CELLS', `${name} leads to the first cell's database, or to another installation's`);

/** @throws ConfigError for a database that is a further cell of an installation */
export async function mustBeFirst(store: Store): Promise<void> {
  const claimed = await store.settings.get(CELL);
  if (claimed === undefined) return;
  throw new ConfigError(
    'DATABASE_URL',
    `leads to the cell ${claimed.split(' ')[1]} of an installation, not to its first`,
  );
}
