// Facts about one thing: a line each, its name before it.

import type { Run } from "./run.js";

export type Fact = readonly [name: string, value: string | undefined];

/** Prints those that have a value, one below the other. */
export async function printFacts(run: Run, facts: readonly Fact[]): Promise<void> {
  const known = facts.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  const width = Math.max(...known.map(({ name }) => name.length)) + 2;
  for (const { name, value } of known) {
    await run.out.line(run.style("dim", name.padEnd(width)) + value);
  }
}
