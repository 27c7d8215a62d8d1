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
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import {
  type CSSProperties,
  type ReactNode,
  type RefObject,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { isEmbedded } from '../embedding.ts';
import { useLanguage } from '../texts/language.tsx';
import { Button } from './button.tsx';
import { isTyping, useKeys } from './keyboard.ts';
import { isNarrow } from './screen.ts';

/** As in the styles: on phones a row has two lines. */
const ROW_PX = isNarrow() ? 60 : 40;
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
  selection?: Selection;
}

/** Rows that are ticked, by their ids. */
export interface Selection {
  chosen: ReadonlySet<string>;
  set: (chosen: ReadonlySet<string>) => void;
  /** What the box of one row, and that of all that have been read, is called. */
  labelOf: (row: never) => string;
  labelOfAll: string;
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
  const { label, rows, columns, rowId, onOpen, onHover, openId = null, more, selection } = props;
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
  // The page itself scrolls, and in another product's page that page does: there, more comes on demand.
  const isVirtual = more !== undefined && !isEmbedded;
  const virtual = useWindowVirtualizer({
    enabled: isVirtual,
    count: shown.length,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    scrollMargin: useTopOf(box),
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (!isVirtual || items.length === 0) return;
    if (more.hasMore && !more.isLoading && !more.hasFailed && last >= shown.length - AHEAD) more.load();
  }, [isVirtual, items.length, more, last, shown.length]);

  const drawn = isVirtual ? shown.slice(first, last + 1) : shown;
  const choose = useChoice(
    shown.map((row) => row.id),
    selection,
  );
  const openAt = shown.findIndex((row) => row.id === openId);
  const open = (at: number) => {
    const row = shown[at];
    if (row) onOpen?.(row.original);
  };
  const focused = () => document.activeElement?.closest<HTMLElement>('tr[data-id]')?.dataset.id;
  useKeys({
    ...(openAt < 0 ? {} : { j: () => open(openAt + 1), k: () => open(openAt - 1) }),
    ...(selection
      ? {
          x: () => {
            const id = focused();
            if (id !== undefined) choose(id, !selection.chosen.has(id), false);
          },
        }
      : {}),
  });
  useFocusBack(box, openId);

  const headers = table.getHeaderGroups()[0]?.headers ?? [];
  const spacer = (height: number): ReactNode =>
    height > 0 && (
      <tr aria-hidden>
        <td style={{ height, padding: 0, border: 0 }} />
      </tr>
    );
  return (
    <section className={more === undefined ? 'box scroll' : 'box rows'} ref={box} aria-label={label} tabIndex={0}>
      <table className="data" aria-rowcount={more?.hasMore ? -1 : shown.length + 1}>
        <colgroup>
          {selection && <col style={widthsOf({ width: '40px', phoneWidth: '36px' })} />}
          {headers.map(({ id, column }) => (
            <col key={id} className={classOf(column.columnDef.meta)} style={widthsOf(column.columnDef.meta)} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {selection && (
              <th className="is-choice">
                <input
                  type="checkbox"
                  aria-label={selection.labelOfAll}
                  checked={shown.length > 0 && shown.every((row) => selection.chosen.has(row.id))}
                  ref={(element) => {
                    if (element)
                      element.indeterminate =
                        selection.chosen.size > 0 && shown.some((row) => !selection.chosen.has(row.id));
                  }}
                  onChange={({ target }) => selection.set(new Set(target.checked ? shown.map((row) => row.id) : []))}
                />
              </th>
            )}
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
          {isVirtual && spacer((drawn.length > 0 ? first : 0) * ROW_PX)}
          {drawn.map((row, i) => (
            <tr
              key={row.id}
              aria-rowindex={(isVirtual ? first : 0) + i + 2}
              className={onOpen ? 'link' : ''}
              data-row={(isVirtual ? first : 0) + i}
              data-id={row.id}
              data-on={row.id === openId}
              onClick={() => onOpen?.(row.original)}
              onPointerEnter={() => hover.enter(() => onHover?.(row.original))}
              onPointerLeave={hover.leave}
            >
              {selection && (
                // biome-ignore lint/a11y/useKeyWithClickEvents: what is beside the box belongs to it
                <td className="is-choice" onClick={(event) => event.stopPropagation()}>
                  <input
                    type="checkbox"
                    aria-label={selection.labelOf(row.original as never)}
                    checked={selection.chosen.has(row.id)}
                    onChange={() => {}}
                    onClick={(event) => choose(row.id, event.currentTarget.checked, event.shiftKey)}
                  />
                </td>
              )}
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
          {isVirtual && spacer((shown.length - first - drawn.length) * ROW_PX)}
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
      {more?.hasMore && !more.hasFailed && isEmbedded && (
        <div className="row more">
          <Button size="small" disabled={more.isLoading} onClick={more.load}>
            {t.common.more}
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

/** How far below the top of the whole page a table begins: it moves when something above it is folded. */
function useTopOf(box: RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0);
  // Without dependencies: whatever is drawn above may have changed it.
  useLayoutEffect(() => {
    const now = box.current ? Math.round(box.current.getBoundingClientRect().top + window.scrollY) : 0;
    if (now !== top) setTop(now);
  });
  return top;
}

/** Ticks a row, or with Shift all rows from the one before. */
function useChoice(ids: readonly string[], selection: Selection | undefined) {
  const before = useRef<string>(undefined);
  return (id: string, isOn: boolean, isRange: boolean) => {
    if (!selection) return;
    const from = isRange && before.current !== undefined ? ids.indexOf(before.current) : -1;
    const to = ids.indexOf(id);
    const touched = from < 0 ? [id] : ids.slice(Math.min(from, to), Math.max(from, to) + 1);
    const next = new Set(selection.chosen);
    for (const one of touched) {
      if (isOn) next.add(one);
      else next.delete(one);
    }
    before.current = id;
    selection.set(next);
  };
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
