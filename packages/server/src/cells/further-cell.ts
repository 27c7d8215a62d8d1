import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { App, HttpParts } from '../http/app.ts';
import type { Vault } from '../storage/vault.ts';
import { Cell, type CellParts, openStorage } from './cell.ts';
import { type CellConfig, claimCell, furtherStore, mayBecomeCell, type OpenCell } from './cells.ts';

interface FurtherParts {
  first: Cell;
  /** What all cells of the node share. */
  shared: CellParts;
  hasMoved: (accountId: string) => Promise<boolean>;
  vault: Vault;
  dataFolder: string;
  connections: number;
  /** Its HTTP app. */
  appOf: (cell: Cell, more: Partial<HttpParts>) => Promise<App>;
  /** When it is there, it does what this node does with cells by now. */
  onOpen: (cell: Cell) => Promise<void>;
}

/**
 * Opens a cell beside the first one; what fails leaves nothing running.
 * @throws DatabaseUnavailable, ConfigError, DatabaseRefused, MigrationRefused, KeyRefused
 */
export async function openFurtherCell(
  { name, url }: CellConfig,
  { first, shared, hasMoved, vault, dataFolder, connections, appOf, onOpen }: FurtherParts,
): Promise<OpenCell> {
  const folder = join(dataFolder, 'cells', name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const storage = await openStorage(
    { connectionString: url },
    { vault, folder, connections, log: shared.log, mayBeUsed: (database) => mayBecomeCell(database, name) },
  );
  let cell: Cell | undefined;
  try {
    await claimCell(first.store, storage.store, name);
    const { acceptor: operatorAcceptor, operatorKeys } = first.services;
    cell = await Cell.register(storage, furtherStore(storage.store, first.store), {
      ...shared,
      operatorAcceptor,
      readsEventTypes: false,
      hasMoved,
    });
    await cell.join();
    const app = await appOf(cell, { operatorKeys });
    await onOpen(cell);
    return { name, cell, app };
  } catch (error) {
    await cell?.drain(0);
    await cell?.leave();
    await storage.database.stop();
    throw error;
  }
}
