const FORM = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(?:Z|[+-](\d\d):(\d\d))$/;
/** The last millisecond of the year 9999, in UTC: later ones have no four digits, and no text that others read. */
export const LAST_INSTANT_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Whether a text is an instant that everybody can hold: ISO 8601 with a zone, a date that exists, 1970 to 9999 in UTC. */
export function isInstant(text: string): boolean {
  const found = FORM.exec(text);
  if (!found) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zoneHour = 0, zoneMinute = 0] = found
    .slice(1)
    .map((digits) => Number(digits ?? 0));
  // `Date.parse` takes February 30 for March 2, and 24:00 for the next day.
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return false;
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return false;
  const ms = Date.parse(text);
  return ms >= 0 && ms <= LAST_INSTANT_MS;
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
