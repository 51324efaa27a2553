// What all rounds came to, as it is written to a file.

import type { Figure, Measured, Scenario } from "./scenario.js";
import { median } from "./statistics.js";

export interface Result {
  readonly scenario: string;
  readonly system: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

/** A scenario's rounds by system, and who could not take part. */
export interface Rounds {
  readonly scenario: Scenario;
  readonly measured: ReadonlyMap<string, readonly Measured[]>;
  readonly missing: ReadonlyMap<string, string>;
}

/** One result for each figure and system. */
export function resultsOf({ scenario, measured }: Rounds): Result[] {
  return scenario.figures.flatMap((figure) =>
    Array.from(measured).flatMap(([system, rounds]) => summarize(figure, system, rounds)),
  );
}

function summarize(figure: Figure, system: string, rounds: readonly Measured[]): Result[] {
  const values = rounds.flatMap(({ [figure.key]: value }) => (value === undefined ? [] : [value]));
  if (values.length === 0) return [];
  const { name: scenario, unit, better } = figure;
  const [min, max] = [Math.min(...values), Math.max(...values)];
  return [
    { scenario, system, unit, better, median: median(values), min, max, rounds: values.length },
  ];
}
