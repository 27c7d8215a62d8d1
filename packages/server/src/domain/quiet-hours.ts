/** Hours in which nothing is told that can wait: from and to in minutes of the day, in a time zone of IANA's names. */
export interface QuietHours {
  fromMinute: number;
  toMinute: number;
  timeZone: string;
}

const DAY_MINUTES = 1_440;
const TIME = /^([01]\d|2[0-3]):([0-5]\d)$/;

/** `22:30` -> 1350; undefined for what is no time of the day. */
export function minuteOf(time: string): number | undefined {
  const [, hours, minutes] = TIME.exec(time) ?? [];
  return hours === undefined ? undefined : Number(hours) * 60 + Number(minutes);
}

/** 1350 -> `22:30` */
export function timeOf(minute: number): string {
  return [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0')).join(':');
}

export function isTimeZone(name: string): boolean {
  try {
    clockOf(name);
    return true;
  } catch {
    return false;
  }
}

/** Whether a moment lies in them: the first minute does, the last does not. They may go over midnight. */
export function isQuiet({ fromMinute, toMinute, timeZone }: QuietHours, nowMs: number): boolean {
  const [hours = 0, minutes = 0] = clockOf(timeZone).format(nowMs).split(':').map(Number);
  const sinceFrom = (hours * 60 + minutes - fromMinute + DAY_MINUTES) % DAY_MINUTES;
  return sinceFrom < (toMinute - fromMinute + DAY_MINUTES) % DAY_MINUTES;
}

/** @throws RangeError for what is no time zone */
function clockOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
}
