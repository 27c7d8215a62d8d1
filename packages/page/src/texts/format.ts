/** Numbers, sizes and times as people of a language read them. Units are the international symbols (s, min, h, d). */
export interface Format {
  number(value: number): string;
  /** Of a share between 0 and 1. */
  percent(share: number): string;
  bytes(count: number): string;
  /** What is left, in whole units: `4 min 12 s`. */
  duration(ms: number): string;
  /** What was measured: `28 ms`, `2.1 s`. */
  measured(ms: number): string;
  /** `5m ago`, `in 2h` */
  relative(ms: number, nowMs: number): string;
  /** Day and time to the second, with the zone: `27 Nov 2026, 14:02:11 UTC+1` */
  exact(ms: number): string;
  /** As `exact`, to the millisecond. */
  precise(ms: number): string;
  /** Hour and minute. */
  clock(ms: number): string;
  day(ms: number): string;
  /** With the year. */
  longDay(ms: number): string;
  /** The moment, as short as it is clear from now: `09:12`, `22 Nov, 09:12` */
  since(ms: number, nowMs: number): string;
  /** The zone of all these at a moment: `UTC`, `UTC+1`. */
  zone(ms: number): string;
  /** The day in UTC. */
  utcDay(ms: number): string;
}

const UNITS = [
  { symbol: 'd', name: 'day', ms: 86_400_000 },
  { symbol: 'h', name: 'hour', ms: 3_600_000 },
  { symbol: 'min', name: 'minute', ms: 60_000 },
  { symbol: 's', name: 'second', ms: 1_000 },
] as const;
const SECOND = UNITS[3];
const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Whose clock times are told by. */
export type Zone = 'local' | 'utc';

export function formatOf(language: string, zone: Zone): Format {
  const timeZone = zone === 'utc' ? { timeZone: 'UTC' } : {};
  const plain = new Intl.NumberFormat(language);
  const short = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const share = new Intl.NumberFormat(language, { style: 'percent' });
  // In French, what is narrow is a sum: "-12 s".
  const relative = new Intl.RelativeTimeFormat(language, { style: /^fr\b/i.test(language) ? 'short' : 'narrow' });
  const toSecond = {
    ...timeZone,
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  } as const;
  const exact = new Intl.DateTimeFormat(language, toSecond);
  const precise = new Intl.DateTimeFormat(language, { ...toSecond, fractionalSecondDigits: 3 });
  const clock = new Intl.DateTimeFormat(language, { ...timeZone, hour: 'numeric', minute: '2-digit' });
  const utcDay = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', timeZone: 'UTC' });
  const day = new Intl.DateTimeFormat(language, { ...timeZone, day: 'numeric', month: 'short' });
  const longDay = new Intl.DateTimeFormat(language, { ...timeZone, day: 'numeric', month: 'short', year: 'numeric' });
  const zoneAt = (ms: number) => (zone === 'utc' ? 'UTC' : offsetAt(ms));
  return {
    number: (value) => plain.format(value),
    // What is not all of it does not read as all of it.
    percent: (value) => share.format(value < 1 ? Math.min(value, 0.99) : 1),
    bytes(count) {
      const power = count < 1 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), SIZES.length - 1);
      return `${short.format(count / 1_024 ** power)} ${SIZES[power]}`;
    },
    duration(ms) {
      const at = UNITS.findIndex((unit) => ms >= unit.ms);
      const unit = UNITS[at];
      if (!unit) return '0 s';
      const smaller = UNITS[at + 1];
      const rest = smaller ? Math.floor((ms % unit.ms) / smaller.ms) : 0;
      const whole = `${Math.floor(ms / unit.ms)} ${unit.symbol}`;
      return smaller && rest > 0 ? `${whole} ${rest} ${smaller.symbol}` : whole;
    },
    measured(ms) {
      if (ms < 10) return `${short.format(ms)} ms`;
      return ms < 1_000 ? `${plain.format(Math.round(ms))} ms` : `${short.format(ms / 1_000)} s`;
    },
    relative(ms, nowMs) {
      const away = ms - nowMs;
      const unit = UNITS.find((one) => Math.abs(away) >= one.ms) ?? SECOND;
      return relative.format(Math.trunc(away / unit.ms), unit.name);
    },
    exact: (ms) => `${exact.format(ms)} ${zoneAt(ms)}`,
    precise: (ms) => `${precise.format(ms)} ${zoneAt(ms)}`,
    clock: (ms) => clock.format(ms),
    day: (ms) => day.format(ms),
    longDay: (ms) => longDay.format(ms),
    utcDay: (ms) => utcDay.format(ms),
    since: (ms, nowMs) =>
      day.format(ms) === day.format(nowMs) ? clock.format(ms) : `${day.format(ms)}, ${clock.format(ms)}`,
    zone: zoneAt,
  };
}

/** What this browser's clock is ahead of UTC: `UTC+5:30`. */
function offsetAt(ms: number): string {
  const minutes = -new Date(ms).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const rest = Math.abs(minutes) % 60;
  const hours = Math.floor(Math.abs(minutes) / 60);
  return `UTC${minutes < 0 ? '−' : '+'}${hours}${rest === 0 ? '' : `:${String(rest).padStart(2, '0')}`}`;
}
