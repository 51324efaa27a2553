// Restoring: the state of a source at a target, in a directory of its own, or nothing at all.

import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Database, DatabaseError, type RestoreReport, restore, type Target } from "@tidemark/kv";
import { describe, expect, test } from "vitest";
import { changingCalls, FaultyDisk } from "./faulty-disk.js";
import {
  contents,
  copyOf,
  filesIn,
  freshPath,
  killImage,
  openBytes,
  openDatabase,
  refused,
  reopen,
  snapshotFiles,
  temporaryDirectory,
} from "./fixture.js";

/** An open database with 20 commits, a ms apart from 1,000 on, and snapshot files after the 6th and the 13th. */
async function source(): Promise<Database<number>> {
  const time = { now: 1000 };
  const db = await openDatabase<number>(freshPath(), { log: { clock: () => time.now } });
  for (let n = 0; n < 20; n++) {
    await (n % 5 === 4 ? db.del(`k${n % 3}`) : db.put(`k${n % 7}`, n));
    time.now += 1;
    if (n === 5 || n === 12) await db.checkpoint();
  }
  return db;
}

async function restored(
  from: string,
  target: Target,
): Promise<{ db: Database<number>; report: RestoreReport }> {
  const path = freshPath();
  const report = await restore(from, path, target);
  return { db: await openDatabase<number>(path), report };
}

describe("restoring", () => {
  test("to every offset gives the state there, and goes on after it", async () => {
    const db = await source();
    for (let offset = 0; offset < 20; offset++) {
      const then = await db.at({ offset });
      const { db: copy, report } = await restored(db.directory, { offset });
      expect(contents(copy)).toEqual(contents(then));
      expect(copy.endOffset).toBe(offset + 1);
      expect(report).toMatchObject({ offset, time: 1000 + offset, entries: then.size });
      expect(await copy.put("new", 1)).toBe(offset + 1);
      expect(contents(await reopen(copy))).toHaveLength(then.size + 1);
    }
  });

  test("says what it read, and records where the new log comes from", async () => {
    const db = await source();
    const { db: copy, report } = await restored(db.directory, { offset: 9 });
    expect(report).toMatchObject({
      ...{ dryRun: false, source: db.directory, destination: copy.directory },
      ...{ from: 6, commits: 4, skipped: [], snapshot: snapshotFiles(db.directory)[0] },
      ...{ ancestry: { logId: db.logId, offset: 10 }, logId: copy.logId },
    });
    expect(copy.logId).not.toBe(db.logId);
    expect(copy.recovery.snapshot).toBe(snapshotFiles(copy.directory)[0]);
    expect(basename(copy.recovery.snapshot ?? "")).toBe("00000000000000000010.snapshot");
  });

  test("to a time, before and after the commits of the copy itself", async () => {
    const db = await source();
    const { db: copy } = await restored(db.directory, { time: 1009 });
    expect(contents(copy)).toEqual(contents(await db.at({ offset: 9 })));
    await copy.put("a", 1);
    await copy.put("a", 2);
    expect((await copy.at({ offset: 9 })).size).toBe(copy.size - 1);
    expect(await copy.at({ time: 1500 })).toMatchObject({ offset: 9, time: 1500 });
    expect((await copy.at({ offset: 10 })).get("a")).toBe(1);
    for (const target of [{ offset: 8 }, { time: 1008 }]) {
      const error = await refused("KV_TARGET_OUT_OF_RANGE", () => copy.at(target));
      expect(error.reachable).toEqual({ first: 9, last: 11 });
    }
  });

  test("to the time of the last commit works although the clock has stepped back since", async () => {
    const db = await source();
    const path = freshPath();
    const report = await restore(db.directory, path, { time: 1019 }, { clock: () => 500 });
    expect(report.offset).toBe(19);
    const again = { clock: () => 400 };
    expect(await restore(path, freshPath(), { time: 1019 }, again)).toMatchObject({ offset: 19 });
    await refused("KV_TARGET_OUT_OF_RANGE", () =>
      restore(db.directory, freshPath(), { time: 1020 }, { clock: () => 500 }),
    );
  });

  test("of a copy of a copy works, to its first state as well", async () => {
    const db = await source();
    const { db: copy } = await restored(db.directory, { offset: 9 });
    const { db: again, report } = await restored(copy.directory, { offset: 9 });
    expect(contents(again)).toEqual(contents(copy));
    expect(report.ancestry).toEqual({ logId: copy.logId, offset: 10 });
    await copy.put("more", 1);
    const { db: later } = await restored(copy.directory, { offset: 10 });
    expect(later.get("more")).toBe(1);
  });

  test("keeps the kind of keys", async () => {
    const db = await openBytes<number>();
    await db.put(Uint8Array.of(0xff), 1);
    const path = freshPath();
    await restore(db.directory, path, { offset: 0 });
    const copy = await openBytes<number>(path);
    expect([...copy.entries()]).toEqual([[Uint8Array.of(0xff), 1]]);
  });

  test("a dry run says the same and writes nothing", async () => {
    const db = await source();
    const path = freshPath();
    const plan = await restore(db.directory, path, { offset: 15 }, { dryRun: true });
    expect(readdirSync(dirname(path))).toEqual([]);
    const report = await restore(db.directory, path, { offset: 15 });
    expect({ ...plan, durationMs: 0 }).toEqual({
      ...report,
      ...{ dryRun: true, logId: undefined, durationMs: 0 },
    });
  });

  test("goes into an empty directory, and makes missing parents", async () => {
    const db = await source();
    const empty = temporaryDirectory();
    await restore(db.directory, empty, { offset: 3 });
    expect((await openDatabase(empty)).endOffset).toBe(4);
    const deep = join(freshPath(), "with", "parents");
    await restore(db.directory, deep, { offset: 3 });
    expect((await openDatabase(deep)).endOffset).toBe(4);
  });

  test("from a damaged snapshot file falls back, and says so", async () => {
    const db = await source();
    const [older, newer] = snapshotFiles(db.directory) as [string, string];
    writeFileSync(newer, "damaged");
    const { db: copy, report } = await restored(db.directory, { offset: 15 });
    expect(report).toMatchObject({ snapshot: older, commits: 10, skipped: [{ file: newer }] });
    expect(contents(copy)).toEqual(contents(await db.at({ offset: 15 })));
  });
});

describe("the source", () => {
  test("is not changed: at rest, beside its owner, and after its owner was killed", async () => {
    const db = await source();
    const killed = killImage(db.directory);
    const expected = contents(await db.at({ offset: 15 }));
    expect(contents((await restored(db.directory, { offset: 15 })).db)).toEqual(expected);
    expect(await db.put("later", 1)).toBe(20);
    await db.close();
    for (const path of [db.directory, killed]) {
      const before = filesIn(path);
      expect(contents((await restored(path, { offset: 15 })).db)).toEqual(expected);
      expect(filesIn(path)).toEqual(before);
    }
  });

  test("that is no database is refused", async () => {
    const path = freshPath();
    await refused("KV_NOT_FOUND", () => restore(path, freshPath(), { offset: 0 }));
    expect(existsSync(path)).toBe(false);
    const foreign = temporaryDirectory();
    writeFileSync(join(foreign, "notes.txt"), "mine");
    await refused("KV_NOT_FOUND", () => restore(foreign, freshPath(), { offset: 0 }));
  });

  test.each<Target>([{ offset: 20 }, { time: 999 }, { time: Date.now() + 1e9 }, { mark: "none" }])(
    "%o is beyond what it has, and nothing is made",
    async (target) => {
      const db = await source();
      const path = freshPath();
      await refused("KV_TARGET_OUT_OF_RANGE", () => restore(db.directory, path, target));
      expect(readdirSync(dirname(path))).toEqual([]);
    },
  );
});

describe("the destination", () => {
  test("that is not empty is refused and untouched", async () => {
    const db = await source();
    const full = temporaryDirectory();
    writeFileSync(join(full, "notes.txt"), "mine");
    await refused("KV_EXISTS", () => restore(db.directory, full, { offset: 3 }));
    await refused("KV_EXISTS", () => restore(db.directory, join(full, "notes.txt"), { offset: 3 }));
    expect(readdirSync(full)).toEqual(["notes.txt"]);
    const other = await source();
    await refused("KV_EXISTS", () => restore(db.directory, other.directory, { offset: 3 }));
  });

  test("that is the source or lies in it is refused", async () => {
    const db = await source();
    const before = filesIn(db.directory);
    for (const path of [db.directory, join(db.directory, "copy"), join(db.directory, "..x")]) {
      await refused("KV_INVALID_ARGUMENT", () => restore(db.directory, path, { offset: 3 }));
    }
    expect(filesIn(db.directory)).toEqual(before);
    const beside = `${db.directory}..copy`;
    await restore(db.directory, beside, { offset: 3 });
    expect(existsSync(join(beside, "DATABASE"))).toBe(true);
  });

  test("that lies in the source or another database by way of a link is refused", async () => {
    const db = await source();
    const other = await source();
    // Open, their logs would go on with work of their own.
    await Promise.all([db.close(), other.close()]);
    const before = [filesIn(db.directory), filesIn(other.directory)];
    const links = temporaryDirectory();
    symlinkSync(db.directory, join(links, "source"));
    symlinkSync(join(db.directory, "snapshots"), join(links, "snapshots"));
    symlinkSync(other.directory, join(links, "other"));
    for (const [from, to] of [
      [db.directory, join(links, "source", "old")],
      [db.directory, join(links, "source", "a", "b")],
      [db.directory, join(links, "snapshots", "old")],
      [db.directory, join(links, "snapshots", "a", "b")],
      [join(links, "source"), join(db.directory, "old")],
      [db.directory, join(other.directory, "old")],
      [db.directory, join(links, "other", "old")],
    ] as const) {
      for (const dryRun of [false, true]) {
        await refused("KV_INVALID_ARGUMENT", () => restore(from, to, { offset: 3 }, { dryRun }));
      }
    }
    expect([filesIn(db.directory), filesIn(other.directory)]).toEqual(before);
  });

  test("that is a link is refused, whatever it leads to, in a dry run too", async () => {
    const db = await source();
    const parent = temporaryDirectory();
    mkdirSync(join(parent, "empty"));
    writeFileSync(join(parent, "file"), "mine");
    symlinkSync(join(parent, "empty"), join(parent, "link"));
    symlinkSync(join(parent, "nowhere"), join(parent, "dangling"));
    const names = readdirSync(parent);
    for (const name of ["link", "dangling", "file", join("file", "below")]) {
      for (const dryRun of [false, true]) {
        await refused("KV_EXISTS", () =>
          restore(db.directory, join(parent, name), { offset: 3 }, { dryRun }),
        );
      }
    }
    expect(readdirSync(parent)).toEqual(names);
  });

  test("beside a file of ours that is none is nobody's database", async () => {
    const db = await source();
    const parent = temporaryDirectory();
    writeFileSync(join(parent, "DATABASE"), "notes");
    await restore(db.directory, join(parent, "copy"), { offset: 3 });
    expect(existsSync(join(parent, "copy", "DATABASE"))).toBe(true);
  });

  test("fault 40: after a crash at any step it is nothing or the whole, and nothing else is a database", async () => {
    const db = await source();
    const expected = contents(await db.at({ offset: 15 }));
    const parent = temporaryDirectory();
    const disk = new FaultyDisk();
    const images: string[] = [];
    disk.beforeChange = () => images.push(copyOf(parent));
    await restore(
      db.directory,
      join(parent, "copy"),
      { offset: 15 },
      { fileSystem: disk.fileSystem },
    );
    images.push(copyOf(parent));
    expect(images.length).toBeGreaterThan(15);
    let whole = 0;
    for (const image of images) {
      for (const name of readdirSync(image)) {
        const opening = Database.open(join(image, name), { createIfMissing: false });
        const opened = await opening.catch((error: unknown) => error);
        if (!(opened instanceof Database)) {
          expect(name).toMatch(/^copy\.unfinished-/);
          expect(opened).toMatchObject({ name: "DatabaseError" });
          continue;
        }
        whole += 1;
        expect(contents(opened)).toEqual(expected);
        await opened.close();
      }
    }
    expect(whole).toBeGreaterThan(0);
    expect(readdirSync(images.at(-1) as string)).toEqual(["copy"]);
  });

  test("fault 40: a call that fails at any step leaves nothing, and the source as it was", async () => {
    const db = await source();
    await db.close();
    const before = filesIn(db.directory);
    const counting = new FaultyDisk();
    await restore(db.directory, freshPath(), { offset: 15 }, { fileSystem: counting.fileSystem });
    const calls = counting.count({ call: changingCalls });
    for (let after = 0; after < calls; after++) {
      const disk = new FaultyDisk();
      disk.fail({ call: changingCalls }, "ENOSPC", { after, times: 1 });
      const path = freshPath();
      const failure = await restore(
        db.directory,
        path,
        { offset: 15 },
        { fileSystem: disk.fileSystem },
      ).catch((error: unknown) => error);
      // How often the log's background work calls differs a little from run to run.
      if (failure instanceof Error) expect(failure).toBeInstanceOf(DatabaseError);
      expect(readdirSync(dirname(path))).toEqual(failure instanceof Error ? [] : ["db"]);
    }
    expect(filesIn(db.directory)).toEqual(before);
  });

  test("fault 40: what could not be removed after a failure is no database", async () => {
    const db = await source();
    const parent = temporaryDirectory();
    const disk = new FaultyDisk();
    disk.fail({ call: "rename", path: /copy$/ }, "EIO");
    disk.fail({ call: "unlink", path: /(LOCK|\.snapshot)$/ }, "EIO");
    const { fileSystem } = disk;
    await refused("KV_IO", () =>
      restore(db.directory, join(parent, "copy"), { offset: 15 }, { fileSystem }),
    );
    const unlinked = disk.calls.filter(({ call }) => call === "unlink").map(({ file }) => file);
    const removal = unlinked.filter((file) => !/\.new$|\/log\//.test(file));
    expect(basename(removal[0] as string)).toBe("DATABASE");
    const [left] = readdirSync(parent) as [string];
    expect(left).toMatch(/^copy\.unfinished-/);
    expect(readdirSync(join(parent, left)).sort()).toEqual(["log", "snapshots"]);
    await refused("KV_CORRUPT", () => Database.open(join(parent, left)));
  });

  test("is nothing after the caller's signal", async () => {
    const db = await openDatabase<number>();
    await Promise.all(Array.from({ length: 20_000 }, (_, n) => db.put(`k${n}`, n)));
    const controller = new AbortController();
    const path = freshPath();
    mkdirSync(path);
    const restoring = restore(
      db.directory,
      path,
      { offset: 19_000 },
      {
        signal: controller.signal,
        onProgress: () => controller.abort(new Error("enough")),
      },
    );
    await expect(restoring).rejects.toThrow("enough");
    expect(readdirSync(dirname(path))).toEqual(["db"]);
    expect(readdirSync(path)).toEqual([]);
  });
});

describe("a disk that fails", () => {
  test("while the source is read is an error of its own, not an end of the log", async () => {
    const db = await source();
    const disk = new FaultyDisk();
    disk.fail({ call: "read", path: /\d\.log$/ }, "EIO");
    const path = freshPath();
    await refused("KV_IO", () =>
      restore(db.directory, path, { offset: 15 }, { fileSystem: disk.fileSystem }),
    );
    expect(readdirSync(dirname(path))).toEqual([]);
  });
});
