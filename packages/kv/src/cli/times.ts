// Times on the command line and in what it prints. Read without a zone, a time is local; what is printed always
// has its zone.

/** ms since the Unix epoch, so many that nothing shorter is taken for it. */
const EPOCH_MS = /^\d{11,16}$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const DATE_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,3})?)?(Z|[+-]\d\d:?\d\d)?$/i;

/** ms since the Unix epoch; undefined for what is no time. */
export function parseTime(text: string): number | undefined {
  if (EPOCH_MS.test(text)) return safe(Number(text));
  // What has no time of day is midnight there, as what has one is local.
  if (DATE.test(text)) return parseDateTime(`${text}T00:00`);
  return DATE_TIME.test(text) ? parseDateTime(text) : undefined;
}

function parseDateTime(text: string): number | undefined {
  const iso = text.toUpperCase().replace(" ", "T").replace(",", ".");
  const ms = Date.parse(iso.replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));
  if (Number.isNaN(ms) || !isCalendarDay(iso)) return undefined;
  return safe(ms);
}

/** Date.parse takes the 31st of a month of 30 days for the first of the next. */
function isCalendarDay(iso: string): boolean {
  const [year = 0, month = 0, day = 0] = iso.slice(0, 10).split("-").map(Number);
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function safe(ms: number): number | undefined {
  return Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined;
}

const DATE_MS_MAX = 8.64e15;

/** "2026-01-31T10:00:00.000+01:00", local, with Z for an offset of nothing. */
export function showTime(ms: number): string {
  if (Math.abs(ms) > DATE_MS_MAX) return `${ms} ms`;
  const date = new Date(ms);
  const minutes = -date.getTimezoneOffset();
  const local = new Date(ms + minutes * 60_000);
  if (Number.isNaN(local.getTime())) return date.toISOString();
  return local.toISOString().slice(0, -1) + showZone(minutes);
}

function showZone(minutes: number): string {
  if (minutes === 0) return "Z";
  const pad = (number: number) => String(Math.floor(number)).padStart(2, "0");
  const apart = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${pad(apart / 60)}:${pad(apart % 60)}`;
}
