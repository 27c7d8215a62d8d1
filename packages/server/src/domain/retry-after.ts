const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** The three forms of a date in HTTP (RFC 9110 §5.6.7): the usual one, RFC 850's, and that of asctime(). */
const IMF_FIXDATE = /^[a-z]{3}, (?<day>\d\d) (?<month>[a-z]{3}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) gmt$/;
const RFC_850 = /^[a-z]{6,9}, (?<day>\d\d)-(?<month>[a-z]{3})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) gmt$/;
const ASCTIME = /^[a-z]{3} (?<month>[a-z]{3}) (?<day>[ \d]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/;

/** Longer than anything that is waited for. No answer makes a time of it that cannot be stored. */
const WAIT_MAX_MS = 365 * 86_400_000;

/**
 * How long a response asks us to wait, in milliseconds from now, at most a year; undefined when the header is missing or
 * is neither form of RFC 9110 §10.2.3 (seconds or a date). A date that has passed means 0.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim().toLowerCase() ?? '';
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : waitUntil(text, nowMs);
  return waitMs === undefined ? undefined : Math.min(Math.max(0, waitMs), WAIT_MAX_MS);
}

function waitUntil(date: string, nowMs: number): number | undefined {
  const { day, month, year, time } = (IMF_FIXDATE.exec(date) ?? RFC_850.exec(date) ?? ASCTIME.exec(date))?.groups ?? {};
  if (day === undefined || month === undefined || year === undefined || time === undefined) return undefined;
  const [hour = 0, minute = 0, second = 0] = time.split(':').map(Number);
  // A leap second is the 60th of its minute.
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const atMs = (fullYear: number) => Date.UTC(fullYear, MONTHS.indexOf(month), Number(day), hour, minute, second);
  const midnight = new Date(Date.UTC(Number(year), MONTHS.indexOf(month), Number(day)));
  if (midnight.getUTCMonth() !== MONTHS.indexOf(month) || midnight.getUTCDate() !== Number(day)) return undefined;
  return (year.length === 2 ? nearest(Number(year), atMs, nowMs) : atMs(Number(year))) - nowMs;
}

/** The latest time with these two digits of a year that is at most fifty years ahead. */
function nearest(digits: number, atMs: (fullYear: number) => number, nowMs: number): number {
  const now = new Date(nowMs);
  const century = now.getUTCFullYear() - (now.getUTCFullYear() % 100);
  const latestMs = now.setUTCFullYear(now.getUTCFullYear() + 50);
  const times = [century + 100, century, century - 100].map((base) => atMs(base + digits));
  return times.find((time) => time <= latestMs) ?? nowMs;
}
