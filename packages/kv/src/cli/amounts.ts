// Amounts as people read them.

const grouped = new Intl.NumberFormat("en-US");

/** "1,234". */
export function showNumber(number: number): string {
  return grouped.format(number);
}

/** "1 commit", "1,234 commits"; `many` is the plural. */
export function showCount(count: number, many: string): string {
  const one = many.endsWith("ies") ? `${many.slice(0, -3)}y` : many.replace(/s$/, "");
  return `${showNumber(count)} ${count === 1 ? one : many}`;
}

const UNITS = ["KiB", "MiB", "GiB", "TiB"];

/** "812 bytes", "64.0 MiB". */
export function showBytes(bytes: number): string {
  if (bytes < 1024) return showCount(bytes, "bytes");
  let amount = bytes / 1024;
  let unit = 0;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${amount.toFixed(1)} ${UNITS[unit]}`;
}

/** "40 ms", "12 s", "3 min 20 s", "2 h 5 min". */
export function showDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
