import { AxisBottom, AxisLeft } from '@visx/axis';
import { useParentSize } from '@visx/responsive';
import { scaleBand, scaleLinear } from '@visx/scale';
import { type KeyboardEvent, type ReactNode, useState } from 'react';
import type { Format } from '../texts/format.ts';
import { useLanguage } from '../texts/language.tsx';

const HEIGHT = 132;
const MARGIN = { top: 6, right: 18, bottom: 22, left: 44 };
const PX_PER_TICK = 90;
const DAY_MS = 86_400_000;

export interface Scales {
  x: ReturnType<typeof scaleBand<string>>;
  y: ReturnType<typeof scaleLinear<number>>;
  /** Height of what is drawn in. */
  height: number;
}

/**
 * A chart over time: axes, marks, and a target for each bucket. Hovering or focusing one reads out its numbers; a
 * click or Enter picks it. The whole chart is one stop of the Tab key: the arrows go from bucket to bucket.
 */
export function ChartFrame(props: {
  label: string;
  /** Starts of the buckets, ISO 8601. */
  starts: readonly string[];
  bucketMs: number;
  max: number;
  tick: (value: number) => string;
  /** What is said of all, and of one bucket. */
  summary: ReactNode;
  describe: (start: string) => string;
  onPick?: (from: string, to: string) => void;
  children: (scales: Scales) => ReactNode;
}) {
  const { label, starts, bucketMs, max, tick, summary, describe, onPick, children } = props;
  const { f } = useLanguage();
  const { parentRef, width } = useParentSize({ initialSize: { width: 480, height: HEIGHT }, debounceTime: 0 });
  const [hovered, setHovered] = useState<string>();
  const height = HEIGHT - MARGIN.top - MARGIN.bottom;
  const x = scaleBand({
    domain: [...starts],
    range: [0, Math.max(width - MARGIN.left - MARGIN.right, 10)],
    padding: 0.2,
  });
  const y = scaleLinear({ domain: [0, Math.max(max, 1)], range: [height, 0], nice: 2 });
  const every = Math.max(1, Math.ceil((starts.length * PX_PER_TICK) / Math.max(width, 1)));
  const { tickOf, nameOf } = namesOf(f, bucketMs, starts.length);
  // A bucket that has moved out of the chart is not hovered any more.
  const current = hovered !== undefined && starts.includes(hovered) ? hovered : undefined;
  return (
    <div>
      <p className="readout">{current === undefined ? summary : `${nameOf(current)}: ${describe(current)}`}</p>
      <div ref={parentRef} className="chart-place" style={{ height: HEIGHT }}>
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot stand in an SVG */}
        <svg className="chart" width={width} height={HEIGHT} role="group" aria-label={label}>
          <g transform={`translate(${MARGIN.left} ${MARGIN.top})`}>
            {y.ticks(2).map((value) => (
              <line key={value} className="grid" x1={0} x2={x.range()[1]} y1={y(value)} y2={y(value)} />
            ))}
            {children({ x, y, height })}
            <AxisLeft scale={y} numTicks={2} hideAxisLine hideTicks tickFormat={(value) => tick(Number(value))} />
            <AxisBottom
              scale={x}
              top={height}
              hideTicks
              tickValues={starts.filter((_, i) => i % every === 0)}
              tickFormat={tickOf}
            />
            <Targets
              starts={starts}
              scales={{ x, y, height }}
              describe={(start) => `${nameOf(start)}: ${describe(start)}`}
              onHover={setHovered}
              onPick={onPick && ((start) => onPick(start, new Date(Date.parse(start) + bucketMs).toISOString()))}
            />
          </g>
        </svg>
      </div>
    </div>
  );
}

/** What buckets are called. Those of a day are days of UTC, wherever they are looked at. */
function namesOf(f: Format, bucketMs: number, count: number) {
  const name = (start: string) => {
    const ms = Date.parse(start);
    return bucketMs < DAY_MS
      ? `${f.day(ms)}, ${f.clock(ms)} – ${f.clock(ms + bucketMs)} ${f.zone(ms)}`
      : `${f.utcDay(ms)} UTC`;
  };
  const tick = (start: string) => {
    const ms = Date.parse(start);
    if (bucketMs >= DAY_MS) return f.utcDay(ms);
    return bucketMs * count > 2 * DAY_MS ? f.day(ms) : f.clock(ms);
  };
  return { nameOf: name, tickOf: tick };
}

function Targets(props: {
  starts: readonly string[];
  scales: Scales;
  describe: (start: string) => string;
  onHover: (start: string | undefined) => void;
  onPick: ((start: string) => void) | undefined;
}) {
  const { starts, scales, describe, onHover, onPick } = props;
  const { x, height } = scales;
  const [current, setCurrent] = useState(starts.length - 1);
  const step = x.step();
  const onKey = (event: KeyboardEvent<SVGRectElement>, at: number) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: starts.length - 1 }[event.key];
    if (event.key === 'Enter' || event.key === ' ') onPick?.(starts[at] ?? '');
    else if (to === undefined) return;
    else {
      const next = Math.min(Math.max(to, 0), starts.length - 1);
      setCurrent(next);
      (event.currentTarget.parentNode?.children[next] as SVGRectElement | undefined)?.focus();
    }
    event.preventDefault();
  };
  return (
    <g>
      {starts.map((start, at) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: it is a button where it can be picked
        <rect
          key={start}
          className={onPick ? 'target link' : 'target'}
          {...(onPick
            ? { role: 'button', tabIndex: at === Math.min(current, starts.length - 1) ? 0 : -1 }
            : { role: 'img' })}
          aria-label={describe(start)}
          x={(x(start) ?? 0) - (step - x.bandwidth()) / 2}
          y={0}
          width={step}
          height={height}
          onPointerEnter={() => onHover(start)}
          onPointerLeave={() => onHover(undefined)}
          onFocus={() => onHover(start)}
          onBlur={() => onHover(undefined)}
          onClick={() => onPick?.(start)}
          onKeyDown={(event) => onKey(event, at)}
        />
      ))}
    </g>
  );
}
