// Whether Tidemark reached what it has to.

import type { Result } from "./results.js";
import { type Figure, type Goal, TIDEMARK } from "./scenario.js";

export interface Verdict {
  /** What had to be reached, in words. */
  readonly goal: string;
  /** What was reached, in the same terms. */
  readonly actual: string;
  readonly reached: boolean;
}

/** Verdicts on those goals of a figure whose systems took part. */
export function judge(figure: Figure, results: readonly Result[]): Verdict[] {
  const medians = new Map(
    results.filter(({ scenario }) => scenario === figure.name).map((r) => [r.system, r.median]),
  );
  const own = medians.get(TIDEMARK);
  if (own === undefined) return [];
  return figure.goals.flatMap((goal) => judgeOne(figure, goal, own, medians));
}

function judgeOne(
  figure: Figure,
  goal: Goal,
  own: number,
  medians: ReadonlyMap<string, number>,
): Verdict[] {
  if ("bound" in goal) return [judgeBound(figure, goal.bound, own)];
  const against = "best" in goal ? bestOf(figure, goal.best, medians) : goal.against;
  const other = against === undefined ? undefined : medians.get(against);
  if (other === undefined) return [];
  const ratio = advantage(figure, own, other);
  return [
    {
      goal: `${times(goal.ratio)} ${against}`,
      actual: times(ratio),
      reached: ratio >= goal.ratio,
    },
  ];
}

function judgeBound({ better, unit }: Figure, bound: number, own: number): Verdict {
  const text = `${better === "higher" ? "at least" : "at most"} ${amount(bound)} ${unit}`;
  const reached = better === "higher" ? own >= bound : own <= bound;
  return { goal: text, actual: amount(own), reached };
}

/** How many times as good the first is. */
export function advantage({ better }: Pick<Figure, "better">, own: number, other: number): number {
  return better === "higher" ? own / other : other / own;
}

function bestOf(
  { better }: Figure,
  systems: readonly string[],
  medians: ReadonlyMap<string, number>,
): string | undefined {
  const present = systems.filter((system) => medians.has(system));
  const of = (system: string) => medians.get(system) ?? Number.NaN;
  return present.sort((a, b) => (better === "higher" ? of(b) - of(a) : of(a) - of(b)))[0];
}

export function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 1)} ×`;
}

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Three digits or more, as people write them. */
export function amount(value: number): string {
  return Math.abs(value) >= 100 ? whole.format(value) : value.toPrecision(3);
}
