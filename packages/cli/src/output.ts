import Table from 'cli-table3';

export type Print = (line: string) => void;

/** A column of a table: its head, what stands in it, and in which colour. */
export type Column<T> = readonly [
  head: string,
  show: (row: T) => string | number | boolean | null | undefined,
  colourOf?: (row: T) => Colour,
];

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Rows as a table for people, without colours where nobody looks. */
export function tableOf<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  isColoured = process.stdout.isTTY,
): string {
  const table = new Table({
    head: columns.map(([head]) => head),
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: isColoured ? ['dim'] : [], border: [] },
  });
  for (const row of rows) {
    table.push(
      columns.map(([, show, colourOf]) => {
        const text = legible(show(row));
        return colourOf ? coloured(text, colourOf(row), isColoured) : text;
      }),
    );
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** What may have come from anywhere is shown without what moves a terminal's cursor. */
export function legible(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  return String(value).replace(/[\u0000-\u001f\u007f-\u009f]/g, '�');
}

const COLOURS = { red: 31, green: 32, yellow: 33, dim: 2 } as const;

type Colour = keyof typeof COLOURS;

export function coloured(text: string, colour: Colour, isColoured = process.stdout.isTTY): string {
  return isColoured ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
}

/** `2026-11-28 15:08:08`, in UTC. */
export function time(iso: string | null | undefined): string {
  return iso ? iso.slice(0, 19).replace('T', ' ') : '-';
}
