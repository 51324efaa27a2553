// The examples that show one thing each.

import { expect, test } from "vitest";
import { runExample } from "./running.js";

test("embedding shows the present and the past", async () => {
  const { exit, output, errors, left } = await runExample("embedding");
  expect(output).toBe("now:  { apples: 3, pears: 8 }\nthen: { apples: 5 }\n");
  expect({ exit, errors, left }).toEqual({ exit: 0, errors: "", left: [] });
});

test("undo takes back three actions and redo gives two of them again", async () => {
  const { exit, output, errors, left } = await runExample("undo");
  const steps = output.split("\n").map((line) => line.split(/ {2,}/));
  const emptied = "{}";
  const forTheBeach = '{"passport":1,"sandals":1,"shirts":2}';
  const forAWeek = '{"passport":1,"shirts":4,"socks":8}';
  const before = '{"passport":1}';
  expect(steps.slice(0, 8)).toEqual([
    ["packed for a week", forAWeek],
    ["packed for the beach", forTheBeach],
    ["emptied by mistake", emptied],
    ["undo", forTheBeach],
    ["undo", forAWeek],
    ["undo", before],
    ["redo", forAWeek],
    ["redo", forTheBeach],
  ]);
  expect({ exit, errors, left }).toEqual({ exit: 0, errors: "", left: [] });
});

test("audit tells each change once, though it stopped in between", async () => {
  const { exit, output, errors, left } = await runExample("audit");
  const lines = output.trimEnd().split("\n");
  expect(lines).toContain("1 Ben: coffee 2.8 -> 3.1");
  expect(lines.at(-1)).toBe("2 commits taken in, then 2 more; and now 0");
  expect({ exit, errors, left, count: lines.length }).toEqual({
    exit: 0,
    errors: "",
    left: [],
    count: 7,
  });
});

test("knowledge shows what stood there on a day, and now", async () => {
  const { exit, output, errors, left } = await runExample("knowledge");
  expect(output).toContain("on 2026-03-02          4 mm (outlook)");
  expect(output).toContain("on 2026-03-04          38 mm (model run 7)");
  expect(output).toContain("now                    61 mm (gauge)");
  expect({ exit, errors, left }).toEqual({ exit: 0, errors: "", left: [] });
});

test("metrics serve what was committed as text for Prometheus", async () => {
  const { exit, output, errors, left } = await runExample("metrics");
  expect({ exit, errors, left }).toEqual({ exit: 0, errors: "", left: [] });
  const lines = output.trimEnd().split("\n");
  for (const line of [
    "tidemark_records_total 50",
    "tidemark_checkpoints_total 1",
    "tidemark_entries 50",
  ]) {
    expect(lines).toContain(line);
  }
  const counts = [...output.matchAll(/_bucket\{.*\} (\d+)$/gm)].map(([, count]) => Number(count));
  expect(counts).toEqual([...counts].sort((a, b) => a - b));
  expect(lines).toContain(`tidemark_commit_duration_seconds_count ${counts.at(-1)}`);
  expect(lines.filter((line) => !/^(# TYPE )?[a-z_]+(\{le=".+"\})? [\w.e-]+$/.test(line))).toEqual(
    [],
  );
});

test("bank keeps its money through every crash, and one that takes two commits for a transfer is caught", async () => {
  const { exit, output, errors } = await runExample("bank");
  const [states = 0, moments = 0] = numbersIn(output);
  expect(states).toBeGreaterThan(500);
  expect(moments).toBeGreaterThan(20);
  expect({ exit, errors }).toEqual({ exit: 0, errors: "" });
  const careless = await runExample("bank", ["--careless"]);
  expect(careless.output).toBe("caught: there are 120 in the bank, and 150 were paid in\n");
  expect(careless.exit).toBe(1);
});

test("queue loses no acknowledged job through a crash and drops what is done", async () => {
  const { exit, output, errors, left } = await runExample("queue");
  expect({ exit, errors, left }).toEqual({ exit: 0, errors: "", left: [] });
  const [killed, opened, trimmed, counted] = output.split("\n").map(numbersIn);
  const [finished = 0, enqueued = 0] = killed ?? [];
  expect(finished).toBeGreaterThanOrEqual(40);
  // What was acknowledged but not heard of may be done, or be there, too; three workers had a job each.
  const [unfinished = 0] = opened ?? [];
  expect(unfinished).toBeGreaterThanOrEqual(enqueued - finished - 3);
  const [records = 0, kept = 0] = trimmed ?? [];
  expect(kept).toBeGreaterThan(0);
  expect(kept).toBeLessThan(records);
  const [labels = 0, twice = 0, lost] = counted ?? [];
  expect(labels).toBeGreaterThanOrEqual(enqueued);
  expect(twice).toBeLessThanOrEqual(3);
  expect(lost).toBe(0);
});

function numbersIn(line: string): number[] {
  return [...line.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}
