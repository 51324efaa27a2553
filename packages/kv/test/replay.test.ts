// Operations that this version reads and no call of it writes yet: expiry, deleted ranges, marks. They are
// fed to the log as a later version would, and hold through replay, snapshot files, going back and restoring.

import { join } from "node:path";
import { Database, restore } from "@tidemark/kv";
import { Log } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { CommitWriter } from "../src/formats/operations.js";
import { contents, freshPath, openDatabase, refused, reopen } from "./fixture.js";

interface Clock {
  now: number;
}

/** A closed database whose log got these commits, one each ms from 1,000 on. */
async function fed(
  commits: readonly ((writer: CommitWriter) => void)[],
  clock: Clock = { now: 1000 },
): Promise<string> {
  const directory = freshPath();
  const options = { clock: () => clock.now };
  await (await openDatabase(directory, { log: options })).close();
  const log = await Log.open(join(directory, "log"), options);
  const writer = new CommitWriter();
  for (const commit of commits) {
    commit(writer);
    await log.append(writer.payload());
    clock.now += 1;
  }
  await log.close();
  return directory;
}

function put(key: string, value: unknown, expiry?: number) {
  return (writer: CommitWriter) => {
    writer.begin(1);
    writer.put(key, value, expiry);
  };
}

function mark(name: string) {
  return (writer: CommitWriter) => {
    writer.begin(1);
    writer.mark(name);
  };
}

function deleteRange(gte: string | undefined, lt: string | undefined) {
  return (writer: CommitWriter) => {
    writer.begin(1);
    writer.deleteRange(gte, lt);
  };
}

/** As replayed, as read from a snapshot file, and as restored at the end. */
async function everyWay(
  directory: string,
  check: (db: Database) => Promise<void> | void,
  clock?: () => number,
): Promise<void> {
  const options = clock === undefined ? {} : { log: { clock } };
  const db = await openDatabase(directory, options);
  await check(db);
  await db.checkpoint();
  const again = await reopen(db, options);
  expect(again.recovery.commits).toBe(0);
  await check(again);
  const copy = freshPath();
  const at = { offset: again.endOffset - 1 };
  await restore(directory, copy, at, clock === undefined ? {} : { clock });
  const restored = await openDatabase(copy, options);
  await check(restored);
  await Promise.all([again.close(), restored.close()]);
}

describe("expiry", () => {
  test("an entry is gone from its expiry on, by the clock now and by the commit's time then", async () => {
    const clock = { now: 1000 };
    const directory = await fed(
      [put("a", 1, 1002), put("b", 2, 5000), put("c", 3), put("a", 4, 1003), put("d", 5)],
      clock,
    );
    clock.now = 4999;
    const now = () => clock.now;
    await everyWay(
      directory,
      (db) => {
        expect(contents(db)).toEqual([
          ["b", 2],
          ["c", 3],
          ["d", 5],
        ]);
        expect([db.size, db.has("a"), db.get("b")]).toEqual([3, false, 2]);
      },
      now,
    );
    const db = await openDatabase(directory, { log: { clock: now } });
    const view = db.snapshot();
    clock.now = 5000;
    expect([...db.keys()]).toEqual(["c", "d"]);
    expect([...db.keys({ reverse: true, limit: 1 })]).toEqual(["d"]);
    expect([db.size, db.has("b")]).toEqual([2, false]);
    expect([[...view.keys()], view.size]).toEqual([["b", "c", "d"], 3]);
    expect(contents(await db.at({ offset: 1 }))).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
    expect(contents(await db.at({ offset: 2 }))).toEqual([
      ["b", 2],
      ["c", 3],
    ]);
    // The fourth commit's own time is the expiry that it sets.
    expect((await db.at({ offset: 3 })).size).toBe(2);
    expect([...(await db.at({ offset: 3 })).keys()]).toEqual(["b", "c"]);
    expect([...(await db.at({ time: 4999 })).keys()]).toEqual(["b", "c", "d"]);
    expect([...(await db.at({ time: 5000 })).keys()]).toEqual(["c", "d"]);
  });

  test("no step back of the clock brings back what had expired", async () => {
    const clock = { now: 1000 };
    const directory = await fed([put("a", 1, 1001), put("b", 2)], clock);
    clock.now = 500;
    const db = await openDatabase(directory, { log: { clock: () => clock.now } });
    expect([...db.keys()]).toEqual(["b"]);
  });

  test("writing a key again takes its expiry away", async () => {
    const directory = await fed([put("a", 1, 1001)]);
    const db = await openDatabase(directory);
    expect(db.size).toBe(0);
    await db.put("a", 2);
    expect([db.size, db.get("a")]).toEqual([1, 2]);
    await db.transaction((tx) => tx.del("a"));
    expect(db.size).toBe(0);
    expect(contents(await reopen(db))).toEqual([]);
  });
});

describe("deleted ranges", () => {
  test("take what is in them and nothing that came later", async () => {
    const directory = await fed([
      ...["a", "b", "c", "d"].map((key, n) => put(key, n)),
      deleteRange("b", "d"),
      put("b", "again"),
      (writer) => {
        writer.begin(3);
        writer.put("c", "first");
        writer.deleteRange("c", undefined);
        writer.put("e", "last");
      },
    ]);
    await everyWay(directory, (db) => {
      expect(contents(db)).toEqual([
        ["a", 0],
        ["b", "again"],
        ["e", "last"],
      ]);
    });
    const db = await openDatabase(directory);
    expect([...(await db.at({ offset: 4 })).keys()]).toEqual(["a", "d"]);
  });

  test("reach into what a snapshot file holds", async () => {
    const directory = await fed([]);
    const db = await openDatabase(directory);
    await Promise.all(
      Array.from({ length: 2000 }, (_, n) => db.put(`k${String(n).padStart(4, "0")}`, n)),
    );
    await db.checkpoint();
    await db.close();
    const log = await Log.open(join(directory, "log"));
    const writer = new CommitWriter();
    deleteRange("k0100", "k1900")(writer);
    await log.append(writer.payload());
    await log.close();
    await everyWay(directory, (again) => {
      expect(again.size).toBe(200);
      expect([...again.keys({ gt: "k0098", limit: 2 })]).toEqual(["k0099", "k1900"]);
    });
    const all = await openDatabase(await fed([put("a", 1), deleteRange(undefined, undefined)]));
    expect(all.size).toBe(0);
  });
});

describe("marks", () => {
  test("name the state of everything before them, the newest of a name", async () => {
    const directory = await fed([
      put("a", 1),
      mark("release"),
      put("a", 2),
      mark("other"),
      mark("release"),
      put("a", 3),
    ]);
    await everyWay(directory, async (db) => {
      // A restored database reaches no further back than where it begins; its marks do.
      if (db.endOffset === 6 && db.logId !== (await idOf(directory))) {
        await refused("KV_TARGET_OUT_OF_RANGE", () => db.at({ mark: "release" }));
        return;
      }
      expect(await db.at({ mark: "release" })).toMatchObject({ offset: 4, time: 1004 });
      expect((await db.at({ mark: "release" })).get("a")).toBe(2);
      expect((await db.at({ mark: "other" })).offset).toBe(3);
      await refused("KV_TARGET_OUT_OF_RANGE", () => db.at({ mark: "none" }));
    });
    const copy = freshPath();
    const report = await restore(directory, copy, { mark: "other" });
    expect(report).toMatchObject({ offset: 3, entries: 1 });
    const restored = await openDatabase(copy);
    expect(restored.get("a")).toBe(2);
    expect((await restored.at({ mark: "other" })).offset).toBe(3);
  });

  async function idOf(directory: string): Promise<string> {
    const log = await Log.open(join(directory, "log"), { readOnly: true });
    await log.close();
    return log.id;
  }
});

describe("a record that is no commit of ours", () => {
  test.each<[string, number[], "KV_CORRUPT" | "KV_UNSUPPORTED_VERSION"]>([
    ["of a later format", [2, 0], "KV_UNSUPPORTED_VERSION"],
    ["with an operation of a later version", [1, 1, 9, 0], "KV_UNSUPPORTED_VERSION"],
    ["of something else", [1, 1, 1], "KV_CORRUPT"],
  ])("%s is refused, with its offset", async (_, payload, code) => {
    const directory = await fed([put("a", 1)]);
    const log = await Log.open(join(directory, "log"));
    await log.append(Uint8Array.from(payload));
    await log.close();
    const error = await refused(code, () => Database.open(directory));
    expect(error.offset).toBe(1);
  });

  test("a value that is none is an error where it is read, and nowhere else", async () => {
    const directory = await fed([put("a", 1), put("c", 3)]);
    const log = await Log.open(join(directory, "log"));
    const writer = new CommitWriter();
    writer.begin(1);
    writer.putStored("b", "\xdd\xff\xff\xff\xff");
    await log.append(writer.payload());
    await log.close();
    const db = await openDatabase(directory);
    expect([db.size, db.get("a"), db.has("b")]).toEqual([3, 1, true]);
    expect([...db.keys()]).toEqual(["a", "b", "c"]);
    const error = await refused("KV_CORRUPT", () => db.get("b"));
    expect(error).toMatchObject({ offset: 2, message: expect.stringContaining('key "b"') });
    await refused("KV_CORRUPT", () => [...db.values()]);
    await db.checkpoint();
    expect((await reopen(db)).get("c")).toBe(3);
  });
});
