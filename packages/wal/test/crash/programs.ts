// Programs by chance: what fast-check makes them of.

import type { FaultManner } from "@tidemark/wal/testing";
import fc from "fast-check";
import type { Program, Step } from "./program.js";

const bytes = fc.oneof(
  { weight: 4, arbitrary: fc.nat(80) },
  { weight: 2, arbitrary: fc.nat(700) },
  { weight: 1, arbitrary: fc.nat(3000) },
);

const append: fc.Arbitrary<Step> = fc.oneof(
  bytes.map((length) => ({ do: "append", bytes: length }) as const),
  bytes.map((length) => ({ do: "append", bytes: length, sync: true }) as const),
  fc
    .tuple(fc.array(bytes, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([lengths, sync]) => ({ do: "batch", bytes: lengths, sync }) as const),
  fc.record({
    do: fc.constant("appenders" as const),
    count: fc.integer({ min: 1, max: 5 }),
    each: fc.integer({ min: 1, max: 4 }),
    bytes,
  }),
);

/** Often about as long as notes and syncs wait. */
const clock: fc.Arbitrary<Step> = fc
  .oneof(fc.nat(60), fc.nat(1000))
  .map((ms) => ({ do: "clock", ms }) as const);

const pause: fc.Arbitrary<Step> = fc.oneof(
  fc.constant({ do: "settle" } as const),
  fc.constant({ do: "sync" } as const),
  fc.integer({ min: 1, max: 6 }).map((count) => ({ do: "turns", count }) as const),
  clock,
);

/** Others on the same machine. */
const beside: fc.Arbitrary<Step> = fc.constantFrom<Step>(
  { do: "reader" },
  { do: "verify" },
  { do: "intruder" },
);

const structure: fc.Arbitrary<Step> = fc.oneof(
  fc.nat(5).map((back) => ({ do: "truncateFrom", back }) as const),
  fc.nat(100).map((percent) => ({ do: "truncateBefore", percent }) as const),
  fc.constant({ do: "reopen" } as const),
);

const crash: fc.Arbitrary<Step> = fc
  .tuple(fc.constantFrom("P0", "P1", "P2", "P3"), fc.nat(1_000_000))
  .map(([profile, seed]) => ({ do: "crash", profile, seed }) as const);

const kill: fc.Arbitrary<Step> = fc.constant({ do: "kill" });

/** Of one that is damaged the program may well be the end: what is kept can be as good as nothing. */
const repair: fc.Arbitrary<Step> = fc.oneof(
  fc.constant<Step>({ do: "repair" }),
  fc.nat(1_000_000).map((damage) => ({ do: "repair", damage }) as const),
);

const MANNERS = {
  write: ["undone", "half", "short", "done"],
  datasync: ["keeps", "reverts", "late"],
  sync: ["keeps", "reverts", "undone", "done"],
  syncDirectory: ["undone", "done"],
  rename: ["undone", "done"],
  create: ["undone"],
  truncate: ["undone", "done"],
  unlink: ["undone"],
} as const satisfies Record<string, readonly FaultManner[]>;

const CALLS = [
  "write",
  "datasync",
  "sync",
  "syncDirectory",
  "rename",
  "create",
  "truncate",
  "unlink",
] as const;

const fault: fc.Arbitrary<Step> = fc.oneof(
  fc.nat(6000).map((room) => ({ do: "space", bytes: room }) as const),
  fc.constantFrom(...CALLS).chain((call) =>
    fc.record({
      do: fc.constant("fail" as const),
      call: fc.constant(call),
      after: fc.nat(5),
      times: fc.integer({ min: 1, max: 2 }),
      code: fc.constantFrom("EIO", "ENOSPC", "EMFILE"),
      manner: fc.constantFrom<FaultManner>(...MANNERS[call]),
    }),
  ),
);

/** A write that fails, and the cut after it too: what is on the disk then nobody knows. */
const failedCut: fc.Arbitrary<Step[]> = fc
  .tuple(fc.constantFrom("done", "half"), fc.constantFrom("sync", "truncate"), bytes, bytes)
  .map(([manner, call, failing, next]) => [
    { do: "settle" },
    { do: "fail", call: "write", times: 1, manner },
    { do: "fail", call, times: 1, manner: call === "sync" ? "keeps" : "undone" },
    { do: "append", bytes: failing, sync: true },
    { do: "reopen" },
    { do: "append", bytes: next + 1000, sync: true },
    { do: "settle" },
  ]);

/** Programs, with calls that fail or without. */
export function programs(faults: boolean): fc.Arbitrary<Program> {
  const one = (arbitrary: fc.Arbitrary<Step>) => arbitrary.map((step) => [step]);
  const steps = fc.oneof(
    { weight: 10, arbitrary: one(append) },
    { weight: 8, arbitrary: one(pause) },
    { weight: 6, arbitrary: one(structure) },
    { weight: 3, arbitrary: one(beside) },
    { weight: 2, arbitrary: one(crash) },
    { weight: 2, arbitrary: one(kill) },
    { weight: 1, arbitrary: one(repair) },
    { weight: faults ? 4 : 0, arbitrary: one(fault) },
    { weight: faults ? 1 : 0, arbitrary: failedCut },
  );
  return fc.record(
    {
      durability: fc.constantFrom("commit", "interval", "os"),
      orderSeed: fc.nat(1_000_000),
      retentionBytes: fc.constant(8000),
      noteAfterMs: fc.constantFrom(5, 40),
      syncIntervalMs: fc.constantFrom(10, 50),
      textLocks: fc.constant(true),
      keep: fc.constantFrom("before", "after"),
      steps: fc.array(steps, { minLength: 2, maxLength: 24 }).map((parts) => parts.flat()),
    },
    { requiredKeys: ["durability", "steps"] },
  );
}
