// The input: flights in the United States in the order of their time of day, from the npm package vega-datasets.
// Invariant: in order of departure, as in the file, so that the index of a flight is a place in the day.

import { readFile } from "node:fs/promises";

export interface Flight {
  /** Minutes; negative for one that was early. */
  readonly delay: number;
  /** Miles. */
  readonly distance: number;
  /** Departure, in hours since midnight: 13.5 is half past one. */
  readonly time: number;
}

const FILE = "../data/flights-200k.json";

/** The first `limit` flights of the file, checked one by one. */
export async function readFlights(limit = Number.POSITIVE_INFINITY): Promise<readonly Flight[]> {
  const file = new URL(FILE, import.meta.resolve("vega-datasets"));
  const flights: unknown = JSON.parse(await readFile(file, "utf8"));
  if (!Array.isArray(flights)) throw new Error(`${file.pathname} holds no array`);
  const wanted: unknown[] = flights.slice(0, limit);
  return wanted.map((flight, index) => {
    if (isFlight(flight)) return flight;
    throw new Error(`${file.pathname}, item ${index}: no flight: ${JSON.stringify(flight)}`);
  });
}

function isFlight(item: unknown): item is Flight {
  const { delay, distance, time } = Object(item) as Record<keyof Flight, unknown>;
  return (
    Number.isSafeInteger(delay) &&
    Number.isSafeInteger(distance) &&
    typeof time === "number" &&
    time >= 0 &&
    time < 24
  );
}
