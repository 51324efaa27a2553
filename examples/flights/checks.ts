// Holds what the database says against the input: each check that passes is printed and counted, the first that
// does not ends the job.

import { inspect, isDeepStrictEqual } from "node:util";
import type { Flight } from "./input.js";
import { recompute, type Tally } from "./tally.js";
import { count, good } from "./terminal.js";

/** The database does not hold what it has to. */
export class Mismatch extends Error {
  override readonly name = "Mismatch";
  readonly expected: string;
  readonly found: string;

  constructor(statement: string, expected: unknown, found: unknown) {
    super(`it does not hold that ${statement}`);
    this.expected = show(expected);
    this.found = show(found);
  }
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  return typeof value === "string"
    ? value
    : inspect(value, { breakLength: Number.POSITIVE_INFINITY });
}

/** What a database and a view of it have in common. */
interface State {
  entries(): Iterable<[key: string, tally: Tally]>;
}

export class Checks {
  readonly #flights: readonly Flight[];
  #passed = 0;
  #entries = 0;

  constructor(flights: readonly Flight[]) {
    this.#flights = flights;
  }

  /** Checks that have passed. */
  get passed(): number {
    return this.#passed;
  }

  /** Entries that were compared in them. */
  get entries(): number {
    return this.#entries;
  }

  equal(statement: string, expected: unknown, found: unknown): void {
    if (!isDeepStrictEqual(found, expected)) throw new Mismatch(statement, expected, found);
    this.#pass(statement);
  }

  atLeast(statement: string, least: number, found: number): void {
    if (!(found >= least)) throw new Mismatch(statement, `${least} or more`, found);
    this.#pass(statement);
  }

  atMost(statement: string, most: number, found: number): void {
    if (!(found <= most)) throw new Mismatch(statement, `${most} or less`, found);
    this.#pass(statement);
  }

  /** That a state is the one after the first flights: the same keys in the same order, with the same tallies. */
  holdsFlights(name: string, state: State, flights: number): void {
    const statement = `${name} holds the first ${count(flights)} flights`;
    const expected = [...recompute(this.#flights, flights)].sort(([a], [b]) => (a < b ? -1 : 1));
    let compared = 0;
    for (const [key, tally] of state.entries()) {
      const [wantedKey, wanted] = expected[compared] ?? [];
      if (key !== wantedKey || !isDeepStrictEqual(tally, wanted)) {
        throw new Mismatch(statement, entry(wantedKey, wanted), entry(key, tally));
      }
      compared += 1;
    }
    const [missing, tally] = expected[compared] ?? [];
    if (missing !== undefined)
      throw new Mismatch(statement, entry(missing, tally), "no more entries");
    this.#entries += compared;
    this.#pass(`${statement} (${count(compared)} entries)`);
  }

  #pass(statement: string): void {
    this.#passed += 1;
    good(statement);
  }
}

function entry(key: string | undefined, tally: Tally | undefined): string {
  return key === undefined ? "no more entries" : `${key} = ${show(tally)}`;
}
