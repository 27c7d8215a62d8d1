import {
  AlertCircle,
  Check,
  CheckCircle2,
  CircleDashed,
  CirclePause,
  Clock,
  Copy,
  MinusCircle,
  RotateCw,
  X,
} from 'lucide-react';
import { Dialog as Primitive } from 'radix-ui';
import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { ApiError } from './api.ts';
import { REASON } from './texts.ts';
import type { DeliveryStatus, Endpoint } from './types.ts';

/** A moving "now", shared by everything that shows a time. */
const clock = {
  now: Date.now(),
  listeners: new Set<() => void>(),
  timer: 0,
  subscribe(listener: () => void) {
    clock.listeners.add(listener);
    clock.timer ||= window.setInterval(() => {
      clock.now = Date.now();
      for (const heard of clock.listeners) heard();
    }, 1_000);
    return () => clock.listeners.delete(listener);
  },
};

export function useNow(): number {
  return useSyncExternalStore(clock.subscribe, () => clock.now);
}

const UNITS: [name: string, ms: number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
];

/** `4 min 12 s` */
export function duration(ms: number): string {
  if (ms < 1_000) return ms < 0 ? '0 s' : `${Math.round(ms)} ms`;
  const at = UNITS.findIndex(([, size]) => ms >= size);
  const [name, size] = UNITS[at] ?? ['s', 1_000];
  const [smaller, smallerSize] = UNITS[at + 1] ?? ['', 0];
  const whole = Math.floor(ms / size);
  const rest = smallerSize ? Math.floor((ms % size) / smallerSize) : 0;
  return rest > 0 ? `${whole} ${name} ${rest} ${smaller}` : `${whole} ${name}`;
}

/** Relative, with the exact time on hover. */
export function Time({ at }: { at: string | null }) {
  const now = useNow();
  if (at === null) return <span className="quiet">never</span>;
  const ms = Date.parse(at);
  const away = Math.abs(now - ms);
  const text = away < 5_000 ? 'just now' : ms < now ? `${coarse(away)} ago` : `in ${coarse(away)}`;
  return (
    <time dateTime={at} title={new Date(ms).toLocaleString()}>
      {text}
    </time>
  );
}

function coarse(ms: number): string {
  const [name, size] = UNITS.find(([, unit]) => ms >= unit) ?? ['s', 1_000];
  return `${Math.floor(ms / size)} ${name}`;
}

export function Copyable({ text, label, secret = false }: { text: string; label: string; secret?: boolean }) {
  const [done, setDone] = useState(false);
  return (
    <button
      type="button"
      className="button small icon"
      aria-label={done ? 'Copied' : label}
      title={done ? 'Copied' : label}
      onClick={async (event) => {
        event.stopPropagation();
        await copyText(text);
        setDone(true);
        setTimeout(() => setDone(false), 1_500);
        if (secret) toast('Copied. It is in your clipboard now.');
      }}
    >
      {done ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
    </button>
  );
}

/** In an iframe the clipboard may be closed: then the old way is tried. */
async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

const DELIVERY: Record<DeliveryStatus, { kind: string; word: string; icon: typeof Check }> = {
  succeeded: { kind: 'good', word: 'Delivered', icon: CheckCircle2 },
  failed: { kind: 'wait', word: 'Retrying', icon: RotateCw },
  discarded: { kind: 'bad', word: 'Failed', icon: AlertCircle },
  pending: { kind: 'off', word: 'Waiting', icon: Clock },
  delivering: { kind: 'off', word: 'Sending', icon: CircleDashed },
  held: { kind: 'off', word: 'On hold', icon: CirclePause },
  skipped: { kind: 'off', word: 'Not sent', icon: MinusCircle },
};

export const STATUS_WORDS = Object.entries(DELIVERY).map(([value, { word }]) => ({ value, word }));

export function DeliveryStatusView({ status }: { status: DeliveryStatus }) {
  const { kind, word, icon: Icon } = DELIVERY[status];
  return (
    <span className={`status ${kind}`}>
      <Icon size={14} aria-hidden /> {word}
    </span>
  );
}

export function EndpointStatusView({ endpoint, short = false }: { endpoint: Endpoint; short?: boolean }) {
  const now = useNow();
  if (endpoint.testing_until !== null && Date.parse(endpoint.testing_until) > now) {
    return (
      <span className="status wait">
        <Clock size={14} aria-hidden /> Testing Mode, {duration(Date.parse(endpoint.testing_until) - now)} left
      </span>
    );
  }
  if (endpoint.status === 'active') {
    return (
      <span className="status good">
        <CheckCircle2 size={14} aria-hidden /> Active
      </span>
    );
  }
  const reason = REASON[endpoint.inactive_reason ?? ''] ?? '';
  const isBad = endpoint.inactive_reason === 'consecutive_failures' || endpoint.inactive_reason === 'gone';
  return (
    <span className={`status ${isBad ? 'bad' : 'off'}`} title={reason}>
      {isBad ? <AlertCircle size={14} aria-hidden /> : <CirclePause size={14} aria-hidden />} Inactive
      {!short && reason !== '' && <span className="quiet">· {reason}</span>}
    </span>
  );
}

export function Dialog(props: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  footer?: ReactNode;
  kind?: 'dialog' | 'drawer';
  wide?: boolean;
}) {
  const { title, onClose, children, footer, kind = 'dialog', wide = false } = props;
  return (
    <Primitive.Root open onOpenChange={(open) => !open && onClose()}>
      <Primitive.Portal>
        <Primitive.Overlay className="veil" />
        <Primitive.Content className={`${kind}${wide ? ' wide' : ''}`} aria-describedby={undefined}>
          <header>
            <Primitive.Title asChild>
              <h2>{title}</h2>
            </Primitive.Title>
            <Primitive.Close className="button plain icon" aria-label="Close">
              <X size={16} aria-hidden />
            </Primitive.Close>
          </header>
          <div className="body">{children}</div>
          {footer !== undefined && <footer>{footer}</footer>}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}

export function Confirm(props: {
  title: string;
  text: ReactNode;
  verb: string;
  children?: ReactNode;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}) {
  const { title, text, verb, children, onConfirm, onClose } = props;
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    try {
      await onConfirm();
      onClose();
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <span className="grow" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" className="button danger" disabled={busy} onClick={confirm}>
            {verb}
          </button>
        </>
      }
    >
      <div className="stack tight">
        <p>{text}</p>
        {children}
        <ErrorNote error={error} />
      </div>
    </Dialog>
  );
}

export function ErrorNote({ error }: { error: unknown }) {
  if (error === undefined || error === null) return null;
  const title = error instanceof ApiError ? error.problem.title : 'Something went wrong';
  return (
    <div className="note bad" role="alert">
      <strong>{title}.</strong> {error instanceof Error ? error.message : String(error)}
    </div>
  );
}

/** Rows in the final geometry: nothing moves when the data arrives. */
export function Skeleton({ rows = 5 }: { rows?: number }) {
  return (
    <div className="scroll" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => `row ${i}`).map((key) => (
        <div key={key} style={{ height: 40, padding: '14px 12px' }}>
          <div className="skeleton" />
        </div>
      ))}
    </div>
  );
}

export function Empty({ title, text, children }: { title: string; text: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      <p className="quiet" style={{ maxWidth: 460 }}>
        {text}
      </p>
      {children}
    </div>
  );
}

interface Toast {
  id: number;
  text: string;
  undo?: (() => void) | undefined;
}

const toasts = { list: [] as Toast[], next: 1, listeners: new Set<() => void>() };

function setToasts(list: Toast[]): void {
  toasts.list = list;
  for (const heard of toasts.listeners) heard();
}

/** Says that something happened, and offers to undo it where that is possible. */
export function toast(text: string, undo?: () => void): void {
  const id = toasts.next++;
  setToasts([...toasts.list, { id, text, undo }]);
  setTimeout(() => setToasts(toasts.list.filter((t) => t.id !== id)), undo ? 8_000 : 4_000);
}

export function Toasts() {
  const list = useSyncExternalStore(
    (listener) => {
      toasts.listeners.add(listener);
      return () => toasts.listeners.delete(listener);
    },
    () => toasts.list,
  );
  return (
    <div className="toasts" aria-live="polite">
      {list.map(({ id, text, undo }) => (
        <div className="toast" key={id}>
          {text}
          {undo && (
            <button
              type="button"
              onClick={() => {
                undo();
                setToasts(toasts.list.filter((t) => t.id !== id));
              }}
            >
              Undo
            </button>
          )}
        </div>
      ))}
    </div>
  );
}

/** Keys that work while nobody types. */
export function useKeys(keys: Record<string, () => void>): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const heard = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey) return;
      const target = event.target as HTMLElement;
      if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || document.querySelector('.dialog')) return;
      const run = current.current[event.key];
      if (!run) return;
      event.preventDefault();
      run();
    };
    document.addEventListener('keydown', heard);
    return () => document.removeEventListener('keydown', heard);
  }, []);
}

/** JSON in lines, or the text as it is. Large texts are cut: the browser would stand still. */
export function Body({ text, label = 'Body', encoding = 'utf8' }: { text: string; label?: string; encoding?: string }) {
  const [raw, setRaw] = useState(false);
  const isLarge = text.length > 100_000;
  const [whole, setWhole] = useState(false);
  if (text === '') return <p className="quiet">Empty</p>;
  const pretty = raw || isLarge ? text : prettyJson(text);
  const shown = isLarge && !whole ? pretty.slice(0, 20_000) : pretty;
  return (
    <div className="stack tight">
      <div className="row">
        {encoding === 'base64' && <span className="tag">binary, as base64</span>}
        {!isLarge && pretty !== text && (
          <button type="button" className="button small" onClick={() => setRaw(true)}>
            Raw
          </button>
        )}
        {raw && (
          <button type="button" className="button small" onClick={() => setRaw(false)}>
            Pretty
          </button>
        )}
        <Copyable text={text} label={`Copy: ${label}`} />
        <span className="quiet">{bytes(text.length)}</span>
      </div>
      <section className="code" aria-label={label} tabIndex={0}>
        <pre>{shown}</pre>
        {isLarge && !whole && (
          <button type="button" className="button small" onClick={() => setWhole(true)}>
            Show all {bytes(text.length)}
          </button>
        )}
      </section>
    </div>
  );
}

export function bytes(count: number): string {
  return count < 1024
    ? `${count} B`
    : count < 1024 * 1024
      ? `${(count / 1024).toFixed(1)} KiB`
      : `${(count / 1024 / 1024).toFixed(1)} MiB`;
}

/** Lines and indents without parsing: numbers stay as they are. */
export function prettyJson(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let out = '';
  let depth = 0;
  for (const token of text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? []) {
    if (token === '}' || token === ']') {
      depth--;
      out = /[{[]$/.test(out) ? out + token : `${out}\n${'  '.repeat(depth)}${token}`;
      continue;
    }
    if (/[{[]$/.test(out)) out += `\n${'  '.repeat(depth)}`;
    out += token;
    if (token === '{' || token === '[') depth++;
    else if (token === ',') out += `\n${'  '.repeat(depth)}`;
    else if (token === ':') out += ' ';
  }
  return out;
}

export function Headers({ headers, label }: { headers: Record<string, string>; label: string }) {
  return (
    <section className="code" aria-label={label} tabIndex={0}>
      <table className="mono">
        <tbody>
          {Object.entries(headers).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Volume by outcome; picking a bar picks its time. */
export function VolumeChart(props: {
  buckets: { at: string; succeeded: number; discarded: number; skipped: number }[];
  bucketMs: number;
  onPick?: (from: string, to: string) => void;
}) {
  const { buckets, bucketMs, onPick } = props;
  const most = Math.max(1, ...buckets.map((b) => b.succeeded + b.discarded + b.skipped));
  return (
    <fieldset className="bars">
      <legend className="sr">Messages by time and outcome</legend>
      {buckets.map((bucket) => {
        const to = new Date(Date.parse(bucket.at) + bucketMs);
        const label = `${new Date(bucket.at).toLocaleString()}: ${bucket.succeeded} delivered, ${bucket.discarded} failed, ${bucket.skipped} not sent`;
        return (
          <button
            type="button"
            key={bucket.at}
            title={label}
            aria-label={label}
            onClick={() => onPick?.(bucket.at, to.toISOString())}
          >
            {(['skipped', 'discarded', 'succeeded'] as const).map((kind) => (
              <i key={kind} className={kind} style={{ height: `${(bucket[kind] / most) * 100}%` }} />
            ))}
          </button>
        );
      })}
    </fieldset>
  );
}

export function Sparkline({ buckets }: { buckets: { at: string; succeeded: number; discarded: number }[] }) {
  const most = Math.max(1, ...buckets.map((b) => b.succeeded + b.discarded));
  return (
    <svg className="spark" width={96} height={24} role="img" aria-label="Volume of the last 24 hours">
      {buckets.map((bucket, i) => {
        const good = (bucket.succeeded / most) * 22;
        const bad = (bucket.discarded / most) * 22;
        return (
          <g key={bucket.at}>
            <rect className="ok" x={i * 4} y={23 - good} width={3} height={good} />
            <rect className="ko" x={i * 4} y={23 - good - bad} width={3} height={bad} />
          </g>
        );
      })}
    </svg>
  );
}
