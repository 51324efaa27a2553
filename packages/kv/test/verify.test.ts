// verifyDatabase: sound databases of every kind pass, each kind of damage is named with its place and what it means,
// and nothing is changed.

import { cpSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DatabaseDamage, restore, verifyDatabase } from "@tidemark/kv";
import { Log, nodeFileSystem } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { SnapshotReader } from "../src/formats/snapshot-reader.js";
import { SnapshotWriter } from "../src/formats/snapshot-writer.js";
import { COUNT, filled, flip, positionOf, snapshot, store } from "./damaged.js";
import { FaultyDisk } from "./faulty-disk.js";
import {
  copyOf,
  filesIn,
  freshPath,
  killImage,
  openBytes,
  openDatabase,
  plainEntry,
  refused,
  snapshotFiles,
  temporaryDirectory,
} from "./fixture.js";

/** Appends payloads to the log behind the database's back. */
async function appendRecords(directory: string, ...payloads: number[][]): Promise<void> {
  const log = await Log.open(join(directory, "log"));
  for (const payload of payloads) await log.append(Uint8Array.from(payload));
  await log.close();
}

async function damageIn(directory: string): Promise<readonly DatabaseDamage[]> {
  const before = filesIn(directory);
  const report = await verifyDatabase(directory);
  expect(filesIn(directory)).toEqual(before);
  expect(report.ok).toBe(report.damage.length === 0);
  for (const { meaning, message } of report.damage) {
    expect(meaning).not.toBe("");
    expect(message).not.toBe("");
  }
  return report.damage;
}

/** The one thing that is wrong. */
async function onlyDamageIn(directory: string): Promise<DatabaseDamage> {
  const damage = await damageIn(directory);
  expect(damage).toHaveLength(1);
  return damage[0] as DatabaseDamage;
}

describe("a sound database", () => {
  test("passes, and the report counts what was read", async () => {
    const directory = await filled();
    const report = await verifyDatabase(directory);
    expect(report).toMatchObject({ ok: true, damage: [], remarks: [] });
    expect(report).toMatchObject({ commits: COUNT, operations: COUNT });
    expect(report.reachable).toEqual([{ first: 0, last: COUNT - 1 }]);
    expect(report.snapshots.map(({ endOffset, ok }) => [endOffset, ok])).toEqual([
      [40, true],
      [20, true],
    ]);
    expect(report.snapshots.every(({ entries }) => entries > 10)).toBe(true);
    const sizes = snapshotFiles(directory).map((path) => readFileSync(path).length);
    const bytes = sizes.reduce((sum, size) => sum + size, report.log?.bytes ?? 0);
    expect(report.bytes).toBe(bytes);
    expect(report.log).toMatchObject({ ok: true, records: COUNT });
  });

  test("passes when it is empty, restored, with keys of bytes, killed, or not quite made", async () => {
    const empty = await openDatabase();
    await empty.close();
    expect(await verifyDatabase(empty.directory)).toMatchObject({ ok: true, reachable: [] });
    const source = await filled();
    const restored = freshPath();
    await restore(source, restored, { offset: 30 });
    const report = await verifyDatabase(restored);
    expect(report).toMatchObject({ ok: true, commits: 0, reachable: [{ first: 30, last: 30 }] });
    const bytes = await openBytes(freshPath());
    await bytes.put(Uint8Array.of(255, 0), 1);
    await bytes.checkpoint();
    const killed = killImage(bytes.directory);
    expect(await verifyDatabase(killed)).toMatchObject({ ok: true, commits: 1 });
    rmSync(join(empty.directory, "log"), { recursive: true });
    rmSync(join(empty.directory, "snapshots"), { recursive: true });
    const halfMade = await verifyDatabase(empty.directory);
    expect(halfMade).toMatchObject({ ok: true, log: undefined });
    expect(halfMade.remarks).toHaveLength(1);
  });

  test("may have unfinished and foreign files: they are remarked on", async () => {
    const directory = await filled();
    const placed = ["DATABASE.new", "notes.txt", "log/MANIFEST.new", "log/mine"];
    const inSnapshots = ["00000000000000000050.snapshot.new", "mine.snapshot"];
    placed.push(...inSnapshots.map((name) => `snapshots/${name}`));
    for (const name of placed) writeFileSync(join(directory, name), "something");
    const report = await verifyDatabase(directory);
    expect(report.ok).toBe(true);
    const remarks = report.remarks.map(({ file }) => file.slice(directory.length + 1));
    expect(remarks.sort()).toEqual(placed.sort());
    const unfinished = report.remarks.filter(({ message }) => message.startsWith("unfinished"));
    expect(unfinished.map(({ file }) => file).every((file) => file.endsWith(".new"))).toBe(true);
    expect(unfinished).toHaveLength(3);
  });

  test("passes at every moment beside its writer, which puts, checkpoints and cuts its history", async () => {
    const log = { segmentBytes: 4096, noteAfterMs: 1 };
    const history = { maxBytes: 30_000 };
    const database = await openDatabase<unknown>(freshPath(), { log, history });
    let stop = false;
    const writing = (async () => {
      for (let n = 0; !stop; n++) {
        await database.batch([
          { type: "put", key: `key ${n % 50}`, value: "v".repeat(n % 300) },
          { type: "del", key: `key ${(n * 7) % 50}` },
        ]);
        if (n % 40 === 39) await database.checkpoint();
      }
    })();
    for (let run = 0; run < 30 || database.stats().log.startOffset === 0; run++) {
      expect((await verifyDatabase(database.directory)).damage).toEqual([]);
    }
    stop = true;
    await writing;
  });
});

describe("damage", () => {
  test("to DATABASE, or that it is missing, is named, and all else is looked at", async () => {
    const directory = await filled();
    flip(join(directory, "DATABASE"), 20);
    flip(snapshot(directory, 0), -1);
    const kinds = (await damageIn(directory)).map(({ kind }) => kind);
    expect(kinds).toEqual(["identity", "snapshot"]);
    rmSync(join(directory, "DATABASE"));
    const [damage] = await damageIn(directory);
    expect(damage).toMatchObject({ kind: "identity", file: join(directory, "DATABASE") });
    expect(damage?.meaning).toContain("from a snapshot file");
    rmSync(join(directory, "snapshots"), { recursive: true });
    expect((await onlyDamageIn(directory)).meaning).toContain("told the kind of keys");
  });

  test("to the log says which commits are gone, and which states can still be made", async () => {
    const directory = await filled();
    const file = store(directory, 0);
    const position = positionOf(file, "key 5");
    flip(file, position);
    const damage = await onlyDamageIn(directory);
    expect(damage).toMatchObject({ kind: "log", file, offset: 5 });
    expect(damage.position).toBeLessThan(position);
    expect(damage.meaning).toContain("commit 5 cannot be read");
    const { reachable, commits } = await verifyDatabase(directory);
    // The snapshot file at 20 holds the state of commit 19.
    expect(reachable).toEqual([
      { first: 0, last: 4 },
      { first: 19, last: COUNT - 1 },
    ]);
    expect(commits).toBe(COUNT - 1);
  });

  test("to the log behind the last snapshot file cuts what can be reached there", async () => {
    const directory = await filled();
    const last = store(directory, -1);
    flip(last, positionOf(last, "filler"));
    const { offset = 0 } = await onlyDamageIn(directory);
    expect(offset).toBeGreaterThan(40);
    expect((await verifyDatabase(directory)).reachable).toEqual([{ first: 0, last: offset - 1 }]);
  });

  test("to a snapshot file anywhere is named with its place, and made up for by the log", async () => {
    const directory = await filled();
    const file = snapshot(directory, -1);
    const { length } = readFileSync(file);
    for (let position = 0; position < length; position += 97) {
      const copy = copyOf(directory);
      const damaged = file.replace(directory, copy);
      flip(damaged, position);
      const damage = await onlyDamageIn(copy);
      expect(damage, `at ${position}`).toMatchObject({ kind: "snapshot", file: damaged });
      expect(damage.meaning).toContain("make up for it");
      const report = await verifyDatabase(copy);
      expect(report.reachable).toEqual([{ first: 0, last: COUNT - 1 }]);
      expect(report.snapshots.map(({ ok }) => ok)).toEqual([false, true]);
    }
  });

  test("to the one snapshot file that a restored database rests on leaves no state", async () => {
    const restored = freshPath();
    await restore(await filled(), restored, { offset: 30 });
    flip(snapshot(restored, -1), 200);
    const damage = await damageIn(restored);
    expect(damage.map(({ kind }) => kind)).toEqual(["fit", "snapshot"]);
    expect(damage[0]?.meaning).toContain("no state");
    expect((await verifyDatabase(restored)).reachable).toEqual([]);
  });

  test("that is a record which is no commit breaks what follows, and a value that cannot be read does not", async () => {
    const directory = await filled();
    // One put: a key, and a value of one byte that MessagePack never uses. Then a delete that is cut short.
    const unreadable = [1, 1, 1, 1, 0x6b, 1, 0, 0, 0, 0xc1];
    const cutShort = [1, 2, 3, 1, 0x6b];
    const nothing = [1, 0];
    await appendRecords(directory, unreadable, cutShort, nothing);
    const damage = await damageIn(directory);
    expect(damage.map(({ kind, offset }) => [kind, offset])).toEqual([
      ["value", COUNT],
      ["commit", COUNT + 1],
    ]);
    const report = await verifyDatabase(directory);
    expect(report.reachable).toEqual([{ first: 0, last: COUNT }]);
    expect(report.commits).toBe(COUNT + 2);
  });
});

describe("files that are whole and do not fit", () => {
  test("a log that is gone is named, and what the snapshot files hold", async () => {
    const directory = await filled();
    rmSync(join(directory, "log"), { recursive: true });
    const damage = await onlyDamageIn(directory);
    expect(damage).toMatchObject({ kind: "fit", file: join(directory, "log") });
    expect((await verifyDatabase(directory)).reachable).toEqual([
      { first: 19, last: 19 },
      { first: 39, last: 39 },
    ]);
  });

  test("a log that was put back from a copy is shorter than a snapshot file says", async () => {
    const directory = await filled();
    const database = await openDatabase(directory);
    const copy = copyOf(directory);
    await database.put("one", "more");
    await database.checkpoint();
    await database.close();
    rmSync(join(directory, "log"), { recursive: true });
    cpSync(join(copy, "log"), join(directory, "log"), { recursive: true });
    const damage = await onlyDamageIn(directory);
    expect(damage).toMatchObject({ kind: "fit", offset: COUNT, file: snapshot(directory, -1) });
    expect(damage.meaning).toContain(`commit ${COUNT}`);
    expect((await verifyDatabase(directory)).reachable).toEqual([{ first: 0, last: COUNT }]);
  });

  test("a snapshot file of another database, or under another name, is no part of this one", async () => {
    const [directory, other] = [await filled(), await filled()];
    const file = snapshot(directory, 0);
    cpSync(snapshot(other, 0), file);
    expect(await onlyDamageIn(directory)).toMatchObject({ kind: "snapshot", file });
    cpSync(snapshot(directory, -1), file);
    expect(await onlyDamageIn(directory)).toMatchObject({ kind: "snapshot", file });
  });

  test("a snapshot file that holds something else than the log makes is named, and the next one is not", async () => {
    type Entries = Parameters<SnapshotWriter["append"]>[0][];
    const tampers: Record<string, (entries: Entries) => Entries> = {
      "a value": ([first, ...rest]) => (first ? [{ ...first, value: "\x2a" }, ...rest] : []),
      "an offset": ([first, ...rest]) => (first ? [{ ...first, offset: 0 }, ...rest] : []),
      "a time": ([first, ...rest]) => (first ? [{ ...first, time: 7 }, ...rest] : []),
      "an expiry": ([first, ...rest]) => (first ? [{ ...first, expiry: 7 }, ...rest] : []),
      "a key missing": ([, ...rest]) => rest,
      "the last key missing": (entries) => entries.slice(0, -1),
      "a key too many": (entries) => {
        const last = entries.at(-1);
        return last ? [...entries, { ...last, key: `${last.key}!` }] : [];
      },
    };
    const directory = await filled();
    for (const [what, tamper] of Object.entries(tampers)) {
      for (const index of [0, -1] as const) {
        const copy = copyOf(directory);
        const file = snapshot(copy, index);
        const reader = await SnapshotReader.open(nodeFileSystem, file);
        const entries = tamper([...reader.blocks()].flat().map(plainEntry));
        reader.close();
        rmSync(file);
        const { header } = reader;
        const writer = await SnapshotWriter.create(nodeFileSystem, join(copy, "snapshots"), header);
        for (const entry of entries) writer.append(entry);
        await writer.finish(new Map());
        const damage = await damageIn(copy);
        expect(
          damage.map(({ kind, file: at }) => [kind, at]),
          what,
        ).toEqual([["fit", file]]);
        const { snapshots } = await verifyDatabase(copy);
        expect(snapshots.map(({ ok }) => ok).indexOf(false)).toBe(index === 0 ? 1 : 0);
      }
    }
  });
});

describe("what prevents looking is an error", () => {
  test("that a later version wrote here", async () => {
    const directory = await filled();
    await appendRecords(directory, [1, 1, 250]);
    await refused("KV_UNSUPPORTED_VERSION", () => verifyDatabase(directory));
  });

  test("that there is no database", async () => {
    await refused("KV_NOT_FOUND", () => verifyDatabase(freshPath()));
    await refused("KV_NOT_FOUND", () => verifyDatabase(temporaryDirectory()));
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "notes.txt"), "mine");
    await refused("KV_NOT_FOUND", () => verifyDatabase(directory));
  });

  test("that a read fails, but for a snapshot file, which cannot be used then", async () => {
    const directory = await filled();
    const disk = new FaultyDisk();
    const { fileSystem } = disk;
    const lift = disk.fail({ call: "read", path: /\.log$/ }, "EIO");
    await refused("KV_IO", () => verifyDatabase(directory, { fileSystem }));
    lift();
    const liftSnapshots = disk.fail({ call: "read", path: /\.snapshot$/ }, "EIO");
    const report = await verifyDatabase(directory, { fileSystem });
    expect(report.damage.map(({ kind }) => kind)).toEqual(["snapshot", "snapshot"]);
    liftSnapshots();
    disk.fail({ call: "open", path: /\.snapshot$/ }, "EMFILE");
    await refused("KV_IO", () => verifyDatabase(directory, { fileSystem }));
  });

  test("options that make no sense, and a signal", async () => {
    const directory = await filled();
    const senseless = [{ keep: 1 }, { onProgress: 1 }, { signal: 1 }, { fileSystem: 1 }];
    for (const options of senseless as object[]) {
      await refused("KV_INVALID_ARGUMENT", () => verifyDatabase(directory, options));
    }
    await refused("KV_INVALID_ARGUMENT", () => verifyDatabase(""));
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(verifyDatabase(directory, { signal })).rejects.toBe(reason);
  });
});

test("a symbolic link in place of a snapshot file is damage", async () => {
  const directory = await filled();
  const file = snapshot(directory, -1);
  renameSync(file, join(directory, "elsewhere"));
  symlinkSync(join(directory, "elsewhere"), file);
  expect(await onlyDamageIn(directory)).toMatchObject({ kind: "snapshot", file });
});

test("progress goes up to what there is, for the snapshot files and then for the log", async () => {
  const database = await openDatabase<string>();
  const value = "v".repeat(20_000);
  for (let n = 0; n < 40; n++) {
    const operations = Array.from({ length: 50 }, (_, i) => ({
      type: "put" as const,
      key: `key ${n} ${i}`,
      value,
    }));
    await database.batch(operations);
  }
  await database.checkpoint();
  await database.close();
  const seen: [string, number][] = [];
  await verifyDatabase(database.directory, {
    onProgress: ({ part, bytesDone, bytesTotal }) => {
      expect(bytesDone).toBeLessThanOrEqual(bytesTotal);
      seen.push([part, bytesDone]);
    },
  });
  const parts = seen.map(([part]) => part);
  expect(parts.indexOf("log")).toBeGreaterThan(parts.lastIndexOf("snapshots"));
  const done = seen.filter(([part]) => part === "snapshots").map(([, bytes]) => bytes);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(done.length).toBeGreaterThan(10);
});
