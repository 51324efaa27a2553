// The lines of the list of faults that need a disk which forgets: each a small program, and all or many of the
// disks that a crash of it can leave.

import { Log, repairLog } from "@tidemark/wal";
import { type CrashProfile, type CrashTally, SimulatedDisk } from "@tidemark/wal/testing";
import { describe, expect, test } from "vitest";
import { type Effort, explore } from "./explore.js";
import { DIRECTORY, logOptions, type Program, payloadOf, type Step } from "./program.js";
import { show } from "./show.js";

const POWER: readonly CrashProfile[] = ["P1", "P2", "P3"];
const ALL: readonly CrashProfile[] = ["P0", ...POWER];
const settle: Step = { do: "settle" };

function append(bytes: number): Step {
  return { do: "append", bytes };
}

/** A program that settles after each step, so that each has its own calls. */
function slowly(durability: Program["durability"], ...steps: Step[]): Program {
  return { durability, steps: steps.flatMap((step) => [step, settle]) };
}

/** The same steps without waiting, in some order of the calls. */
function atOnce(program: Program, orderSeed: number): Program {
  return { ...program, orderSeed, steps: program.steps.filter((step) => step !== settle) };
}

function look(program: Program, effort: Partial<Effort>): Promise<CrashTally> {
  const usual = { profiles: ALL, budget: 40, deepOneIn: 200, seed: 1 };
  return explore(program, { ...usual, ...effort });
}

const rotating = slowly(
  "commit",
  append(1500),
  append(1500),
  append(2000),
  append(1500),
  append(900),
);
const rotatingUnsynced = slowly(
  "os",
  append(1900),
  append(1900),
  append(1900),
  append(1900),
  append(60),
);

test("fault 3: of the last group's sectors any subset missing rolls that group back, and it alone", async () => {
  const batch: Step = { do: "batch", bytes: [600, 900, 300] };
  const program = slowly("commit", append(40), append(200), batch);
  const tally = await look(program, {
    profiles: ["P3"],
    budget: Number.POSITIVE_INFINITY,
    limit: 50_000,
    only: ({ call }) => call?.call === "datasync",
  });
  expect(tally.states).toBeGreaterThan(20);
});

test("fault 6: a size that grew without its bytes is a clean end, and garbage there a torn one", async () => {
  const program = slowly("os", append(300), { do: "sync" }, append(1200), append(700));
  await look(program, { profiles: ["P2", "P3"], budget: 150 });
});

test("fault 8: an empty segment after a rotation or a truncation is as good as a full one", async () => {
  const back: Step = { do: "truncateFrom", back: 1 };
  await look(slowly("commit", append(3900), append(3900), back, back, append(30)), {
    profiles: ALL,
  });
});

test("fault 30: a crash at any step of the first creation leaves a log, or nothing that stands in its way", async () => {
  await look(slowly("commit", append(40)), { budget: 150, deepOneIn: 60 });
});

describe("fault 31: a crash at any step of a rotation", () => {
  test("loses nothing that was acknowledged", async () => {
    await look(rotating, {});
  });

  test.each([1, 2, 3])("with appends going on meanwhile does neither (order %i)", async (seed) => {
    await look(atOnce(rotating, seed), { budget: 30 });
  });
});

describe("fault 32: a crash at any step of truncateFrom", () => {
  const filled = [append(1500), append(1500), append(1500), append(40), append(50)];

  test.each([1, 2, 3, 4, 5])(
    "brings back nothing of what was cut, %i records back",
    async (back) => {
      const cut: Step = { do: "truncateFrom", back };
      await look(slowly("commit", ...filled, cut, append(60)), { budget: 20 });
    },
  );

  test("with records behind it on their way brings back nothing either", async () => {
    const cut: Step = { do: "truncateFrom", back: 2 };
    await look(atOnce(slowly("interval", ...filled, cut, append(60)), 4), { budget: 30 });
  });
});

describe("fault 33: a crash at any step of retention", () => {
  const filled = [append(3000), append(3000), append(3000), append(3000)];

  test("that was asked for takes whole segments or nothing", async () => {
    const cut: Step = { do: "truncateBefore", percent: 70 };
    await look(slowly("commit", ...filled, cut, append(50)), {});
  });

  test("by size does so too", async () => {
    await look({ ...slowly("commit", ...filled, append(50)), retentionBytes: 5000 }, {});
  });
});

test("fault 36: between a rename and the directory's sync either name is good", async () => {
  const cut: Step = { do: "truncateFrom", back: 1 };
  const program = slowly("commit", append(3000), append(3000), cut, { do: "reopen" }, append(40));
  await look(program, {
    profiles: POWER,
    budget: Number.POSITIVE_INFINITY,
    limit: 3000,
    only: ({ call }) => call?.call === "syncDirectory",
  });
});

test("fault 36: what a killed writer had renamed is durable before the next one's records count on it", async () => {
  const options = logOptions({ durability: "commit" }, () => 1);
  const fill = async (disk: SimulatedDisk, told: (endOffset: number) => void) => {
    const log = await Log.open(DIRECTORY, { ...options, fileSystem: disk });
    told(log.endOffset);
    for (let i = 0; i < 6; i++) told((await log.append(payloadOf(log.endOffset, 900))) + 1);
    await log.close();
  };
  const disk = new SimulatedDisk();
  const killed: SimulatedDisk[] = [];
  let renamed = false;
  const unwatch = disk.watch({
    before: ({ call, path }) => {
      if (call === "syncDirectory" && renamed) killed.push(disk.fork());
      renamed = call === "rename" && path.endsWith("/MANIFEST");
    },
  });
  await fill(disk, () => undefined);
  unwatch();
  expect(killed.length).toBeGreaterThan(3);
  for (const left of killed) {
    let least = 0;
    const cut: [SimulatedDisk, number][] = [];
    left.watch({ before: () => cut.push([left.fork(), least]) });
    await fill(left, (endOffset) => {
      least = endOffset;
    });
    for (const [moment, acknowledged] of cut) {
      for (const { disk: after, choice } of moment.crashStates("P2", { limit: 40, samples: 10 })) {
        const log = await Log.open(DIRECTORY, { ...options, fileSystem: after });
        expect(show(log).endOffset, choice).toBeGreaterThanOrEqual(acknowledged);
        await log.close();
      }
    }
  }
});

test("fault 38: a crash at any call of recovery, and recovery again, end the same", async () => {
  const torn: Program = {
    durability: "os",
    steps: [append(900), append(700), { do: "turns", count: 4 }],
  };
  await look(torn, { budget: 2, deepOneIn: 2 });
  await look(rotatingUnsynced, { budget: 2, deepOneIn: 2, momentsMax: 20 });
});

describe("fault 44: an error that comes a sync late", () => {
  test.each([0, 1, 2, 3])("leaves a prefix or a refusal, after %i good syncs", async (after) => {
    const fault: Step = { do: "fail", call: "datasync", after, times: 1, manner: "late" };
    const steps = [fault, append(40), append(900), append(50), append(60)];
    await look(slowly("commit", ...steps), { profiles: ["P4"] });
  });

  test("is a refusal after a kill too, where it says that the disk is full", async () => {
    const fault: Step = { do: "fail", call: "datasync", times: 1, code: "ENOSPC", manner: "late" };
    await look(slowly("commit", fault, append(40), append(50)), { profiles: ["P0"] });
  });

  test("poisons the log then, and opening again makes durable what it shows", async () => {
    const disk = new SimulatedDisk();
    const options = {
      ...logOptions({ durability: "commit" }, () => 1),
      fileSystem: disk,
    };
    const log = await Log.open(DIRECTORY, options);
    disk.fail({ call: "datasync", path: /\.log$/, times: 1, manner: "late" });
    await log.append(payloadOf(0, 40));
    await expect(log.append(payloadOf(1, 40))).rejects.toMatchObject({ code: "LOG_FAILED" });
    await expect(log.append(payloadOf(2, 40))).rejects.toMatchObject({ code: "LOG_FAILED" });
    await log.close();
    const shown = show(await Log.open(DIRECTORY, options));
    expect(shown.endOffset).toBeGreaterThanOrEqual(1);
    for (const { disk: left } of disk.crashStates("P4")) {
      expect(show(await Log.open(DIRECTORY, { ...options, fileSystem: left }))).toEqual(shown);
    }
  });
});

describe("fault 66: a rejected group never comes back", () => {
  const steps = [append(700), append(40), { do: "batch", bytes: [900, 300] }, append(70)] as const;

  test.each([0, 1, 2])("where a write fails half way, after %i good ones", async (after) => {
    const fault: Step = { do: "fail", call: "write", after, times: 1, code: "EIO", manner: "half" };
    const program = slowly("commit", append(20), fault, ...steps, { do: "reopen" }, append(30));
    await look(program, { budget: 20, deepOneIn: 80 });
  });

  test.each([100, 900, 3000])("where the disk is full after %i bytes", async (room) => {
    const full: Step = { do: "space", bytes: room };
    const program = slowly("os", append(20), full, ...steps, { do: "reopen" }, append(30));
    await look(program, { budget: 20, deepOneIn: 80 });
  });
});

describe("fault 66: where the cut after a failed write was not synced either", () => {
  const manners = ["done", "half"] as const;

  test.each(manners)(
    "what was written (%s) does not come back beneath its successors",
    async (manner) => {
      const write: Step = { do: "fail", call: "write", times: 1, manner };
      const cut: Step = { do: "fail", call: "sync", times: 1, manner: "keeps" };
      const failed: Step = { do: "batch", bytes: [2500], sync: true };
      const next: Step = { do: "batch", bytes: [3900], sync: true };
      const reopen: Step = { do: "reopen" };
      const program = slowly(
        "os",
        append(40),
        reopen,
        write,
        cut,
        failed,
        reopen,
        next,
        append(30),
      );
      await look(program, { profiles: ["P0", "P4"], budget: 60, deepOneIn: 1e9 });
    },
  );
});

test("fault 68: what an opening after a kill showed outlasts a power cut right after", async () => {
  await look(rotatingUnsynced, { profiles: ["P0"], budget: 2, deepOneIn: 1, momentsMax: 20 });
  const program: Program = {
    durability: "os",
    steps: [append(300), append(40), settle, append(600)],
  };
  await look(program, { profiles: ["P0"], budget: 4, deepOneIn: 1 });
});

describe("fault 69: the machine dies between two steps of a rotation, with records in both unsealed segments", () => {
  test("and the log goes on as one", async () => {
    await look(rotatingUnsynced, { profiles: POWER, budget: 60 });
  });

  test.each([5, 6])("and the log goes on as one, whatever came first (order %i)", async (seed) => {
    const program = atOnce(rotatingUnsynced, seed);
    const synced = { ...program, steps: [...program.steps, { do: "sync" } as const, append(90)] };
    await look(synced, { profiles: POWER, budget: 40 });
  });
});

describe("fault 39: a repair", () => {
  test.each(["commit", "os"] as const)(
    "of a sector with a header and all records behind it leaves a log that opens (%s)",
    async (durability) => {
      const disk = new SimulatedDisk();
      const options = { ...logOptions({ durability }, () => 1), fileSystem: disk };
      const log = await Log.open(DIRECTORY, options);
      await log.append(payloadOf(0, 40), { sync: true });
      await log.append(payloadOf(1, 40));
      if (durability === "commit") await log.close();
      disk.kill();
      const left = disk.crash({ profile: "P3", choice: "" });
      left.damage({ kind: "zeroed", path: `${DIRECTORY}/00000001.log`, sector: 0 });
      const { kept } = await repairLog(DIRECTORY, { fileSystem: left, keep: "before" });
      expect(await repairLog(DIRECTORY, { fileSystem: left })).toMatchObject({ changed: false });
      const opened = await Log.open(DIRECTORY, { ...options, fileSystem: left });
      expect([opened.startOffset, opened.endOffset]).toEqual([kept.from, kept.to]);
    },
  );

  test("of the front of a log with a torn end as well keeps what it says that it keeps", async () => {
    const disk = new SimulatedDisk();
    const options = { ...logOptions({ durability: "os" }, () => 1), fileSystem: disk };
    const log = await Log.open(DIRECTORY, options);
    await log.append(payloadOf(0, 3900), { sync: true });
    // The rotation that follows is over when it takes its turn.
    await log.append(payloadOf(1, 700), { sync: true });
    await log.truncateBefore(0);
    const moments: SimulatedDisk[] = [];
    disk.watch({ before: () => moments.push(disk.fork()) });
    for (const bytes of [700, 900, 1500, 900, 900]) await log.append(payloadOf(2, bytes));
    let torn = 0;
    const crashed = moments.flatMap((moment) => [...moment.crashStates("P2", { budget: 40 })]);
    for (const { disk: left } of crashed) {
      left.damage({ kind: "zeroed", path: `${DIRECTORY}/00000001.log`, sector: 1 });
      const { kept } = await repairLog(DIRECTORY, { fileSystem: left, keep: "after" });
      const opened = await Log.open(DIRECTORY, { ...options, fileSystem: left });
      expect([opened.startOffset, opened.endOffset]).toEqual([kept.from, kept.to]);
      if (opened.recovery.torn !== undefined) torn += 1;
    }
    expect(torn).toBeGreaterThan(0);
  });
});

test("fault 39: a repair keeps what it says where records went with a header, before a segment that is not sealed either", async () => {
  const disk = new SimulatedDisk();
  const options = logOptions({ durability: "os" }, () => 1);
  const log = await Log.open(DIRECTORY, { ...options, fileSystem: disk });
  await log.append(payloadOf(0, 40));
  await log.appendBatch([111, 798, 2996, 10].map((bytes) => payloadOf(1, bytes)));
  disk.kill();
  const left = disk.crash({ profile: "P0", seed: 1 });
  const store = await left.open(`${DIRECTORY}/00000001.log`, "write");
  await store.sync();
  await store.close();
  left.damage({ kind: "zeroed", path: store.path, sector: 0 });
  const { kept } = await repairLog(DIRECTORY, { fileSystem: left, keep: "before" });
  const opened = await Log.open(DIRECTORY, { ...options, fileSystem: left });
  expect([opened.startOffset, opened.endOffset]).toEqual([kept.from, kept.to]);
  expect(kept).toEqual({ from: 0, to: 0 });
});
