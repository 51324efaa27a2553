// repairDatabase: what it keeps, loses and sets aside in each case, what it refuses to decide, and that a repair which
// failed can be done again. Crashes and damage by chance are in repair-crash.test.ts.

import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  Database,
  type RepairDatabaseOptions,
  type RepairDatabaseReport,
  repairDatabase,
  restore,
  verifyDatabase,
} from "@tidemark/kv";
import { Log } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { COUNT, filled, flip, positionOf, snapshot, store } from "./damaged.js";
import { changingCalls, FaultyDisk } from "./faulty-disk.js";
import {
  contents,
  copyOf,
  filesIn,
  freshPath,
  openDatabase,
  refused,
  temporaryDirectory,
} from "./fixture.js";

/** The contents as they were at each offset that can be reached. */
async function statesOf(directory: string): Promise<Map<number, unknown>> {
  const database = await Database.open(directory, { readOnly: true });
  const states = new Map<number, unknown>();
  const { reachable } = await verifyDatabase(directory);
  for (const { first, last } of reachable) {
    for (let offset = first; offset <= last; offset++) {
      states.set(offset, contents(await database.at({ offset })));
    }
  }
  await database.close();
  return states;
}

interface Repaired {
  readonly report: RepairDatabaseReport;
  /** Offsets whose state can be reached. */
  readonly reached: number[];
}

/**
 * Repairs, after a dry run that has to foretell it; then the database passes, has the states that it had, and takes
 * another commit. Repairing again changes nothing.
 */
async function repaired(
  directory: string,
  before: ReadonlyMap<number, unknown>,
  options: RepairDatabaseOptions = {},
): Promise<Repaired> {
  const foretold = await untouchedBy(directory, () =>
    repairDatabase(directory, { ...options, dryRun: true }),
  );
  const report = await repairDatabase(directory, options);
  const { kept, lostCommits, lostStates, summary } = foretold;
  expect(report).toMatchObject({ changed: true, kept, lostCommits, lostStates, summary });
  for (const path of report.aside) expect(existsSync(path), path).toBe(true);
  expect(await verifyDatabase(directory)).toMatchObject({ ok: true, damage: [] });
  const states = await statesOf(directory);
  for (const [offset, state] of states) expect(state).toEqual(before.get(offset));
  const again = await untouchedBy(directory, () => repairDatabase(directory));
  expect(again).toMatchObject({ changed: false, damage: [], lostCommits: [], aside: [] });
  const database = await openDatabase(directory);
  expect(await database.put("after", 1)).toBe((kept?.last ?? -1) + 1);
  await database.close();
  return { report, reached: [...states.keys()] };
}

/** All but locks, which only someone who looks at them leaves. */
async function untouchedBy<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const before = filesIn(directory);
  const result = await work();
  expect(filesIn(directory)).toEqual(before);
  return result;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** A filled database, its states, and damage to the commit with this offset. */
async function damagedAt(offset: number) {
  const directory = await filled();
  const states = await statesOf(directory);
  const log = await Log.open(join(directory, "log"), { readOnly: true });
  const payload = Buffer.from(log.read(offset).payload);
  await log.close();
  const names = readdirSync(join(directory, "log"));
  const paths = names
    .filter((name) => name.endsWith(".log"))
    .map((name) => join(directory, "log", name));
  const path = paths.find((store) => readFileSync(store).includes(payload)) ?? "none";
  flip(path, readFileSync(path).indexOf(payload) + 5);
  return { directory, states };
}

describe("a database that is sound", () => {
  test("stays as it is", async () => {
    const directory = await filled();
    const report = await untouchedBy(directory, () => repairDatabase(directory));
    expect(report).toEqual({
      changed: false,
      damage: [],
      kept: { first: 0, last: COUNT - 1 },
      lostCommits: [],
      lostStates: [],
      summary: [],
      aside: [],
    });
  });

  test("stays as it is when its creation was cut off, and when a value cannot be read", async () => {
    const database = await openDatabase();
    await database.close();
    rmSync(join(database.directory, "snapshots"), { recursive: true });
    rmSync(join(database.directory, "log"), { recursive: true });
    await untouchedBy(database.directory, () => repairDatabase(database.directory));
    const directory = await filled();
    const log = await Log.open(join(directory, "log"));
    await log.append(Uint8Array.from([1, 1, 1, 1, 0x6b, 1, 0, 0, 0, 0xc1]));
    await log.close();
    const report = await untouchedBy(directory, () => repairDatabase(directory));
    expect(report).toMatchObject({ changed: false, kept: { first: 0, last: COUNT } });
    expect(report.damage.map(({ kind }) => kind)).toEqual(["value"]);
  });
});

describe("a log that is damaged", () => {
  test("behind all snapshot files keeps what is before", async () => {
    const { directory, states } = await damagedAt(50);
    const { report, reached } = await repaired(directory, states);
    expect(reached).toEqual(range(0, 49));
    expect(report.lostCommits).toEqual([{ from: 50, to: COUNT }]);
    expect(report.lostStates).toEqual([{ from: 50, to: COUNT }]);
    expect(report.summary).toContain(`lost: commits 50 to ${COUNT - 1}`);
  });

  test("before a snapshot file is the owner's to choose, who is told what there is", async () => {
    const { directory } = await damagedAt(5);
    const error = await untouchedBy(directory, () =>
      refused("KV_INVALID_ARGUMENT", () => repairDatabase(directory)),
    );
    expect(error.message).toContain(
      `keep: "history" keeps the states of commits 0 to 4 and loses commits 5 to ${COUNT - 1}`,
    );
    expect(error.message).toContain(
      `keep: "newest" keeps the states of commits 19 to ${COUNT - 1}`,
    );
  });

  test("keeps the history, if that is chosen", async () => {
    const { directory, states } = await damagedAt(25);
    const { report, reached } = await repaired(directory, states, { keep: "history" });
    expect(reached).toEqual(range(0, 24));
    expect(report.lostCommits).toEqual([{ from: 25, to: COUNT }]);
  });

  test("keeps the newest state, if that is chosen, and loses no commit then", async () => {
    const { directory, states } = await damagedAt(25);
    const { report, reached } = await repaired(directory, states, { keep: "newest" });
    expect(reached).toEqual(range(39, COUNT - 1));
    expect(report).toMatchObject({ lostCommits: [], lostStates: [{ from: 0, to: 39 }] });
  });

  test("in two places keeps the newest stretch, or the first", async () => {
    const { directory, states } = await damagedAt(25);
    const last = store(directory, -1);
    flip(last, positionOf(last, "filler"));
    const damage = (await verifyDatabase(directory)).damage.map(({ offset }) => offset ?? 0);
    const second = damage.find((offset) => offset > 25) ?? 0;
    expect(second).toBeGreaterThan(40);
    const other = copyOf(directory);
    const newest = await repaired(directory, states, { keep: "newest" });
    expect(newest.reached).toEqual(range(39, second - 1));
    expect(newest.report.lostCommits).toEqual([{ from: second, to: COUNT }]);
    const history = await repaired(other, states, { keep: "history" });
    expect(history.reached).toEqual(range(0, 24));
  });

  test("by the loss of its manifest alone is mended where it lies", async () => {
    const directory = await filled();
    const states = await statesOf(directory);
    const { log } = await verifyDatabase(directory);
    rmSync(join(directory, "log", "MANIFEST"));
    const { report, reached } = await repaired(directory, states);
    expect(reached).toEqual(range(0, COUNT - 1));
    expect(report.lostCommits).toEqual([]);
    expect((await verifyDatabase(directory)).log?.logId).toBe(log?.logId);
  });

  test("in its manifest, without any record, goes on from the snapshot file", async () => {
    const source = await filled();
    const directory = freshPath();
    await restore(source, directory, { offset: 30 });
    const states = await statesOf(directory);
    flip(join(directory, "log", "MANIFEST"), 40);
    const { reached } = await repaired(directory, states);
    expect(reached).toEqual([30]);
  });

  test("by a record that is no commit keeps what is before it", async () => {
    const directory = await filled();
    const states = await statesOf(directory);
    const log = await Log.open(join(directory, "log"));
    await log.append(Uint8Array.from([1, 2, 3, 1, 0x6b]));
    await log.append(Uint8Array.from([1, 0]));
    await log.close();
    const { report, reached } = await repaired(directory, states);
    expect(reached).toEqual(range(0, COUNT - 1));
    expect(report.lostCommits).toEqual([{ from: COUNT, to: COUNT + 2 }]);
  });

  test("whose manifest is older than its segments is refused: only the owner knows which is right", async () => {
    const directory = await filled();
    const copy = copyOf(directory);
    const database = await openDatabase(directory, { log: { segmentBytes: 4096 } });
    for (let n = 0; n < 40; n++) await database.put(`more ${n}`, "m".repeat(300));
    await database.close();
    cpSync(join(copy, "log", "MANIFEST"), join(directory, "log", "MANIFEST"));
    const error = await untouchedBy(directory, () =>
      refused("KV_CORRUPT", () => repairDatabase(directory, { keep: "history" })),
    );
    expect(error.message).toContain("take one of the two away");
  });
});

describe("files that do not fit", () => {
  /** A database whose log was put back from a copy made one commit and one checkpoint before. */
  async function logPutBack() {
    const directory = await filled();
    const copy = copyOf(directory);
    const database = await openDatabase(directory);
    await database.put("one", "more");
    await database.checkpoint();
    await database.close();
    const states = await statesOf(directory);
    rmSync(join(directory, "log"), { recursive: true });
    cpSync(join(copy, "log"), join(directory, "log"), { recursive: true });
    return { directory, states };
  }

  test("a snapshot file past the log's end locks nobody out: the owner says which is kept", async () => {
    const { directory, states } = await logPutBack();
    await refused("KV_CORRUPT", () => Database.open(directory));
    await refused("KV_INVALID_ARGUMENT", () => repairDatabase(directory));
    const other = copyOf(directory);
    const newest = await repaired(directory, states, { keep: "newest" });
    expect(newest.reached).toEqual([COUNT]);
    expect(newest.report.lostCommits).toEqual([]);
    const history = await repaired(other, states, { keep: "history" });
    expect(history.reached).toEqual(range(0, COUNT - 1));
    expect(history.report.lostCommits).toEqual([{ from: COUNT, to: COUNT + 1 }]);
  });

  test("a log that is gone is begun anew after the newest snapshot file", async () => {
    const directory = await filled();
    const states = await statesOf(directory);
    rmSync(join(directory, "log"), { recursive: true });
    const { report, reached } = await repaired(directory, states);
    expect(reached).toEqual([39]);
    expect(report.summary[0]).toContain("made anew, empty, from offset 40 on");
  });

  test("snapshot files that are damaged or foreign are set aside", async () => {
    const [directory, other] = [await filled(), await filled()];
    const states = await statesOf(directory);
    const [older, newer] = [snapshot(directory, 0), snapshot(directory, -1)];
    flip(newer, -20);
    cpSync(snapshot(other, 0), older);
    const { report, reached } = await repaired(directory, states);
    expect(reached).toEqual(range(0, COUNT - 1));
    expect([...report.aside].sort()).toEqual([`${older}.aside-1`, `${newer}.aside-1`]);
    const { remarks } = await verifyDatabase(directory);
    expect(remarks.map(({ message }) => message)).toEqual([
      expect.stringContaining("set aside by a repair"),
      expect.stringContaining("set aside by a repair"),
    ]);
  });

  test("without any state left it is refused, and nothing is touched", async () => {
    const directory = freshPath();
    await restore(await filled(), directory, { offset: 30 });
    flip(snapshot(directory, -1), 200);
    for (const keep of ["history", "newest", undefined] as const) {
      await untouchedBy(directory, () =>
        refused("KV_CORRUPT", () => repairDatabase(directory, { keep })),
      );
    }
  });
});

describe("DATABASE that is lost", () => {
  test("is made anew as a snapshot file tells", async () => {
    const directory = await filled();
    const states = await statesOf(directory);
    rmSync(join(directory, "DATABASE"));
    expect((await repaired(directory, states)).reached).toEqual(range(0, COUNT - 1));
    const other = await filled();
    const otherStates = await statesOf(other);
    flip(join(other, "DATABASE"), 12);
    const { report } = await repaired(other, otherStates);
    expect(report.aside).toEqual([join(other, "DATABASE.aside-1")]);
  });

  test("has to be told what keys are where nothing else tells, and only there may it be told otherwise", async () => {
    const directory = await filled();
    const states = await statesOf(directory);
    await refused("KV_INVALID_ARGUMENT", () => repairDatabase(directory, { keys: "bytes" }));
    rmSync(join(directory, "DATABASE"));
    await refused("KV_INVALID_ARGUMENT", () => repairDatabase(directory, { keys: "bytes" }));
    rmSync(join(directory, "snapshots"), { recursive: true });
    const error = await refused("KV_INVALID_ARGUMENT", () => repairDatabase(directory));
    expect(error.message).toContain("`keys`");
    await repaired(directory, states, { keys: "string" });
  });
});

describe("lineage", () => {
  test("who follows the changes goes on where the logs are the same, and is refused beyond", async () => {
    const { directory } = await damagedAt(50);
    const { log } = await verifyDatabase(directory);
    await repairDatabase(directory);
    const database = await openDatabase(directory);
    await database.put("other", "commit");
    const logId = log?.logId ?? "";
    expect(database.logId).not.toBe(logId);
    for await (const change of database.changes({ since: { logId, offset: 48 } })) {
      expect(change).toMatchObject({ offset: 49, logId: database.logId });
      break;
    }
    await refused("KV_OTHER_LINEAGE", async () => {
      for await (const _ of database.changes({ since: { logId, offset: 50 } })) break;
    });
  });

  test("commits keep their times, and none comes before the state that the log goes on from", async () => {
    const time = { now: 1_000_000 };
    const database = await openDatabase(freshPath(), { log: { clock: () => time.now } });
    for (let n = 0; n < 20; n++) {
      time.now += 10;
      await database.put(`key ${n}`, n);
      if (n === 9) await database.checkpoint();
    }
    await database.checkpoint();
    await database.close();
    const { directory } = database;
    flip(join(directory, "log", "00000001.log"), positionOf(store(directory, 0), "key 4"));
    const other = copyOf(directory);
    await repairDatabase(directory, { keep: "newest" });
    const reader = await openDatabase(directory, { log: { clock: () => time.now } });
    expect((await reader.at({ time: 1_000_155 })).offset).toBe(14);
    rmSync(join(other, "log"), { recursive: true });
    await repairDatabase(other);
    const early = await openDatabase(other, { log: { clock: () => 5 } });
    const offset = await early.put("later", 1);
    expect((await early.at({ offset })).time).toBe(1_000_200);
  });
});

describe("a repair", () => {
  test("is refused while someone has the database open, and where there is none", async () => {
    const { directory } = await damagedAt(5);
    await refused("KV_NOT_FOUND", () => repairDatabase(freshPath()));
    const elsewhere = temporaryDirectory();
    writeFileSync(join(elsewhere, "log"), "mine");
    await untouchedBy(elsewhere, () => refused("KV_NOT_FOUND", () => repairDatabase(elsewhere)));
    const log = await Log.open(join(await filled(), "log"));
    const open = join(log.directory, "..");
    flip(snapshot(open, 0), 100);
    await untouchedBy(open, () => refused("KV_LOCKED", () => repairDatabase(open)));
    await log.close();
    const senseless = [{ keep: "all" }, { keys: 1 }, { dryRun: 1 }, { force: true }] as object[];
    for (const options of senseless) {
      await refused("KV_INVALID_ARGUMENT", () => repairDatabase(directory, options));
    }
    const reason = new Error("enough");
    const aborted = repairDatabase(directory, {
      signal: AbortSignal.abort(reason),
      keep: "newest",
    });
    await expect(aborted).rejects.toBe(reason);
  });

  test("that was cut off when its parts were made is finished, and until then nothing opens the database", async () => {
    const { directory, states } = await damagedAt(25);
    const disk = new FaultyDisk();
    // The parts are made; that the log goes aside fails.
    disk.fail({ call: "rename", path: /log\.aside-1$/ }, "EIO");
    const { fileSystem } = disk;
    const options = { keep: "newest", fileSystem } as const;
    await refused("KV_IO", () => repairDatabase(directory, options));
    const file = join(directory, "REPAIR");
    for (const readOnly of [false, true]) {
      const error = await refused("KV_CORRUPT", () => Database.open(directory, { readOnly }));
      expect(error.file).toBe(file);
    }
    await refused("KV_CORRUPT", () => restore(directory, freshPath(), { offset: 50 }));
    const { damage } = await verifyDatabase(directory);
    expect(damage[0]).toMatchObject({ file, kind: "fit" });
    // What it had decided stands.
    const { report, reached } = await repaired(directory, states, { keep: "history" });
    expect(reached).toEqual(range(39, COUNT - 1));
    expect(report.aside).toContain(join(directory, "log.aside-1"));
  });

  test("that finds no space is rejected and leaves all as it is", async () => {
    const { directory } = await damagedAt(25);
    const disk = new FaultyDisk();
    disk.fail({ call: "write", path: /repaired/ }, "ENOSPC", { after: 3 });
    const { fileSystem } = disk;
    await refused("KV_NO_SPACE", () => repairDatabase(directory, { keep: "history", fileSystem }));
    const { damage } = await verifyDatabase(directory);
    expect(damage.map(({ kind, offset }) => [kind, offset])).toEqual([["log", 25]]);
    expect((await repairDatabase(directory, { keep: "history" })).changed).toBe(true);
  });

  test("can be undone by hand", async () => {
    const { directory } = await damagedAt(25);
    const before = filesIn(directory);
    const { aside } = await repairDatabase(directory, { keep: "history" });
    for (const path of aside) {
      const original = path.replace(/\.aside-\d+$/, "");
      rmSync(original, { recursive: true });
      renameSync(path, original);
    }
    expect(filesIn(directory)).toEqual(before);
  });

  test("that fails at any call can be done again, and nothing opens the database in between", async () => {
    const { directory, states } = await damagedAt(25);
    rmSync(join(directory, "DATABASE"));
    for (const keep of ["history", "newest"] as const) {
      const expected = keep === "history" ? range(0, 24) : range(39, COUNT - 1);
      for (let after = 0, failed = true; failed; after++) {
        const copy = copyOf(directory);
        const disk = new FaultyDisk();
        const lift = disk.fail({ call: changingCalls }, "EIO", { after, times: 1 });
        const { fileSystem } = disk;
        failed = await repairDatabase(copy, { keep, fileSystem }).then(
          () => false,
          (error) => {
            expect(error).toMatchObject({ code: "KV_IO" });
            return true;
          },
        );
        lift();
        const opened = await Database.open(copy, { createIfMissing: false }).catch(() => undefined);
        if (opened !== undefined) {
          expect(opened.endOffset).toBe((expected.at(-1) ?? 0) + 1);
          await opened.close();
        }
        const again = await repairDatabase(copy, { keep });
        expect(again.changed || opened !== undefined, `after ${after} calls`).toBe(true);
        expect(await verifyDatabase(copy)).toMatchObject({ ok: true });
        const reached = await statesOf(copy);
        expect([...reached.keys()], `after ${after} calls`).toEqual(expected);
        for (const [offset, state] of reached) expect(state).toEqual(states.get(offset));
      }
    }
  });
});
