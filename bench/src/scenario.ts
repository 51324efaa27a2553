// What is measured: a scenario puts systems to the same task, and says what Tidemark has to reach beside them.

/** Where a measurement happens: a directory of its own, and how much it may take. */
export interface Place {
  readonly directory: string;
  /** Less of everything, to see that it works; the figures mean little. */
  readonly quick: boolean;
}

/** What was measured, by the names of the scenario's figures. */
export type Measured = Readonly<Record<string, number>>;

/** One of those that are put to the task. Each call is made in a process of its own. */
export interface System {
  /** Fills the directory, once; all rounds then measure on it. Without it each round gets an empty one. */
  prepare?(place: Place): Promise<void>;
  /** Throws where it turns out that the system does not hold what was written. */
  measure(place: Place): Promise<Measured>;
  /** Why it cannot take part on this machine, with files in this directory; undefined if it can. */
  missing?(directory: string): string | undefined;
}

/** What Tidemark's median has to reach. */
export type Goal =
  /** At least `ratio` times as good as another system, or as the best of the peers. */
  | { readonly ratio: number; readonly against: string }
  | { readonly ratio: number; readonly best: readonly string[] }
  /** At least, or where lower is better at most, this. */
  | { readonly bound: number };

export interface Figure {
  /** Its place in what `measure` returns. */
  readonly key: string;
  /** `scenario` in the results. */
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  readonly goals: readonly Goal[];
}

export interface Scenario {
  /** As `--only` takes it. */
  readonly name: string;
  /** For what is long and hardly varies. */
  readonly roundsMax?: number;
  /** By their names; `TIDEMARK` is the one that the goals are for. */
  readonly systems: Readonly<Record<string, System>>;
  readonly figures: readonly Figure[];
}

export const TIDEMARK = "Tidemark";
export const LIMIT = "limit";

/** ms to measure, and to warm up before. */
export function duration(place: Place): { warmMs: number; measureMs: number } {
  return place.quick ? { warmMs: 100, measureMs: 250 } : { warmMs: 500, measureMs: 2000 };
}

/** Fails the measurement: a system that is fast and loses writes is not compared. */
export function verify(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not what was written: ${what}`);
}

/** A goal beside a system that a scenario does not have would quietly be none. */
export function checkGoals({ name, systems, figures }: Scenario): void {
  for (const goal of figures.flatMap(({ goals }) => goals)) {
    const named = "bound" in goal ? [] : "best" in goal ? goal.best : [goal.against];
    for (const system of [TIDEMARK, ...named]) {
      if (systems[system] === undefined) throw new Error(`${name} has no ${system}`);
    }
  }
}
