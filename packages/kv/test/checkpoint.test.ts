// Checkpoints: beside writes, one after the other, through crashes and failures at every step.

import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import type { Database } from "@tidemark/kv";
import { describe, expect, test } from "vitest";
import { changingCalls, FaultyDisk } from "./faulty-disk.js";
import {
  contents,
  copyOf,
  freshPath,
  on,
  openDatabase,
  refused,
  reopen,
  snapshotFiles,
} from "./fixture.js";

const snapshotsSynced = { call: "syncDirectory", path: /snapshots$/ } as const;

async function fill(db: Database<number>, from: number, to: number): Promise<void> {
  await Promise.all(
    Array.from({ length: to - from }, (_, i) => db.put(`k${(from + i) % 7}`, from + i)),
  );
}

describe("a checkpoint", () => {
  test("holds what was acknowledged before the call, and says what it did", async () => {
    const db = await openDatabase<number>();
    await fill(db, 0, 20);
    const first = await db.checkpoint();
    expect(first).toMatchObject({
      written: true,
      endOffset: 20,
      entries: 7,
      commits: 20,
      base: undefined,
    });
    expect(first.size).toBe(readFileSync(first.file).length);
    expect(db.stats().snapshotOffset).toBe(20);
    await fill(db, 20, 30);
    await db.del("k0");
    const second = await db.checkpoint();
    expect(second).toMatchObject({ endOffset: 31, entries: 6, commits: 11, base: first.file });
    const again = await reopen(db);
    expect(again.recovery).toMatchObject({ commits: 0, snapshot: second.file });
    expect(again.size).toBe(6);
  });

  test("of nothing new writes nothing, unless the file that is there is damaged", async () => {
    const db = await openDatabase<number>();
    await fill(db, 0, 5);
    const { file } = await db.checkpoint();
    const good = readFileSync(file);
    expect(await db.checkpoint()).toMatchObject({ file, written: false, endOffset: 5, entries: 5 });
    writeFileSync(file, good.subarray(0, -1));
    expect(await db.checkpoint()).toMatchObject({ file, written: true, commits: 5 });
    expect(readFileSync(file).length).toBe(good.length);
  });

  test("of an empty database is a snapshot file without entries", async () => {
    const db = await openDatabase();
    expect(await db.checkpoint()).toMatchObject({ endOffset: 0, entries: 0 });
    const again = await reopen(db);
    expect(basename(again.recovery.snapshot ?? "")).toBe("00000000000000000000.snapshot");
  });

  test("goes on beside writes, and several run one after the other", async () => {
    const db = await openDatabase<number>();
    await fill(db, 0, 3000);
    let done = false;
    const checkpoints = Promise.all([db.checkpoint(), db.checkpoint(), db.checkpoint()]);
    const finished = checkpoints.then(() => {
      done = true;
    });
    let n = 3000;
    for (; !done; n += 10) await fill(db, n, n + 10);
    await finished;
    const reports = await checkpoints;
    for (const { endOffset } of reports) {
      const past = await db.at({ offset: endOffset - 1 });
      expect(past.get("k0")).toBe(Math.floor((endOffset - 1) / 7) * 7);
    }
    const last = contents(db);
    const again = await reopen(db);
    expect(contents(again)).toEqual(last);
  });

  test("covers only what is on stable storage, at any durability", async () => {
    const disk = new FaultyDisk();
    const { log } = on(disk);
    const db = await openDatabase<number>(freshPath(), { log: { ...log, durability: "os" } });
    await fill(db, 0, 10);
    expect(db.durableOffset).toBe(0);
    expect(await db.checkpoint()).toMatchObject({ endOffset: 10 });
    expect(db.durableOffset).toBe(10);
  });

  test("passes over a base that turns out damaged, and says so", async () => {
    const db = await openDatabase<number>();
    await fill(db, 0, 5);
    const first = await db.checkpoint();
    await fill(db, 5, 10);
    const second = await db.checkpoint();
    const bytes = readFileSync(second.file);
    writeFileSync(second.file, bytes.fill(0, 100));
    await fill(db, 10, 15);
    const third = await db.checkpoint();
    expect(third).toMatchObject({
      base: first.file,
      commits: 10,
      skipped: [{ file: second.file }],
    });
    expect(contents(await reopen(db))).toHaveLength(7);
  });

  test("ends with the caller's signal or the closing of the database, leaving no file", async () => {
    const db = await openDatabase<number>();
    await fill(db, 0, 20_000);
    const controller = new AbortController();
    const aborted = db.checkpoint({
      signal: controller.signal,
      onProgress: () => controller.abort(new Error("enough")),
    });
    await expect(aborted).rejects.toThrow("enough");
    expect(snapshotFiles(db.directory)).toEqual([]);
    const closed = refused("KV_CLOSED", () => db.checkpoint());
    await db.close();
    await closed;
    expect(snapshotFiles(db.directory)).toEqual([]);
  });

  test("gathers no more than a write or so of large values before it writes", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<Uint8Array>(freshPath(), on(disk));
    const bytes = 300 * 1024;
    await Promise.all(Array.from({ length: 40 }, (_, n) => db.put(`k${n}`, new Uint8Array(bytes))));
    await db.checkpoint();
    const writes = disk.calls.filter(({ file }) => file.endsWith(".snapshot.new"));
    const longest = Math.max(...writes.map(({ length }) => length));
    expect(longest).toBeLessThan((1 << 20) + 2 * bytes);
  });

  test("tells how far it is", async () => {
    const db = await openDatabase<number>();
    await Promise.all(Array.from({ length: 3000 }, (_, n) => db.put(`k${n}`, n)));
    const seen: { commits: number; commitsTotal: number; entries: number }[] = [];
    await db.checkpoint({ onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ commits: 3000, commitsTotal: 3000, entries: 3000 });
  });
});

describe("faults 34 to 36: a crash during a checkpoint", () => {
  test("at any step leaves a database that opens with everything, and no half a file", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), on(disk));
    await fill(db, 0, 10);
    await db.checkpoint();
    await fill(db, 10, 20);
    const expected = contents(db);
    const images: string[] = [];
    disk.beforeChange = () => images.push(copyOf(db.directory));
    await db.checkpoint();
    disk.beforeChange = undefined;
    images.push(copyOf(db.directory));
    expect(images.length).toBeGreaterThan(4);
    for (const image of images) {
      const again = await openDatabase<number>(image);
      expect(contents(again)).toEqual(expected);
      expect(again.recovery.skipped).toEqual([]);
      expect(await again.checkpoint()).toMatchObject({ endOffset: 20, entries: 7 });
      await again.close();
    }
  });

  test("between the rename and the directory's sync may lose the file, and nothing else", async () => {
    const db = await openDatabase<number>();
    await fill(db, 0, 10);
    const { file } = await db.checkpoint();
    const expected = contents(db);
    const image = copyOf(db.directory);
    unlinkSync(file.replace(db.directory, image));
    const again = await openDatabase(image);
    expect(contents(again)).toEqual(expected);
  });

  test("after which the directory could not be synced leaves no file, and the next writes one", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), on(disk));
    await fill(db, 0, 10);
    disk.fail(snapshotsSynced, "EIO", { times: 1 });
    await refused("KV_IO", () => db.checkpoint());
    expect(snapshotFiles(db.directory)).toEqual([]);
    expect(await db.checkpoint()).toMatchObject({ written: true, endOffset: 10 });
  });

  test("between the rename and the directory's sync leaves a file that the next checkpoint makes durable", async () => {
    const db = await openDatabase<number>();
    await fill(db, 0, 10);
    await db.checkpoint();
    const disk = new FaultyDisk();
    const again = await reopen(db, on(disk));
    const before = disk.count(snapshotsSynced);
    expect(await again.checkpoint()).toMatchObject({ written: false, endOffset: 10 });
    expect(disk.count(snapshotsSynced)).toBe(before + 1);
    disk.fail(snapshotsSynced, "EIO", { times: 1 });
    await refused("KV_IO", () => again.checkpoint());
  });

  test("a call that fails at any step is a typed error, and the next checkpoint works", async () => {
    const calls = await countCalls();
    for (const [code, expected] of [
      ["ENOSPC", "KV_NO_SPACE"],
      ["EIO", "KV_IO"],
    ] as const) {
      for (let after = 0; after < calls; after++) {
        const disk = new FaultyDisk();
        const db = await openDatabase<number>(freshPath(), on(disk));
        await fill(db, 0, 10);
        const filter = { call: changingCalls, path: /snapshots/ };
        const lift = disk.fail(filter, code, { after, times: 1 });
        await refused(expected, () => db.checkpoint());
        lift();
        await fill(db, 10, 12);
        expect(await db.checkpoint()).toMatchObject({ endOffset: 12, entries: 7 });
        const again = await reopen(db);
        expect(again.recovery.skipped).toEqual([]);
        expect(again.size).toBe(7);
      }
    }
  });
});

/** Calls that change something which one checkpoint makes. */
async function countCalls(): Promise<number> {
  const disk = new FaultyDisk();
  const db = await openDatabase<number>(freshPath(), on(disk));
  await fill(db, 0, 10);
  const filter = { call: changingCalls, path: /snapshots/ };
  const before = disk.count(filter);
  await db.checkpoint();
  // The first looks for what an attempt before left over; that there is nothing is no failure.
  return disk.count(filter) - before;
}
