// The comparison as a picture: a panel for each figure, a bar for each system, as long as its median. Colours follow
// the reader's light or dark scheme.

import { amount } from "./goals.js";
import type { Result } from "./results.js";
import { type Figure, LIMIT, TIDEMARK } from "./scenario.js";

/** What a reader wants to know first; all figures where none of these was measured. */
const PICTURED = [
  "log-durable-64",
  "kv-durable-1",
  "kv-durable-64",
  "kv-durable-1000",
  "kv-batch-1000",
  "kv-hit",
  "kv-range",
  "kv-scan",
];

const WIDTH = 860;
const COLUMNS = 2;
const MARGIN = 20;
const GUTTER = 36;
const PANEL_WIDTH = (WIDTH - 2 * MARGIN - GUTTER) / COLUMNS;
const LABEL_WIDTH = 104;
/** Room for the figure behind the longest bar. */
const VALUE_WIDTH = 76;
const BAR_WIDTH_MAX = PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const ROW_HEIGHT = 20;
const BAR_HEIGHT = 13;
const TITLE_HEIGHT = 40;
const PANEL_SPACE = 18;

const STYLE = `
  svg { background: #ffffff; font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
  .title { font-weight: 600; fill: #1f2328; }
  .unit, .label, .value { fill: #59636e; }
  .own { fill: #0a6e5c; } .label.own, .value.own { font-weight: 600; }
  .peer { fill: #b4bcc5; }
  .limit { fill: none; stroke: #8b949e; stroke-dasharray: 3 2; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; }
    .title { fill: #f0f6fc; }
    .unit, .label, .value { fill: #9198a1; }
    .own { fill: #3fc7a8; }
    .peer { fill: #4b535d; }
  }`;

interface Panel {
  readonly figure: Figure;
  readonly rows: readonly Result[];
}

export function drawPicture(figures: readonly Figure[], results: readonly Result[]): string {
  const panels = panelsOf(figures, results);
  const heights = rowsOfPanels(panels).map((row) => Math.max(...row.map(heightOf)));
  let y = MARGIN;
  const drawn = rowsOfPanels(panels).flatMap((row, index) => {
    const top = y;
    y += (heights[index] ?? 0) + PANEL_SPACE;
    return row.map((panel, column) =>
      drawPanel(panel, MARGIN + column * (PANEL_WIDTH + GUTTER), top),
    );
  });
  const height = y - PANEL_SPACE + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Tidemark beside its peers">`,
    `<style>${STYLE}\n</style>`,
    ...drawn,
    "</svg>\n",
  ].join("\n");
}

function panelsOf(figures: readonly Figure[], results: readonly Result[]): Panel[] {
  const all = figures.map((figure) => ({
    figure,
    rows: results
      .filter(({ scenario }) => scenario === figure.name)
      .sort((a, b) => (figure.better === "higher" ? b.median - a.median : a.median - b.median)),
  }));
  const measured = all.filter(({ rows }) => rows.length > 0);
  const pictured = measured.filter(({ figure }) => PICTURED.includes(figure.name));
  return pictured.length > 0 ? pictured : measured;
}

function rowsOfPanels(panels: readonly Panel[]): Panel[][] {
  const count = Math.ceil(panels.length / COLUMNS);
  return Array.from({ length: count }, (_, row) =>
    panels.slice(row * COLUMNS, (row + 1) * COLUMNS),
  );
}

function heightOf({ rows }: Panel): number {
  return TITLE_HEIGHT + rows.length * ROW_HEIGHT;
}

function drawPanel({ figure, rows }: Panel, x: number, y: number): string {
  const longest = Math.max(...rows.map(({ median }) => median));
  const hint = figure.better === "higher" ? "longer is better" : "shorter is better";
  const bars = rows.map((row, index) =>
    drawRow(row, longest, y + TITLE_HEIGHT + index * ROW_HEIGHT),
  );
  return [
    `<g transform="translate(${x} 0)">`,
    `<text class="title" y="${y + 12}">${escaped(figure.title)}</text>`,
    `<text class="unit" y="${y + 28}">${escaped(figure.unit)}, ${hint}</text>`,
    ...bars,
    "</g>",
  ].join("\n");
}

function drawRow({ system, median }: Result, longest: number, y: number): string {
  const kind = kindOf(system);
  const length = Math.max(1, (median / longest) * BAR_WIDTH_MAX);
  const [baseline, strong] = [y + BAR_HEIGHT - 3, kind === "own" ? " own" : ""];
  return [
    `<text class="label${strong}" x="${LABEL_WIDTH - 8}" y="${baseline}" text-anchor="end">${escaped(system)}</text>`,
    `<rect class="${kind}" x="${LABEL_WIDTH}" y="${y}" width="${length.toFixed(1)}" height="${BAR_HEIGHT}" rx="2"/>`,
    `<text class="value${strong}" x="${(LABEL_WIDTH + length + 6).toFixed(1)}" y="${baseline}">${amount(median)}</text>`,
  ].join("\n");
}

function kindOf(system: string): "own" | "limit" | "peer" {
  if (system === TIDEMARK) return "own";
  return system.startsWith(LIMIT) ? "limit" : "peer";
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
