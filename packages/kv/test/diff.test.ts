// What differs between two points: values and presence, by whatever commits, and by expiry without one.

import {
  type Database,
  type Difference,
  type DiffOptions,
  restore,
  type Target,
} from "@tidemark/kv";
import { describe, expect, test } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import { freshPath, on, openBytes, openDatabase, refused, snapshotFiles } from "./fixture.js";

async function differences(
  db: Database,
  a: Target,
  b: Target,
  options: DiffOptions = {},
): Promise<Difference[]> {
  const found: Difference[] = [];
  for await (const difference of db.diff(a, b, options)) found.push(difference);
  return found;
}

/** As `key before>after`, with `-` for a key that is not there. */
async function shown(db: Database, from: number | Target, to: number | Target): Promise<string[]> {
  const target = (given: number | Target) =>
    typeof given === "number" ? { offset: given } : given;
  const found = await differences(db, target(from), target(to));
  const side = (entry: Difference["before"]) => (entry === undefined ? "-" : String(entry.value));
  return found.map(({ key, before, after }) => `${key} ${side(before)}>${side(after)}`);
}

/** Ten keys at commit 0, then some changes. */
async function changed(db: Database): Promise<Database> {
  const keys = Array.from("0123456789");
  await db.batch(keys.map((key) => ({ type: "put", key, value: 0 })));
  await db.put("3", 1);
  await db.put("new", 2);
  await db.del("5");
  await db.batch([
    { type: "put", key: "3", value: 0 },
    { type: "put", key: "7", value: 4 },
    { type: "del", key: "nothing" },
  ]);
  await db.del("new");
  return db;
}

describe("a difference", () => {
  test("is a key with another value, or that is there once, in order of keys", async () => {
    const db = await changed(await openDatabase());
    expect(await shown(db, 0, 1)).toEqual(["3 0>1"]);
    expect(await shown(db, 0, 4)).toEqual(["5 0>-", "7 0>4", "new ->2"]);
    expect(await shown(db, 4, 0)).toEqual(["5 ->0", "7 4>0", "new 2>-"]);
    expect(await shown(db, 0, 5)).toEqual(["5 0>-", "7 0>4"]);
    expect(await shown(db, 1, 3)).toEqual(["5 0>-", "new ->2"]);
    expect(await shown(db, 2, 2)).toEqual([]);
  });

  test("has version and time of both sides, and tells undefined from nothing", async () => {
    const db = await openDatabase<unknown>();
    await db.put("k", undefined);
    await db.put("k", { n: 1 });
    const [found] = await differences(db, { offset: 0 }, { offset: 1 });
    expect(found).toEqual({
      key: "k",
      before: { value: undefined, version: 0, time: found?.before?.time, expiry: undefined },
      after: { value: { n: 1 }, version: 1, time: found?.after?.time, expiry: undefined },
    });
    expect(found?.before?.time).toBeGreaterThan(0);
    await db.del("k");
    await db.put("k", undefined);
    expect(await shown(db, 0, 3)).toEqual([]);
    expect(await shown(db, 2, 3)).toEqual(["k ->undefined"]);
  });

  test("is found the same from snapshot files, damaged ones and none", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), on(disk));
    for (let n = 0; n < 6; n++) {
      await db.put(`k${n % 3}`, n);
      await db.checkpoint();
    }
    expect(snapshotFiles(db.directory)).toHaveLength(6);
    const expected = ["k1 1>4", "k2 2>5"];
    expect(await shown(db, 3, 5)).toEqual(expected);
    disk.fail({ call: "read", path: /[34]\.snapshot$/ }, "EIO");
    expect(await shown(db, 3, 5)).toEqual(expected);
    const path = freshPath();
    await restore(db.directory, path, { offset: 3 });
    const copy = await openDatabase<number>(path);
    await copy.del("k0");
    await copy.put("k9", 9);
    expect(await shown(copy, 3, 5)).toEqual(["k0 3>-", "k9 ->9"]);
  });

  test("can be an expiry, which no commit has to tell of", async () => {
    const time = { now: 1000 };
    const db = await openDatabase<number>(freshPath(), { log: { clock: () => time.now } });
    await db.put("brief", 0, { ttl: 10 });
    await db.put("long", 0, { ttl: 1000 });
    time.now = 1009;
    await db.put("a", 2);
    expect(await shown(db, 1, 2)).toEqual(["a ->2"]);
    const [early, late] = [{ time: 1009 }, { time: 1010 }];
    time.now = 1020;
    expect(await shown(db, early, late)).toEqual(["brief 0>-"]);
    expect(await shown(db, late, { offset: 2 })).toEqual(["brief ->0"]);
    await db.put("b", 3);
    expect(await shown(db, 2, 3)).toEqual(["b ->3", "brief 0>-"]);
    expect(await shown(db, 3, 0)).toEqual(["a 2>-", "b 3>-", "brief ->0", "long 0>-"]);
  });

  test("is as the two views have it where a long commit and long values are between", async () => {
    const db = await openBytes<string>();
    const key = (n: number) => Uint8Array.of(n >>> 8, n);
    await db.put(key(0), "v".repeat(20_000));
    const all = Array.from({ length: 1500 }, (_, n) => n);
    await db.batch(all.map((n) => ({ type: "put", key: key(n), value: "v".repeat(20_000 - n) })));
    const found: number[] = [];
    for await (const { key: name } of db.diff({ offset: 0 }, { offset: 1 })) {
      found.push(((name[0] ?? 0) << 8) + (name[1] ?? 0));
    }
    expect(found).toEqual(all.slice(1));
  });
});

describe("a diff ends", () => {
  test("with the signal's reason, KV_CLOSED, or what cannot be reached", async () => {
    const db = await changed(await openDatabase());
    const ending = new AbortController();
    const reason = new Error("enough");
    ending.abort(reason);
    const [a, b] = [{ offset: 0 }, { offset: 4 }];
    await expect(differences(db, a, b, { signal: ending.signal })).rejects.toBe(reason);
    await refused("KV_TARGET_OUT_OF_RANGE", () => differences(db, a, { offset: 6 }));
    await refused("KV_TARGET_OUT_OF_RANGE", () => differences(db, { mark: "none" }, a));
    await refused("KV_INVALID_ARGUMENT", () => db.diff({} as Target, a));
    await refused("KV_INVALID_ARGUMENT", () => db.diff(a, b, { limit: 1 } as DiffOptions));
    const begun = db.diff(a, b);
    expect((await begun.next()).value).toMatchObject({ key: "5" });
    await db.close();
    // What was found does not need the database any longer.
    expect((await begun.next()).value).toMatchObject({ key: "7" });
    await refused("KV_CLOSED", () => db.diff(a, b));
  });
});
