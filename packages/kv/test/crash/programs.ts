// Programs by chance: what fast-check makes them of.

import type { FaultManner } from "@tidemark/wal/testing";
import fc from "fast-check";
import type { Change, Place, Program, Step } from "./program.js";

const bytes = fc.oneof(
  { weight: 4, arbitrary: fc.nat(80) },
  { weight: 2, arbitrary: fc.nat(700) },
  { weight: 1, arbitrary: fc.nat(3000) },
);

/** Over before the program is, or never. */
const ttl = fc.oneof(fc.integer({ min: 1, max: 1500 }), fc.constant(1_000_000_000));

/** Few keys, so that they are written over and deleted. */
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ key: fc.nat(5), bytes }, { requiredKeys: ["key"] }) },
  { weight: 2, arbitrary: fc.record({ key: fc.nat(5), bytes, ttl }) },
  { weight: 1, arbitrary: fc.record({ clear: fc.nat(5), to: fc.nat(6) }) },
);

const changes = fc.array(change, { maxLength: 5 });

const write: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("write" as const), change }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("write" as const), change, sync: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      change,
      if: fc.constantFrom("current" as const, "absent" as const, "other" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("mark" as const), number: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("batch" as const), changes, sync: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("transaction" as const),
      changes,
      sync: fc.boolean(),
      throws: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    }),
  },
);

const pause: fc.Arbitrary<Step> = fc.oneof(
  fc.constant({ do: "settle" } as const),
  fc.constant({ do: "sync" } as const),
  fc.integer({ min: 1, max: 6 }).map((count) => ({ do: "turns", count }) as const),
  fc.nat(1000).map((ms) => ({ do: "clock", ms }) as const),
);

/** The newest is not durable yet, or has just become so. */
const percent = fc.oneof(fc.constant(100), fc.nat(100));

const by = fc.constantFrom("offset" as const, "time" as const, "mark" as const);

const look: fc.Arbitrary<Step> = fc.oneof(
  fc.constant({ do: "snapshot" } as const),
  fc.constant({ do: "reader" } as const),
  fc.constant({ do: "verify" } as const),
  fc.record({
    do: fc.constant("at" as const),
    percent,
    by,
  }),
);

const rewind: fc.Arbitrary<Step> = fc.record({ do: fc.constant("rewind" as const), percent, by });

const restore: fc.Arbitrary<Step> = fc.record(
  {
    do: fc.constant("restore" as const),
    percent,
    by: fc.oneof(fc.constant("beside" as const), by),
    goOn: fc.boolean(),
    killAfter: fc.nat(60),
  },
  { requiredKeys: ["do", "percent", "by"] },
);

const backup: fc.Arbitrary<Step> = fc.record(
  { do: fc.constant("backup" as const), goOn: fc.boolean() },
  { requiredKeys: ["do"] },
);

const following: fc.Arbitrary<Step> = fc.constantFrom(
  { do: "consumer" } as const,
  { do: "follower" } as const,
  { do: "refresh" } as const,
  { do: "refresh" } as const,
);

const reopen: fc.Arbitrary<Step> = fc.record(
  { do: fc.constant("reopen" as const), repair: fc.boolean() },
  { requiredKeys: ["do"] },
);

const crash: fc.Arbitrary<Step> = fc.record(
  {
    do: fc.constant("crash" as const),
    profile: fc.constantFrom("P0", "P1", "P2", "P3"),
    seed: fc.nat(1_000_000),
    restore: percent,
  },
  { requiredKeys: ["do", "profile", "seed"] },
);

const MANNERS = {
  write: ["undone", "half", "short", "done"],
  datasync: ["keeps", "reverts", "late"],
  sync: ["keeps", "reverts", "undone", "done"],
  syncDirectory: ["undone", "done"],
  rename: ["undone", "done"],
  create: ["undone"],
  mkdir: ["undone", "done"],
  truncate: ["undone", "done"],
  unlink: ["undone"],
  open: ["undone"],
  list: ["undone"],
  read: ["undone"],
} as const satisfies Record<string, readonly FaultManner[]>;

const CALLS = [
  "write",
  "datasync",
  "sync",
  "syncDirectory",
  "rename",
  "create",
  "mkdir",
  "truncate",
  "unlink",
  "open",
  "list",
  "read",
] as const satisfies (keyof typeof MANNERS)[];

const fault: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.nat(9000).map((room) => ({ do: "space", bytes: room }) as const) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...CALLS).chain((call) =>
      fc.record({
        do: fc.constant("fail" as const),
        call: fc.constant(call),
        place: fc.constantFrom<Place>("anywhere", "log", "snapshots", "copies", "root"),
        after: fc.nat(5),
        times: fc.integer({ min: 1, max: 2 }),
        code: fc.constantFrom("EIO", "ENOSPC", "EMFILE"),
        manner: fc.constantFrom<FaultManner>(...MANNERS[call]),
      }),
    ),
  },
);

/** A group whose write fails with others waiting behind it, while the database is read and written on. */
const rejection: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.constantFrom("half", "undone", "done"),
    fc.array(write, { minLength: 2, maxLength: 5 }),
    write,
  )
  .map(([manner, failing, next]) => [
    { do: "fail", place: "log", call: "write", times: 1, manner },
    ...failing,
    { do: "settle" },
    next,
  ]);

/** Programs, with calls that fail or without. */
export function programs(faults: boolean): fc.Arbitrary<Program> {
  const one = (arbitrary: fc.Arbitrary<Step>) => arbitrary.map((step) => [step]);
  const steps = fc.oneof(
    { weight: 12, arbitrary: one(write) },
    { weight: 7, arbitrary: one(pause) },
    { weight: 5, arbitrary: one(look) },
    { weight: 3, arbitrary: fc.constant<Step[]>([{ do: "checkpoint" }]) },
    { weight: 2, arbitrary: one(restore) },
    { weight: 2, arbitrary: one(rewind) },
    { weight: 1, arbitrary: one(backup) },
    { weight: 4, arbitrary: one(following) },
    { weight: 1, arbitrary: one(reopen) },
    { weight: 2, arbitrary: one(crash) },
    { weight: faults ? 4 : 0, arbitrary: one(fault) },
    { weight: faults ? 1 : 0, arbitrary: rejection },
  );
  return fc.record(
    {
      durability: fc.constantFrom("commit", "interval", "os"),
      orderSeed: fc.nat(1_000_000),
      checkpointBytes: fc.integer({ min: 200, max: 6000 }),
      historyBytes: fc.nat(12_000),
      removeAfterMs: fc.integer({ min: 1, max: 500 }),
      steps: fc.array(steps, { minLength: 2, maxLength: 24 }).map((parts) => parts.flat()),
    },
    { requiredKeys: ["durability", "steps"] },
  );
}
