// Results as text: for each figure what each system reached and how far Tidemark is from its goals; and all of it as a
// page in Markdown.

import { advantage, amount, judge, times } from "./goals.js";
import type { Result } from "./results.js";
import { type Figure, TIDEMARK } from "./scenario.js";

/** The lines of one figure. `missing` says who could not take part, and why. */
export function figureLines(
  figure: Figure,
  results: readonly Result[],
  missing: ReadonlyMap<string, string>,
): string[] {
  const own = results.filter(({ scenario }) => scenario === figure.name);
  const tidemark = own.find(({ system }) => system === TIDEMARK);
  const lines = own.map((result) => systemLine(figure, result, tidemark));
  for (const [system, reason] of missing) lines.push(`  ${system.padEnd(24)} ${reason}`);
  for (const { goal, actual, reached } of judge(figure, results)) {
    lines.push(`  ${reached ? "reached" : "MISSED "}  ${goal}: ${actual}`);
  }
  return [
    `${figure.title} (${figure.unit}, ${figure.better} is better)  [${figure.name}]`,
    ...lines,
  ];
}

function systemLine(figure: Figure, result: Result, tidemark: Result | undefined): string {
  const { system, median, min, max, rounds } = result;
  const spread = rounds > 1 ? `${amount(min)} to ${amount(max)}` : "";
  const ratio =
    tidemark === undefined || system === TIDEMARK
      ? ""
      : `Tidemark is ${times(advantage(figure, tidemark.median, median))}`;
  return `  ${system.padEnd(24)} ${amount(median).padStart(12)}   ${spread.padEnd(26)} ${ratio}`.trimEnd();
}

/** A page with one row for each figure: Tidemark with its spread, the medians of the others, the goals. */
export function figuresPage(
  machine: readonly string[],
  figures: readonly Figure[],
  results: readonly Result[],
): string {
  const rounds = Math.max(0, ...results.map((result) => result.rounds));
  return [
    "# Figures of one run",
    "",
    `Written by \`npm run bench -- --markdown FILE\`; what is done is in [performance.md](performance.md). Medians of ${rounds} rounds at the most. Goals that were missed are in bold.`,
    "",
    ...machine.map((line) => `- ${line}`),
    "",
    "| what | Tidemark | others | to reach: reached |",
    "|---|---|---|---|",
    ...figures.flatMap((figure) => figureRow(figure, results)),
    "",
  ].join("\n");
}

function figureRow(figure: Figure, results: readonly Result[]): string[] {
  const own = results.filter(({ scenario }) => scenario === figure.name);
  const tidemark = own.find(({ system }) => system === TIDEMARK);
  if (tidemark === undefined) return [];
  const others = own
    .filter(({ system }) => system !== TIDEMARK)
    .map(({ system, median }) => `${system} ${amount(median)}`);
  const verdicts = judge(figure, results).map(
    ({ goal, actual, reached }) => `${goal}: ${reached ? actual : `**${actual}**`}`,
  );
  const { median, min, max, rounds } = tidemark;
  const spread = rounds > 1 ? ` (${amount(min)} to ${amount(max)})` : "";
  const cells = [
    `${figure.title}, ${figure.unit}`,
    `${amount(median)}${spread}`,
    others.join(" · "),
    verdicts.join(" · "),
  ];
  return [`| ${cells.join(" | ")} |`];
}
