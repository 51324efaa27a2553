// The lines of the list of faults that are about the database's own files and its agreement with the log: each a
// small program, and all or many of the disks that a crash of it can leave. Restores are in restores.test.ts.

import { describe, expect, test } from "vitest";
import type { Effort } from "./explore.js";
import type { Change, Program, Step } from "./program.js";
import {
  ALL_STATES,
  atOnce,
  checkpoint,
  del,
  look,
  on,
  POWER,
  put,
  reopen,
  settle,
  slowly,
  sync,
} from "./verbs.js";

const SNAPSHOTS = /\/snapshots(\/|$)/;

const checkpointing = slowly(
  "commit",
  put(0, 300),
  put(1, 40),
  { do: "batch", changes: [{ key: 1 }, { key: 2, bytes: 700 }] },
  checkpoint,
  put(3, 2500),
  del(0),
  checkpoint,
  put(3, 10),
);

describe("fault 34: a crash at any step of writing a snapshot file", () => {
  test("leaves every commit, and no half a file", async () => {
    const tally = await look(checkpointing, { budget: 200, only: on(SNAPSHOTS) });
    expect(tally.states).toBeGreaterThan(500);
  });

  test("of more than one write does neither", async () => {
    const changes = Array.from({ length: 40 }, (_, key): Change => ({ key, bytes: 30_000 + key }));
    const large: Program = {
      ...slowly("commit", { do: "batch", changes }, checkpoint, del(7), checkpoint),
      segmentBytes: 4 * 1024 * 1024,
    };
    await look(large, { profiles: ["P0", "P2", "P3"], budget: 8, only: on(SNAPSHOTS) });
  });

  test.each([1, 2, 3])("with commits going on meanwhile does neither (order %i)", async (seed) => {
    await look(atOnce(checkpointing, seed), { budget: 30 });
  });
});

const RENAMED = /\/snapshots\/\d{20}\.snapshot$/;

describe("fault 35: a crash right before or after the rename of a snapshot file", () => {
  test("leaves the old files or the new one too, whatever else arrived", async () => {
    const program = slowly("interval", ...checkpointing.steps.filter((step) => step !== settle));
    const tally = await look(program, { ...ALL_STATES, profiles: POWER, only: on(RENAMED) });
    expect(tally.states).toBeGreaterThan(2);
  });

  test.each(["undone", "done"] as const)("that fails (%s) does so too", async (manner) => {
    const fault: Step = { do: "fail", place: "snapshots", call: "rename", times: 1, manner };
    await look(slowly("commit", put(0, 300), fault, checkpoint, put(1, 20), checkpoint), {});
  });
});

describe("fault 36: between a rename and the sync of its directory", () => {
  const program = slowly(
    "commit",
    put(0, 300),
    checkpoint,
    put(1, 50),
    { do: "restore", percent: 100, by: "offset", goOn: true },
    put(2, 60),
    checkpoint,
  );

  test("either name is good, of a snapshot file, of DATABASE and of a copy", async () => {
    const only: Effort["only"] = ({ call }) => call?.call === "syncDirectory";
    await look(program, { ...ALL_STATES, profiles: ["P1", "P2"], deepOneIn: 1000, only });
    await look(program, { budget: 20, profiles: ["P3"], only });
  });

  test("a kill there leaves a snapshot file that the next checkpoint makes durable, or another", async () => {
    const only: Effort["only"] = ({ call }) =>
      call?.call === "syncDirectory" && SNAPSHOTS.test(call.path);
    for (let bytes = 1; bytes <= 8; bytes++) {
      const again = { ...checkpointing, steps: [put(4, bytes), settle, ...checkpointing.steps] };
      await look(again, { profiles: ["P0"], deepOneIn: 1, only });
    }
  });

  test("and where that sync fails, what was renamed is not reported, nor ever half there", async () => {
    for (const place of ["snapshots", "copies", "anywhere"] as const) {
      for (const after of [0, 1, 2]) {
        const fault: Step = { do: "fail", place, call: "syncDirectory", after, times: 1 };
        const [first = settle, ...rest] = program.steps;
        const failing = { ...program, steps: [first, fault, ...rest] };
        await look(failing, { budget: 5, momentsMax: 25 });
      }
    }
  });
});

describe("fault 37: what a snapshot file is needed for is there as long as it is", () => {
  const copied = slowly(
    "commit",
    put(0, 300),
    put(1, 40),
    { do: "restore", percent: 100, by: "offset", goOn: true },
    put(2, 50),
    checkpoint,
    del(0),
    checkpoint,
    put(3, 30),
  );

  test("a log that does not begin at the first commit never is without the one before it", async () => {
    await look(copied, { budget: 30, only: on(/^\/copy/) });
  });

  const forgetting: Program = {
    ...slowly(
      "commit",
      ...[put(0, 2500), put(1, 2500), checkpoint, put(0, 2500), del(1), put(2, 2500), checkpoint],
      ...[put(1, 2500), put(0, 2500), checkpoint, put(2, 2500), put(1, 2500), checkpoint, del(0)],
    ),
    historyBytes: 0,
  };

  test("nor is a log that retention cuts, at any call of it", async () => {
    await look(forgetting, { budget: 12, momentsMax: 80 });
    const byItself = {
      ...forgetting,
      checkpointBytes: 4000,
      steps: forgetting.steps.filter(({ do: kind }) => kind !== "checkpoint"),
    };
    await look(byItself, { budget: 12, momentsMax: 30 });
    await look(atOnce(byItself, 1), { budget: 12, momentsMax: 30 });
  });

  test("and damage to any of them is refused, or costs nothing but time", async () => {
    const last: Effort["only"] = ({ call }) => call === undefined;
    await look(copied, { profiles: ["P5"], budget: 600, only: last });
  });
});

describe("fault 38: a crash at any call of recovery, and recovery again, end the same", () => {
  test("with a torn log", async () => {
    const torn: Program = {
      durability: "os",
      steps: [put(0, 900), checkpoint, put(1, 700), put(0, 40), { do: "turns", count: 4 }],
    };
    await look(torn, { budget: 2, deepOneIn: 2, momentsMax: 40 });
  });

  test("with a snapshot file and a copy half made", async () => {
    const killed: Step = { do: "restore", percent: 100, by: "offset", killAfter: 25 };
    const program = slowly("commit", put(0, 900), killed, put(1, 40), checkpoint);
    await look(program, { budget: 2, deepOneIn: 2, momentsMax: 40 });
  });
});

test("what a view of the past has shown outlasts a power cut, at any durability", async () => {
  for (const by of ["offset", "time"] as const) {
    const newest: Step = { do: "at", percent: 100, by };
    await look(slowly("os", put(0, 20), newest, put(1, 40), put(2, 9), newest, put(0, 3)), {
      profiles: POWER,
      budget: 20,
    });
  }
});

/** Two keys that are there before it all, so that there is something to bring back. */
const before: Step = {
  do: "batch",
  changes: [
    { key: 0, bytes: 20 },
    { key: 3, bytes: 30 },
  ],
};

const failing = [
  del(3),
  put(0, 700),
  { do: "batch", changes: [{ key: 0 }, { key: 1, bytes: 900 }, { key: 1, bytes: 30 }] },
  { do: "snapshot" },
  { do: "transaction", changes: [{ key: 1 }, { key: 0, bytes: 70 }] },
  put(2, 40),
] as const satisfies readonly Step[];

describe("fault 66: a commit that was rejected never comes back", () => {
  test.each([0, 1, 2])("where a write fails half way, after %i good ones", async (after) => {
    const fault: Step = {
      do: "fail",
      place: "log",
      call: "write",
      after,
      times: 1,
      manner: "half",
    };
    const program = slowly("commit", before, fault, ...failing, checkpoint, reopen, put(1, 30));
    await look(program, { budget: 20, deepOneIn: 80 });
  });

  test.each([100, 900, 3000])("where the disk is full after %i bytes", async (room) => {
    const full: Step = { do: "space", bytes: room };
    const program = slowly("os", before, full, ...failing, checkpoint, reopen, put(1, 30));
    await look(program, { budget: 20, deepOneIn: 80 });
  });

  test.each(["sync", "truncate"] as const)(
    "where the cut after it fails too (%s), until the database is opened again",
    async (call) => {
      const write: Step = { do: "fail", place: "log", call: "write", times: 1, manner: "done" };
      const cut: Step = { do: "fail", place: "log", call, times: 1 };
      const program = slowly("os", before, write, cut, ...failing, reopen, put(1, 3900));
      await look(program, { profiles: ["P0", "P4"], budget: 30 });
    },
  );
});

describe("fault 67: after a rejection the database shows what its log holds, at once", () => {
  // What a program reads at each step is held against the model as it runs; see session.ts.
  test.each(["undone", "half", "done"] as const)(
    "with commits waiting behind the one whose write failed (%s)",
    async (manner) => {
      for (const after of [0, 1, 2, 3]) {
        const fault: Step = { do: "fail", place: "log", call: "write", after, times: 1, manner };
        for (const orderSeed of [1, 2, 3, 4]) {
          const steps = [before, settle, fault, ...failing, put(0, 5), settle, ...failing];
          const program = { durability: "commit", orderSeed, steps } as const;
          await look(program, { budget: 3, momentsMax: 20 });
        }
      }
    },
  );

  test("and after its log has failed, every write fails with it", async () => {
    for (const orderSeed of [1, 2, 3]) {
      const fault: Step = { do: "fail", place: "log", call: "datasync", after: 1, times: 1 };
      const steps = [before, settle, fault, ...failing, settle, ...failing, sync, reopen];
      const program = { durability: "commit", orderSeed, steps } as const;
      await look(program, { profiles: ["P0", "P4"], budget: 6, momentsMax: 40 });
    }
  });
});
