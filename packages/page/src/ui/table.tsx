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
import { type CSSProperties, type ReactNode, type RefObject, useEffect, useRef } from 'react';
import { useLanguage } from '../texts/language.tsx';
import { Button } from './button.tsx';
import { isTyping, useKeys } from './keyboard.ts';

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
  more?: More;
}

export interface More {
  hasMore: boolean;
  isLoading: boolean;
  /** The last page could not be read: it is asked for again by hand. */
  hasFailed: boolean;
  load: () => void;
}

/** A table: sorting by its columns, rows that open by click or Enter; while one is open, `j` and `k` open the next. */
export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { label, rows, columns, rowId, onOpen, onHover, openId = null, more } = props;
  const { t } = useLanguage();
  const box = useRef<HTMLElement>(null);
  const hover = useHover();
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
    if (more?.hasMore && !more.isLoading && !more.hasFailed && last >= shown.length - AHEAD) more.load();
  }, [more, last, shown.length]);

  const drawn = more === undefined ? shown : shown.slice(first, last + 1);
  const openAt = shown.findIndex((row) => row.id === openId);
  const open = (at: number) => {
    const row = shown[at];
    if (row) onOpen?.(row.original);
  };
  useKeys(openAt < 0 ? {} : { j: () => open(openAt + 1), k: () => open(openAt - 1) });
  useFocusBack(box, openId);

  const headers = table.getHeaderGroups()[0]?.headers ?? [];
  const spacer = (height: number): ReactNode =>
    height > 0 && (
      <tr aria-hidden>
        <td style={{ height, padding: 0, border: 0 }} />
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
              data-id={row.id}
              data-on={row.id === openId}
              onClick={() => onOpen?.(row.original)}
              onPointerEnter={() => hover.enter(() => onHover?.(row.original))}
              onPointerLeave={hover.leave}
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
      {more?.hasFailed && (
        <div className="row more">
          <span>{t.common.moreFailed}</span>
          <Button size="small" onClick={more.load}>
            {t.common.again}
          </Button>
        </div>
      )}
    </section>
  );
}

function classOf(look: Look | undefined): string {
  return [look?.kind && `is-${look.kind}`, look?.wideOnly && 'wide-only'].filter(Boolean).join(' ');
}

function widthsOf(look: Look | undefined): CSSProperties {
  return { '--width': look?.width ?? 'auto', '--phone-width': look?.phoneWidth ?? 'auto' } as CSSProperties;
}

/** When what was opened last is closed, its row has the focus, unless something else took it. */
function useFocusBack(box: RefObject<HTMLElement | null>, openId: string | null): void {
  const before = useRef(openId);
  useEffect(() => {
    const last = before.current;
    before.current = openId;
    if (openId !== null || last === null) return;
    const row = box.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(last)}"] .open`);
    // After the drawer has given the focus back to where it was opened from.
    const timer = setTimeout(() => isTyping() || row?.focus());
    return () => clearTimeout(timer);
  }, [box, openId]);
}

const HOVER_MS = 120;

/** A pointer that rests on a row, not one that passes over it. */
function useHover() {
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return {
    enter: (run: () => void) => {
      timer.current = window.setTimeout(run, HOVER_MS);
    },
    leave: () => clearTimeout(timer.current),
  };
}
