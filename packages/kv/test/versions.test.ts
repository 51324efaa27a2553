// Versions: which commit wrote what a key has, and writes that depend on it.

import { restore } from "@tidemark/kv";
import { describe, expect, test } from "vitest";
import { stringKeys } from "../src/arguments/keys.js";
import { Present } from "../src/state/present.js";
import { State } from "../src/state/state.js";
import { Commits } from "../src/writing/commits.js";
import { FaultyDisk } from "./faulty-disk.js";
import { contents, freshPath, on, openBytes, openDatabase, refused, reopen } from "./fixture.js";
import { ScriptedLog } from "./scripted-log.js";

describe("getEntry", () => {
  test("says which commit wrote the value, when, and until when it stands", async () => {
    const clock = { now: 1000 };
    const options = { log: { clock: () => clock.now } };
    const db = await openDatabase<number>(freshPath(), options);
    await db.put("a", 1);
    clock.now = 2000;
    const view = db.snapshot();
    await db.batch([
      { type: "put", key: "a", value: 2, ttl: 500 },
      { type: "put", key: "b", value: 3 },
    ]);
    const first = { value: 1, version: 0, time: 1000, expiry: undefined };
    const second = { value: 2, version: 1, time: 2000, expiry: 2500 };
    expect(view.getEntry("a")).toEqual(first);
    expect(db.getEntry("a")).toEqual(second);
    expect(db.getEntry("none")).toBe(undefined);
    await db.checkpoint();
    const again = await reopen(db, options);
    expect(again.getEntry("a")).toEqual(second);
    expect((await again.at({ offset: 0 })).getEntry("a")).toEqual(first);
    const copy = freshPath();
    await restore(db.directory, copy, { offset: 1 }, options.log);
    const restored = await openDatabase<number>(copy, options);
    expect(restored.getEntry("a")).toEqual(second);
    clock.now = 2500;
    expect([again.getEntry("a"), restored.getEntry("a")]).toEqual([undefined, undefined]);
  });

  test("in a transaction says of its own writes what they would become", async () => {
    const clock = { now: 1000 };
    const db = await openDatabase<number>(freshPath(), { log: { clock: () => clock.now } });
    await db.put("a", 1);
    clock.now = 2000;
    const { result } = await db.transaction((tx) => {
      const before = tx.getEntry("a");
      tx.put("a", 2, { ttl: 10 });
      tx.del("b");
      return [before?.version, tx.getEntry("a"), tx.getEntry("b")];
    });
    const own = { value: 2, version: 1, time: 2000, expiry: 2010 };
    expect(result).toEqual([0, own, undefined]);
    expect(db.getEntry("a")).toEqual(own);
  });

  test("takes keys of bytes, and values that are the caller's own", async () => {
    const db = await openBytes<number[]>();
    const key = Uint8Array.from([0, 255]);
    await db.put(key, [1]);
    db.getEntry(key)?.value.push(2);
    expect(db.getEntry(key)).toMatchObject({ value: [1], version: 0 });
  });
});

describe("ifVersion", () => {
  test("lets one of two who read the same version write, and tells the other which one there is", async () => {
    const db = await openDatabase<number>();
    const ifVersion = await db.put("a", 1);
    const winner = db.put("a", 2, { ifVersion });
    const error = await refused("KV_CONFLICT", () => db.put("a", 3, { ifVersion }));
    expect(error).toMatchObject({ version: 1, message: "the key has version 1, not version 0" });
    expect(await winner).toBe(1);
    expect((await refused("KV_CONFLICT", () => db.del("a", { ifVersion }))).version).toBe(1);
    expect([db.get("a"), db.endOffset]).toEqual([2, 2]);
    expect(await db.del("a", { ifVersion: 1 })).toBe(2);
    const gone = await refused("KV_CONFLICT", () => db.put("a", 4, { ifVersion: 1 }));
    expect([gone.version, gone.message]).toEqual([
      undefined,
      "there is no such key, not version 1",
    ]);
    expect([contents(await reopen(db)), gone.offset]).toEqual([[], undefined]);
  });

  test("of null writes only where there is no such key, or one that has expired", async () => {
    const clock = { now: 1000 };
    const db = await openDatabase<number>(freshPath(), { log: { clock: () => clock.now } });
    await db.put("a", 1, { ifVersion: null, ttl: 100 });
    const error = await refused("KV_CONFLICT", () => db.put("a", 2, { ifVersion: null }));
    expect(error).toMatchObject({ version: 0, message: "the key has version 0, not no such key" });
    clock.now = 1100;
    expect((await refused("KV_CONFLICT", () => db.del("a", { ifVersion: 0 }))).version).toBe(
      undefined,
    );
    const offset = await db.put("a", 2, { ifVersion: null });
    expect(db.getEntry("a")).toMatchObject({ value: 2, version: offset, expiry: undefined });
  });

  test("looks at what there is once the value is encoded, which may write too", async () => {
    const db = await openDatabase<unknown>();
    const others: Promise<number>[] = [];
    const value = {
      get sneaky() {
        others.push(db.put("a", "sneaked in"));
        return 1;
      },
    };
    await refused("KV_CONFLICT", () => db.put("a", value, { ifVersion: null }));
    expect(await Promise.all(others)).toEqual([0]);
    expect(contents(db)).toEqual([["a", "sneaked in"]]);
  });

  test("means the version that stands again once the log has rejected what was above", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), on(disk));
    await db.put("a", 1);
    const lift = disk.fail({ call: "write", path: /\.log$/ }, "ENOSPC");
    const rejected = refused("KV_NO_SPACE", () => db.put("a", 2));
    const behind = refused("KV_NO_SPACE", () => db.put("a", 3, { ifVersion: 1 }));
    await Promise.all([rejected, behind]);
    lift();
    expect(await db.put("a", 4, { ifVersion: 0 })).toBe(1);
  });

  test("is not held against what the log has let go of and not told yet", async () => {
    const log = new ScriptedLog();
    const present = new Present(new State(), log, 0);
    const point = { state: present.state, keys: stringKeys, clock: () => 0 };
    const commits = new Commits<number, string>(point, present);
    const lost = commits.put("a", 1, undefined);
    const deliver = log.fallBack();
    const written = commits.put("a", 2, { ifVersion: null });
    deliver();
    await expect(lost).rejects.toThrow("rejected");
    log.acknowledge(1);
    expect(await written).toBe(0);
  });

  test.each([[undefined], [-1], [0.5], ["0"], [1n]])("%o is refused", async (ifVersion) => {
    const db = await openDatabase<number>();
    const given = { ifVersion } as { ifVersion: number };
    await refused("KV_INVALID_ARGUMENT", () => db.put("a", 1, given));
    await refused("KV_INVALID_ARGUMENT", () => db.del("a", given));
    expect(db.endOffset).toBe(0);
  });
});
