import { FIRST } from '../domain/first-cell.ts';
import type { HttpParts } from '../http/app.ts';
import type { Metrics } from '../metrics.ts';
import type { Cell } from './cell.ts';
import type { Cells } from './cells.ts';

/** What a node has in flight and in memory, of all its cells. */
export function loadOf(cells: readonly Cell[]) {
  const counts = cells.map(({ services }) => services.dispatcher.counts);
  const sum = (of: (one: (typeof counts)[number]) => number) => counts.reduce((total, one) => total + of(one), 0);
  return {
    inFlight: sum(({ inFlight }) => inFlight),
    inMemory: sum(({ inMemory }) => inMemory),
    backlogged: sum(({ backlogged }) => backlogged),
  };
}

/** Ready when the first cell is: one of the others that is away stops its own accounts only. */
export function readinessOfAll(first: Cell, cells: Cells): HttpParts['isReady'] {
  return async () => {
    const readiness = await first.isReady();
    const away = cells.away.map((name) => `the cell ${name} cannot be reached: its accounts wait`);
    const ofOthers = cells.all.flatMap(({ name, cell }) =>
      [...cell.maintainer.warnings].map((one) => `cell ${name}: ${one}`),
    );
    return { ...readiness, warnings: [...readiness.warnings, ...away, ...ofOthers] };
  };
}

/** What `/metrics` shows of each cell. */
export function showCells(metrics: Metrics, first: Cell, cells: Cells): void {
  const isUp = (name: string) => (name === FIRST ? first.isUp : !cells.away.includes(name));
  metrics.asked(
    'posthorn_cell_up',
    '1 while the cell can be used',
    async () => new Map([FIRST, ...cells.names].map((name) => [name, Number(isUp(name))])),
    'cell',
  );
}
