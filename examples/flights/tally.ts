// What the database keeps: a running tally per key, and which keys a flight counts for.
//
//   day               the whole day; its count of flights is also the place in the input
//   hour/13           flights that left from 13:00 to 13:59
//   route/0337/13     of these, the ones over 337 miles
//
// The input names no airports. What comes nearest to a route is the distance, which is the same each time
// between the same two airports: so it takes the route's place. The day's key changes with every commit, an
// hour's thousands of times and then never again, a route's now and then: three ways for a past to differ.

import type { Flight } from "./input.js";

export interface Tally {
  readonly flights: number;
  /** Of these, the ones that were late by `DELAYED_MINUTES` or more. */
  readonly delayed: number;
  /** Sum of the delays in minutes; early flights take away from it. */
  readonly minutes: number;
  /** The longest delay in minutes. */
  readonly worst: number;
}

export const DAY = "day";

/** The carriers' own measure of a late flight. */
const DELAYED_MINUTES = 15;

export function keysOf({ distance, time }: Flight): string[] {
  const hour = String(Math.floor(time)).padStart(2, "0");
  return [DAY, `hour/${hour}`, `${routePrefix(distance)}${hour}`];
}

/** Prefix of a route's keys, one for each hour. */
export function routePrefix(miles: number): string {
  return `route/${String(miles).padStart(4, "0")}/`;
}

/** The tally with one more flight; of that flight alone if there was none. */
export function add(tally: Tally | undefined, { delay }: Flight): Tally {
  const delayed = delay >= DELAYED_MINUTES ? 1 : 0;
  if (tally === undefined) return { flights: 1, delayed, minutes: delay, worst: delay };
  return {
    flights: tally.flights + 1,
    delayed: tally.delayed + delayed,
    minutes: tally.minutes + delay,
    worst: Math.max(tally.worst, delay),
  };
}

/** What a database has to hold after the first `count` flights, found without one. */
export function recompute(flights: readonly Flight[], count: number): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  for (const flight of flights.slice(0, count)) {
    for (const key of keysOf(flight)) tallies.set(key, add(tallies.get(key), flight));
  }
  return tallies;
}
