// How flights are divided into commits. Nothing else is committed before all are in, so an offset says how many it holds.

export const FLIGHTS_PER_COMMIT = 5;

/** Flights in the state below an end offset, of `total` in the input: the last commit may be short. */
export function flightsBelow(endOffset: number, total: number): number {
  return Math.min(endOffset * FLIGHTS_PER_COMMIT, total);
}

/** The commits that hold so many flights. */
export function commitsFor(flights: number): number {
  return Math.ceil(flights / FLIGHTS_PER_COMMIT);
}
