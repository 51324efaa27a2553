// How the job prints: headings, lines and tables, with colours where the output is a terminal that has them.

const out = process.stdout;
/** A line can be drawn over. */
export const movable = out.isTTY && process.env["TERM"] !== "dumb";
/** Heeds NO_COLOR and FORCE_COLOR. */
const coloured = movable && out.hasColors();

const numbers = new Intl.NumberFormat("en-US");

export function count(value: number): string {
  return numbers.format(value);
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  const mib = size / 1024 ** 2;
  return mib < 1 ? `${(size / 1024).toFixed(1)} KiB` : `${mib.toFixed(1)} MiB`;
}

export function milliseconds(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function heading(text: string): void {
  out.write(`\n${paint(1, text)}\n`);
}

export function line(text: string): void {
  out.write(`  ${text}\n`);
}

export function good(text: string): void {
  line(`${paint(32, "ok")}  ${text}`);
}

/** Rows of cells: the first column to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): void {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => row[i]?.length ?? 0)),
  );
  for (const row of rows) {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    );
    line(cells.join("   ").trimEnd());
  }
}

export function paint(code: number, text: string): string {
  return coloured ? `\x1b[${code}m${text}\x1b[0m` : text;
}
