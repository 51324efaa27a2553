// Opening: what becomes of every kind of directory, and of snapshot files that are damaged or do not fit.

import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Database, restore } from "@tidemark/kv";
import { crc32, Log } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import {
  contents,
  copyOf,
  filesIn,
  freshPath,
  killImage,
  letGo,
  type Options,
  on,
  openBytes,
  openDatabase,
  refused,
  reopen,
  snapshotFiles,
  temporaryDirectory,
} from "./fixture.js";

/** A closed database with some commits and snapshot files after the third and the sixth. */
async function closedDatabase(): Promise<string> {
  const db = await openDatabase<number>();
  for (let n = 0; n < 9; n++) {
    await db.put(`k${n % 4}`, n);
    if (n === 2 || n === 5) await db.checkpoint();
  }
  await db.close();
  return db.directory;
}

const finalContents: [string, unknown][] = [
  ["k0", 8],
  ["k1", 5],
  ["k2", 6],
  ["k3", 7],
];

async function refusedUnchanged(
  directory: string,
  code: Parameters<typeof refused>[0],
  options: Options = {},
) {
  const before = filesIn(directory);
  const error = await refused(code, () => Database.open(directory, options));
  expect(filesIn(directory)).toEqual(before);
  return error;
}

function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] as number) ^ 0xff;
  writeFileSync(path, bytes);
}

describe("a directory", () => {
  test("that is missing or empty becomes a database, unless asked not to", async () => {
    const path = join(freshPath(), "with", "parents");
    await refused("KV_NOT_FOUND", () => Database.open(path, { createIfMissing: false }));
    await refused("KV_NOT_FOUND", () => Database.open(path, { readOnly: true }));
    const db = await openDatabase(path);
    expect(db.recovery).toMatchObject({ commits: 0, snapshot: undefined, skipped: [] });
    expect(db.recovery.log.created).toBe(true);
    const empty = temporaryDirectory();
    await refusedUnchanged(empty, "KV_NOT_FOUND", { createIfMissing: false });
    expect((await openDatabase(empty)).size).toBe(0);
    await db.close();
    await refusedUnchanged(path, "KV_EXISTS", { errorIfExists: true });
  });

  test("that is something else is refused and untouched", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "notes.txt"), "mine");
    const error = await refusedUnchanged(directory, "KV_INVALID_ARGUMENT");
    expect(error.message).toContain('"notes.txt"');
    const file = join(directory, "notes.txt");
    await refused("KV_IO", () => Database.open(file));
    expect(readFileSync(file, "utf8")).toBe("mine");
  });

  test("with foreign files beside a database keeps them", async () => {
    const directory = await closedDatabase();
    writeFileSync(join(directory, "notes.txt"), "mine");
    writeFileSync(join(directory, "snapshots", "notes.txt"), "mine");
    writeFileSync(join(directory, "snapshots", "99999999999999999999.snapshot"), "not ours");
    const db = await openDatabase(directory);
    expect(contents(db)).toEqual(finalContents);
    expect(db.recovery.skipped).toEqual([]);
    await db.close();
    expect(readFileSync(join(directory, "snapshots", "notes.txt"), "utf8")).toBe("mine");
  });

  test("with a log and no DATABASE is refused", async () => {
    const directory = await closedDatabase();
    unlinkSync(join(directory, "DATABASE"));
    const error = await refusedUnchanged(directory, "KV_CORRUPT");
    expect(error.message).toContain("DATABASE is missing beside a log");
  });

  test("whose log is gone is refused, and not taken for one half made", async () => {
    const directory = await closedDatabase();
    rmSync(join(directory, "log"), { recursive: true });
    for (const readOnly of [false, true]) {
      const error = await refusedUnchanged(directory, "KV_CORRUPT", { readOnly });
      expect(error.message).toContain("the log of this database is missing");
    }
    for (const file of snapshotFiles(directory)) unlinkSync(file);
    await refusedUnchanged(directory, "KV_CORRUPT");
  });

  test("with a damaged DATABASE is refused", async () => {
    const directory = await closedDatabase();
    flipByte(join(directory, "DATABASE"), 12);
    const error = await refusedUnchanged(directory, "KV_CORRUPT");
    expect(error.file).toBe(join(directory, "DATABASE"));
  });

  test("faults 60 and 61: with a symbolic link or a directory in place of a file of ours is refused", async () => {
    const directory = await closedDatabase();
    const identity = join(directory, "DATABASE");
    renameSync(identity, join(directory, "elsewhere"));
    symlinkSync("elsewhere", identity);
    await refusedUnchanged(directory, "KV_CORRUPT");
    unlinkSync(identity);
    mkdirSync(identity);
    await refusedUnchanged(directory, "KV_CORRUPT");
  });

  test("a symbolic link in place of a snapshot file is passed over", async () => {
    const directory = await closedDatabase();
    const newest = snapshotFiles(directory).at(-1) as string;
    renameSync(newest, `${newest}.aside`);
    symlinkSync(`${newest}.aside`, newest);
    const db = await openDatabase(directory);
    expect(db.recovery.skipped).toMatchObject([{ file: newest }]);
    expect(contents(db)).toEqual(finalContents);
  });

  test("with keys of another kind is refused", async () => {
    const bytes = await openBytes();
    await bytes.put(Uint8Array.of(1), 1);
    await bytes.close();
    const error = await refusedUnchanged(bytes.directory, "KV_INVALID_ARGUMENT");
    expect(error.message).toContain('keys of this database are "bytes"');
  });

  test("that is open is locked, and can be opened once it is closed", async () => {
    const db = await openDatabase();
    const error = await refused("KV_LOCKED", () => Database.open(db.directory));
    expect(error.message).toContain(String(process.pid));
    expect((await reopen(db)).size).toBe(0);
  });

  test("that many want to make at once is made by one of them", async () => {
    const path = freshPath();
    const opening = Array.from({ length: 10 }, () => Database.open(path));
    const outcomes = await Promise.allSettled(opening);
    const opened = outcomes.flatMap((outcome) =>
      outcome.status === "fulfilled" ? [outcome.value] : [],
    );
    expect(opened).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected")
        expect(outcome.reason).toMatchObject({ code: "KV_LOCKED" });
    }
    await opened[0]?.put("a", 1);
    await opened[0]?.close();
    expect(contents(await openDatabase(path))).toEqual([["a", 1]]);
  });
});

describe("creation", () => {
  test("that a crash cut off at any step is finished by the next opening", async () => {
    const disk = new FaultyDisk();
    const path = freshPath();
    const images: string[] = [];
    disk.beforeChange = () => {
      try {
        images.push(copyOf(path));
      } catch {
        // There is no directory yet.
      }
    };
    const db = await openDatabase(path, on(disk));
    disk.beforeChange = undefined;
    await letGo(db);
    expect(images.length).toBeGreaterThan(8);
    for (const image of images) {
      const again = await openDatabase(image);
      expect(await again.put("a", 1)).toBe(0);
      expect(contents(await reopen(again))).toEqual([["a", 1]]);
    }
  });

  test("that a crash cut off before the directory of snapshots was durable makes it so", async () => {
    const db = await openDatabase();
    await db.close();
    const disk = new FaultyDisk();
    const again = await openDatabase(db.directory, on(disk));
    await again.checkpoint();
    const synced = disk.calls.filter(({ call }) => call === "syncDirectory");
    expect(synced.map(({ file }) => file)).toContain(db.directory);
  });

  test("that failed at any call can be tried again", async () => {
    const calls = new FaultyDisk();
    await letGo(await openDatabase(freshPath(), on(calls)));
    const count = calls.calls.length;
    for (let after = 0; after < count; after++) {
      const disk = new FaultyDisk();
      const lift = disk.fail({ call: calls.calls[after]?.call ?? "open" }, "EIO", {
        after: calls.calls.slice(0, after).filter(({ call }) => call === calls.calls[after]?.call)
          .length,
        times: 1,
      });
      const path = freshPath();
      const first = await Database.open(path, on(disk)).catch((error: unknown) => error);
      if (first instanceof Database) await letGo(first);
      else expect(first).toMatchObject({ name: "DatabaseError" });
      lift();
      const again = await openDatabase(path);
      expect(await again.put("a", 1)).toBe(0);
      await again.close();
    }
  });
});

describe("snapshot files", () => {
  test("make opening read only the log after them", async () => {
    const db = await openDatabase(await closedDatabase());
    expect(contents(db)).toEqual(finalContents);
    expect(db.recovery.commits).toBe(3);
    expect(db.recovery.snapshot).toBe(snapshotFiles(db.directory).at(-1));
    expect(db.stats().snapshotOffset).toBe(6);
  });

  test("that are damaged anywhere are passed over, and reported", async () => {
    const directory = await closedDatabase();
    const [older, newest] = snapshotFiles(directory) as [string, string];
    const length = readFileSync(newest).length;
    for (const at of [0, 40, 96, 110, 130, length - 40, length - 1]) {
      const image = copyOf(directory);
      const damaged = newest.replace(directory, image);
      flipByte(damaged, at);
      const db = await openDatabase(image);
      expect(contents(db)).toEqual(finalContents);
      expect(db.recovery).toMatchObject({ commits: 6, skipped: [{ file: damaged }] });
      expect(db.recovery.snapshot).toBe(older.replace(directory, image));
      await db.close();
    }
    flipByte(older, -1);
    writeFileSync(newest, "");
    const db = await openDatabase(directory);
    expect(contents(db)).toEqual(finalContents);
    expect(db.recovery).toMatchObject({ commits: 9, snapshot: undefined });
    expect(db.recovery.skipped.map(({ file }) => file)).toEqual([newest, older]);
  });

  test("that cannot be read are passed over too", async () => {
    const directory = await closedDatabase();
    const disk = new FaultyDisk();
    disk.fail({ call: "read", path: /00006\.snapshot$/ }, "EIO");
    const db = await openDatabase(directory, on(disk));
    expect(contents(db)).toEqual(finalContents);
    expect(db.recovery.skipped[0]?.reason).toContain("EIO");
  });

  test("that cannot be read are an I/O error where there is nothing else to begin from", async () => {
    const restored = freshPath();
    await restore(await closedDatabase(), restored, { offset: 4 });
    const disk = new FaultyDisk();
    for (const call of ["read", "open"] as const) {
      const lift = disk.fail({ call, path: /\.snapshot$/ }, "EIO");
      const error = await refused("KV_IO", () => openDatabase(restored, on(disk)));
      expect(error.cause).toMatchObject({ code: "EIO" });
      lift();
    }
    const db = await openDatabase<number>(restored, on(disk));
    await db.put("new", 1);
    const lift = disk.fail({ call: "read", path: /\.snapshot$/ }, "EIO");
    await refused("KV_IO", () => db.at({ offset: 4 }));
    lift();
    expect((await db.at({ offset: 4 })).get("k0")).toBe(4);
  });

  test.each(["EMFILE", "ENFILE", "ENOMEM", "EACCES", "EPERM"])(
    "that this process cannot open, for %s, are not made up for by reading the whole log",
    async (code) => {
      const directory = await closedDatabase();
      const disk = new FaultyDisk();
      const lift = disk.fail({ call: "open", path: /\.snapshot$/ }, code);
      const error = await refused("KV_IO", () => openDatabase(directory, on(disk)));
      expect(error.cause).toMatchObject({ code });
      lift();
      expect((await openDatabase(directory, on(disk))).recovery.skipped).toEqual([]);
    },
  );

  test("of another database, or under another name, are passed over", async () => {
    const directory = await closedDatabase();
    const other = await openDatabase();
    for (let n = 0; n < 8; n++) await other.put("other", n);
    const { file } = await other.checkpoint();
    writeFileSync(
      join(directory, "snapshots", "00000000000000000008.snapshot"),
      readFileSync(file),
    );
    const [older] = snapshotFiles(directory) as [string];
    writeFileSync(
      join(directory, "snapshots", "00000000000000000007.snapshot"),
      readFileSync(older),
    );
    const db = await openDatabase(directory);
    expect(contents(db)).toEqual(finalContents);
    expect(db.recovery.skipped.map(({ reason }) => reason)).toEqual([
      expect.stringContaining("it is of another log"),
      expect.stringContaining("it ends at offset 3"),
    ]);
  });

  test("fault 64: that hold commits which the log lost are refused, with both offsets", async () => {
    const directory = await closedDatabase();
    const image = copyOf(directory);
    rmSync(join(image, "snapshots"), { recursive: true });
    rmSync(join(image, "log"), { recursive: true });
    const cut = await Log.open(join(directory, "log"));
    await cut.truncateFrom(5);
    await cut.close();
    for (const readOnly of [true, false]) {
      const error = await refusedUnchanged(directory, "KV_CORRUPT", { readOnly });
      expect(error.message).toContain("it holds the commits below 6, but the log ends at 5");
      expect(error.file).toBe(snapshotFiles(directory).at(-1));
    }
  });

  test("fault 64: one that is damaged as well claims nothing", async () => {
    const directory = await closedDatabase();
    const [, newest] = snapshotFiles(directory) as [string, string];
    const ahead = newest.replace("06.snapshot", "60.snapshot");
    renameSync(newest, ahead);
    const db = await openDatabase(directory);
    expect(contents(db)).toEqual(finalContents);
  });

  test("fault 63: of a later format are refused: a later version wrote here", async () => {
    const directory = await closedDatabase();
    const [, newest] = snapshotFiles(directory) as [string, string];
    const bytes = readFileSync(newest);
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 92);
    writeFileSync(newest, bytes);
    await refusedUnchanged(directory, "KV_UNSUPPORTED_VERSION");
  });

  test("that were never finished are removed by a writer and left by a reader", async () => {
    const directory = await closedDatabase();
    const leftover = join(directory, "snapshots", "00000000000000000009.snapshot.new");
    writeFileSync(leftover, "half");
    const reader = await openDatabase(directory, { readOnly: true });
    expect(contents(reader)).toEqual(finalContents);
    await reader.close();
    expect(readFileSync(leftover, "utf8")).toBe("half");
    await (await openDatabase(directory)).close();
    expect(() => readFileSync(leftover)).toThrowError(/ENOENT/);
  });
});

describe("read-only", () => {
  test("shows the state and its past, and refuses to write", async () => {
    const directory = await closedDatabase();
    const before = filesIn(directory);
    const db = await openDatabase<number>(directory, { readOnly: true });
    expect(contents(db)).toEqual(finalContents);
    expect((await db.at({ offset: 4 })).get("k0")).toBe(4);
    expect(await db.transaction((tx) => tx.get("k0"))).toEqual({ offset: 8, result: 8 });
    for (const write of [
      () => db.put("a", 1),
      () => db.del("a"),
      () => db.batch([{ type: "del", key: "a" }]),
      () => db.transaction((tx) => tx.put("a", 1)),
      () => db.checkpoint(),
      () => db.sync(),
    ]) {
      await refused("KV_READ_ONLY", write);
    }
    expect(contents(db)).toEqual(finalContents);
    await db.close();
    expect(filesIn(directory)).toEqual(before);
  });

  test("beside a live writer shows what is proved durable, and the writer goes on", async () => {
    const db = await openDatabase<number>();
    for (let n = 0; n < 50; n++) await db.put(`k${n % 4}`, n);
    await db.checkpoint();
    for (let n = 0; n < 10; n++) {
      const reader = await openDatabase<number>(db.directory, { readOnly: true });
      expect(reader.endOffset).toBeGreaterThan(40);
      const past = await db.at({ offset: reader.endOffset - 1 });
      expect(contents(reader)).toEqual(contents(past));
      await reader.close();
      await db.put("more", n);
    }
  });

  test("of what a killed process left shows all that is whole", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), on(disk));
    for (let n = 0; n < 9; n++) await db.put(`k${n % 4}`, n);
    const image = killImage(db.directory);
    const before = filesIn(image);
    expect(contents(await openDatabase(image, { readOnly: true }))).toEqual(finalContents);
    expect(filesIn(image)).toEqual(before);
  });
});
