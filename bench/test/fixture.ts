// Figures and results that tests put together.

import type { Result } from "../src/results.js";
import type { Figure, Goal } from "../src/scenario.js";

export function figure(better: "higher" | "lower", goals: readonly Goal[]): Figure {
  return { key: "f", name: "a-figure", title: "A figure", unit: "µs", better, goals };
}

/** Results of `figure`, each of three rounds with the middle one given. */
export function results(better: "higher" | "lower", medians: Record<string, number>): Result[] {
  return Object.entries(medians).map(([system, median]) => ({
    scenario: "a-figure",
    system,
    unit: "µs",
    better,
    median,
    min: median / 2,
    max: median * 2,
    rounds: 3,
  }));
}
