// Reads the past: the database at two earlier points beside the present, each held against the input.

import type { Database, View } from "@tidemark/kv";
import type { Checks } from "./checks.js";
import { flightsBelow } from "./commits.js";
import { DAY, routePrefix, type Tally } from "./tally.js";
import { count, table } from "./terminal.js";

export interface PastOptions {
  /** Offset of a commit to go back to. */
  readonly offset: number;
  /** ms since the Unix epoch, not before the first commit. */
  readonly time: number;
  /** Flights in the input. */
  readonly total: number;
  readonly signal: AbortSignal;
}

/** The route that is shown, by its miles: the one with the most flights in the input. */
const ROUTE_MILES = 337;

export async function showPast(
  database: Database<Tally>,
  checks: Checks,
  { offset, time, total, signal }: PastOptions,
): Promise<void> {
  const atOffset = await database.at({ offset }, { signal });
  const atTime = await database.at({ time }, { signal });
  const now = database.snapshot();
  table([
    ["", `offset ${count(offset)}`, clock(time), "now"],
    ...columnsToRows([atOffset, atTime, now].map(describe)),
  ]);
  const flights = (view: View<Tally>) => flightsBelow(view.offset + 1, total);
  checks.holdsFlights(`offset ${count(offset)}`, atOffset, flights(atOffset));
  checks.holdsFlights(clock(time), atTime, flights(atTime));
  checks.holdsFlights("the present", now, flights(now));
  await checkTime(database, checks, atTime.offset, time);
}

/** The answer for a time has to be the last commit at or before it. */
async function checkTime(
  database: Database<Tally>,
  checks: Checks,
  offset: number,
  time: number,
): Promise<void> {
  const last = await database.at({ offset });
  checks.atMost(`the commit that ${clock(time)} leads to is not from later`, time, last.time);
  if (offset + 1 === database.endOffset) return;
  const next = await database.at({ offset: offset + 1 });
  checks.atLeast("the commit after it is from later", time + 1, next.time);
}

/** What is shown of a state, each with its name. */
function describe(view: View<Tally>): [name: string, value: string][] {
  const day = view.get(DAY);
  const [lastHour] = view.keys({ prefix: "hour/", reverse: true, limit: 1 });
  let onRoute = 0;
  for (const { flights } of view.values({ prefix: routePrefix(ROUTE_MILES) })) onRoute += flights;
  return [
    ["commit", count(view.offset)],
    ["flights", count(day?.flights ?? 0)],
    ["delayed", day === undefined ? "" : `${((100 * day.delayed) / day.flights).toFixed(1)} %`],
    ["mean delay", day === undefined ? "" : `${(day.minutes / day.flights).toFixed(1)} min`],
    ["longest delay", day === undefined ? "" : `${count(day.worst)} min`],
    ["hour of the last flight", lastHour === undefined ? "" : lastHour.slice("hour/".length)],
    [`flights over ${ROUTE_MILES} miles`, count(onRoute)],
    ["keys", count(view.size)],
  ];
}

function columnsToRows(columns: readonly (readonly [name: string, value: string][])[]): string[][] {
  const names = columns[0]?.map(([name]) => name) ?? [];
  return names.map((name, i) => [name, ...columns.map((column) => column[i]?.[1] ?? "")]);
}

/** A time of today, to the millisecond. */
function clock(time: number): string {
  const date = new Date(time);
  const pad = (value: number, length: number) => String(value).padStart(length, "0");
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const day = [hours, minutes, seconds].map((part) => pad(part, 2)).join(":");
  return `${day}.${pad(date.getMilliseconds(), 3)}`;
}
