// What did we know on that day? A forecast is written and corrected, and later somebody asks why we acted as we did:
// not what is true now, but what stood in the database at that moment.

import { strict as assert } from "node:assert";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database, type View } from "@tidemark/kv";

interface Forecast {
  readonly millimetres: number;
  readonly from: string;
}

const directory = await mkdtemp(join(tmpdir(), "tidemark-knowledge-"));
// So that days pass while you watch. Without it, commits have the time of the system's clock.
const today = { now: Date.parse("2026-03-01T08:00Z") };
const database = await Database.open<Forecast>(join(directory, "rain"), {
  log: { clock: () => today.now },
});

async function on(time: string, day: string, forecast: Forecast): Promise<void> {
  today.now = Date.parse(time);
  await database.put(day, forecast);
}

await on("2026-03-01T08:00Z", "2026-03-05", { millimetres: 4, from: "outlook" });
await on("2026-03-01T08:05Z", "2026-03-06", { millimetres: 0, from: "outlook" });
await on("2026-03-03T08:00Z", "2026-03-05", { millimetres: 38, from: "model run 7" });
await on("2026-03-05T20:00Z", "2026-03-05", { millimetres: 61, from: "gauge" });

function show(when: string, known: Pick<View<Forecast>, "get">): string {
  const { millimetres = 0, from = "nobody" } = known.get("2026-03-05") ?? {};
  const line = `${when.padEnd(22)} ${millimetres} mm (${from})`;
  console.log(line);
  return line;
}

console.log("rain on 5 March, as known");
const lines: string[] = [];
// The dam was opened on 4 March. Was that late?
for (const day of ["2026-03-02", "2026-03-04"]) {
  using known = await database.at({ time: new Date(`${day}T12:00Z`) });
  lines.push(show(`on ${day}`, known));
}
lines.push(show("now", database));

// And how did we come to know it?
console.log("every forecast for that day");
for await (const version of database.history("2026-03-05")) {
  if (version.deleted) continue;
  const { time, value } = version;
  console.log(`${new Date(time).toISOString().slice(0, 10)}: ${value.millimetres} mm`);
  lines.push(`${value.millimetres}`);
}

assert.deepEqual(lines, [
  "on 2026-03-02          4 mm (outlook)",
  "on 2026-03-04          38 mm (model run 7)",
  "now                    61 mm (gauge)",
  "4",
  "38",
  "61",
]);
await database.close();
await rm(directory, { recursive: true });
