// Who follows, copies or names points of a database, through crashes of it, in small programs. That they see what they
// must is looked at while the program runs, and after each crash.

import { describe, expect, test } from "vitest";
import type { Program, Step } from "./program.js";
import { checkpoint, del, look, on, put, reopen, settle, slowly, sync } from "./verbs.js";

const consumer: Step = { do: "consumer" };
const follower: Step = { do: "follower" };
const refresh: Step = { do: "refresh" };
const backup: Step = { do: "backup" };

/** Commits of every kind. */
const commits: readonly Step[] = [
  put(0, 300),
  { do: "batch", changes: [{ key: 1, bytes: 900, ttl: 300 }, { key: 0 }, { key: 2, bytes: 30 }] },
  { do: "mark", number: 1 },
  { do: "write", change: { key: 2, bytes: 20 }, if: "current" },
  { do: "write", change: { key: 2, bytes: 10 }, if: "other" },
  { do: "write", change: { clear: 1, to: 2 } },
  { do: "mark", number: 1 },
  { do: "write", change: { key: 4, bytes: 40, ttl: 1_000_000_000 } },
];

/** Puts a key that expires after so many ms. */
function putFor(ttl: number, key: number): Step {
  return { do: "write", change: { key, bytes: 5, ttl } };
}

/** A process that is killed, and the next one. */
const killed: Step = { do: "crash", profile: "P0", seed: 3 };
const powerCut: Step = { do: "crash", profile: "P3", seed: 3 };

describe.each(["commit", "os"] as const)("with durability %s", (durability) => {
  test("a consumer takes each durable change once, through kills and openings", async () => {
    const steps = [consumer, ...commits, killed, put(1, 40), powerCut, del(4), reopen, put(3, 9)];
    const program = slowly(durability, ...steps);
    await look(program, { budget: 2, momentsMax: 20 });
  });

  test("a follower shows durable commits alone, each whole, and none that are gone", async () => {
    const each = commits.flatMap((step) => [step, refresh]);
    const steps = [put(3, 9), follower, refresh, ...each, put(1, 40), sync, refresh];
    const program = slowly(durability, ...steps, checkpoint, reopen, del(4), refresh);
    await look(program, { budget: 2, momentsMax: 20 });
  });

  test("a backup is there whole or not at all, and opens with all that its source had", async () => {
    const program = slowly(durability, ...commits, checkpoint, put(3, 3000), backup, put(0, 7));
    const tally = await look(program, { budget: 8, only: on(/^\/copy/) });
    expect(tally.moments).toBeGreaterThan(20);
    await look(atOnceFrom(program), { budget: 4, only: on(/^\/copy/) });
  });
});

/** Nothing is waited for before the backup's end. */
function atOnceFrom(program: Program): Program {
  return { ...program, steps: [...program.steps.filter((step) => step !== settle), settle] };
}

test("marks, versions, expiry and the feed outlive the log that they are from", async () => {
  const forgetful: Program = {
    ...slowly("commit", ...commits, checkpoint, put(3, 3000), checkpoint, put(3, 3000), checkpoint),
    historyBytes: 0,
    segmentBytes: 4096,
  };
  const tally = await look(forgetful, { budget: 6, momentsMax: 60 });
  expect(tally.states).toBeGreaterThan(100);
});

test("what has expired is removed by commits of its own, and nothing else is", async () => {
  const wait = (ms: number): Step => ({ do: "clock", ms });
  const steps = [consumer, ...commits, putFor(300, 5), putFor(380, 6), wait(299), wait(1)];
  const waiting = [wait(50), wait(100), put(5, 8), reopen, putFor(70, 5), wait(69), wait(200)];
  const program: Program = {
    ...slowly("commit", ...steps, ...waiting, powerCut),
    removeAfterMs: 50,
  };
  await look(program, { budget: 4, momentsMax: 40 });
});

test("what is gone back to after its expiry does not come back", async () => {
  const steps: Step[] = [
    consumer,
    putFor(70, 1),
    putFor(700, 2),
    { do: "batch", changes: [{ key: 1 }, { key: 2 }] },
    { do: "clock", ms: 100 },
    { do: "rewind", percent: 50, by: "offset" },
    { do: "snapshot" },
  ];
  await look(slowly("commit", ...steps, reopen), { budget: 4 });
});
