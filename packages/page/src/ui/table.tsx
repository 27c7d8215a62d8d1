import {
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  sortFn_basic,
  sortFn_text,
  type TableOptions,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { type CSSProperties, type ReactNode, useEffect, useRef, useState } from 'react';
import { useKeys } from './keyboard.ts';

const ROW_PX = 40;
const BOX_PX_MAX = 640;
const OVERSCAN = 12;
/** How close to the end of what has been read the next page is asked for. */
const AHEAD = 20;

/** How a column looks. Widths are CSS; a column without one takes what is left. */
interface Look {
  width?: string;
  phoneWidth?: string;
  kind?: 'number' | 'code' | 'actions';
  /** Not on phones. */
  wideOnly?: boolean;
}

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { basic: sortFn_basic, text: sortFn_text },
  columnMeta: {} as Look,
});

export const columnsOf = <Row extends object>() => createColumnHelper<typeof features, Row>();
export type Columns<Row extends object> = TableOptions<typeof features, Row>['columns'];

export interface DataTableProps<Row extends object> {
  label: string;
  /** Stable between renders, as are the columns: sorting is done again when they change. */
  rows: readonly Row[];
  columns: Columns<Row>;
  rowId: (row: Row) => string;
  /** The first column becomes a button, and the whole row is clickable. */
  onOpen?: ((row: Row) => void) | undefined;
  onHover?: (row: Row) => void;
  openId?: string | null;
  /** Rows come page by page and are drawn as they come into view, in the order of the server. */
  more?: { hasMore: boolean; isLoading: boolean; load: () => void };
}

/** A table: sticky head, sorting by its columns, rows that open by click, Enter, or `j` and `k`. */
export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { label, rows, columns, rowId, onOpen, onHover, openId = null, more } = props;
  const box = useRef<HTMLElement>(null);
  const table = useTable({
    features,
    columns,
    data: rows,
    getRowId: rowId,
    enableSorting: more === undefined,
    sortDescFirst: false,
  });
  const shown = table.getRowModel().rows;
  const virtual = useVirtualizer({
    enabled: more !== undefined,
    count: shown.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more?.hasMore && !more.isLoading && last >= shown.length - AHEAD) more.load();
  }, [more, last, shown.length]);

  const drawn = more === undefined ? shown : shown.slice(first, last + 1);
  const openAt = shown.findIndex((row) => row.id === openId);
  const walk = useWalk(box, shown.length, (at) => more && virtual.scrollToIndex(at));
  useKeys(
    onOpen === undefined
      ? {}
      : openAt >= 0
        ? {
            j: () => shown[openAt + 1] && onOpen(shown[openAt + 1]?.original as Row),
            k: () => shown[openAt - 1] && onOpen(shown[openAt - 1]?.original as Row),
          }
        : { j: () => walk(1), k: () => walk(-1) },
  );

  const headers = table.getHeaderGroups()[0]?.headers ?? [];
  const spacer = (height: number): ReactNode =>
    height > 0 && (
      <tr aria-hidden>
        <td colSpan={headers.length} style={{ height, padding: 0, border: 0 }} />
      </tr>
    );
  return (
    <section
      className={more === undefined ? 'box scroll' : 'box scroll rows'}
      style={more === undefined ? {} : { height: Math.min((shown.length + 1) * ROW_PX + 2, BOX_PX_MAX) }}
      ref={box}
      aria-label={label}
      tabIndex={0}
    >
      <table className="data" aria-rowcount={more?.hasMore ? -1 : shown.length + 1}>
        <colgroup>
          {headers.map(({ id, column }) => (
            <col key={id} className={classOf(column.columnDef.meta)} style={widthsOf(column.columnDef.meta)} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {headers.map((header) => {
              const { meta } = header.column.columnDef;
              const sorted = header.column.getIsSorted();
              return (
                <th
                  key={header.id}
                  className={classOf(meta)}
                  aria-sort={sorted === 'asc' ? 'ascending' : sorted === 'desc' ? 'descending' : undefined}
                >
                  {header.column.getCanSort() ? (
                    <button type="button" className="sort" onClick={header.column.getToggleSortingHandler()}>
                      <table.FlexRender header={header} />
                      {sorted === 'asc' && <ArrowUp size={12} aria-hidden />}
                      {sorted === 'desc' && <ArrowDown size={12} aria-hidden />}
                    </button>
                  ) : (
                    <span className={meta?.kind === 'actions' ? 'sr' : ''}>
                      <table.FlexRender header={header} />
                    </span>
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {more && spacer((drawn.length > 0 ? first : 0) * ROW_PX)}
          {drawn.map((row, i) => (
            <tr
              key={row.id}
              aria-rowindex={(more ? first : 0) + i + 2}
              className={onOpen ? 'link' : ''}
              data-row={(more ? first : 0) + i}
              data-on={row.id === openId}
              onClick={() => onOpen?.(row.original)}
              onPointerEnter={() => onHover?.(row.original)}
            >
              {row.getAllCells().map((cell, at) => (
                <td key={cell.id} className={classOf(cell.column.columnDef.meta)}>
                  {at === 0 && onOpen ? (
                    <button
                      type="button"
                      className="open"
                      onClick={(event) => {
                        event.stopPropagation();
                        onOpen(row.original);
                      }}
                    >
                      <table.FlexRender cell={cell} />
                    </button>
                  ) : (
                    <table.FlexRender cell={cell} />
                  )}
                </td>
              ))}
            </tr>
          ))}
          {more && spacer((shown.length - first - drawn.length) * ROW_PX)}
        </tbody>
      </table>
    </section>
  );
}

function classOf(look: Look | undefined): string {
  return [look?.kind && `is-${look.kind}`, look?.wideOnly && 'wide-only'].filter(Boolean).join(' ');
}

function widthsOf(look: Look | undefined): CSSProperties {
  return { '--width': look?.width ?? 'auto', '--phone-width': look?.phoneWidth ?? 'auto' } as CSSProperties;
}

/** Moves the focus from row to row; one that is out of view is drawn first. */
function useWalk(box: React.RefObject<HTMLElement | null>, count: number, scrollTo: (at: number) => void) {
  const [at, setAt] = useState(-1);
  useEffect(() => {
    box.current?.querySelector<HTMLElement>(`[data-row="${at}"] .open`)?.focus();
  }, [box, at]);
  return (step: 1 | -1) => {
    const next = Math.min(Math.max(at + step, 0), count - 1);
    scrollTo(next);
    // Once the row has been drawn.
    requestAnimationFrame(() => setAt(next));
  };
}
