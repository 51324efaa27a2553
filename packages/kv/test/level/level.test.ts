// TidemarkLevel beyond what abstract-level's own suite asks: what it keeps where, how it fails, going back, and what
// survives.

import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Database, DatabaseError, databaseChannels } from "@tidemark/kv";
import { SimulatedDisk } from "@tidemark/wal/testing";
import { MemoryLevel } from "memory-level";
import { describe, expect, onTestFinished, test } from "vitest";
import { FaultyDisk } from "../faulty-disk.js";
import { freshPath } from "../fixture.js";
import { failing, failingToOpen, levelAt, openLevel } from "./fixture.js";

setFlagsFromString("--expose-gc");
// Bun has no V8 to set flags of, and a collector that keeps what might be referred to.
const collect: (() => void) | undefined = "Bun" in globalThis ? undefined : runInNewContext("gc");

test("it supports what classic-level and memory-level do together", async () => {
  expect((await openLevel()).supports).toMatchObject({
    seek: true,
    has: true,
    getSync: true,
    implicitSnapshots: true,
    explicitSnapshots: true,
    permanence: true,
    createIfMissing: true,
    errorIfExists: true,
    deferredOpen: true,
    encodings: { utf8: true, buffer: true, view: true, json: true },
    signals: { iterators: true },
  });
});

describe("keys and values", () => {
  test("text and bytes are keys of one order, that of bytes", async () => {
    const level = await openLevel();
    // In UTF-16, U+FFFD comes after the surrogates of an emoji.
    await level.put("\u{1f600}", "emoji");
    await level.put("\ufffd", "replacement");
    await level.put(Buffer.from([0xff]), "above all text", { keyEncoding: "buffer" });
    await level.put(Uint8Array.of(0, 0xff), "below", { keyEncoding: "view" });
    expect(await level.values().all()).toEqual(["below", "replacement", "emoji", "above all text"]);
    expect(await level.get(Buffer.from("\ufffd"), { keyEncoding: "buffer" })).toBe("replacement");
    const views = await level.keys({ keyEncoding: "view", gte: Uint8Array.of(0xf0) }).all();
    expect(views.map((key) => Array.from(key))).toEqual([[0xf0, 0x9f, 0x98, 0x80], [0xff]]);
  });

  test("text of no form in UTF-8 is a key as elsewhere in Level, and a value as it was put", async () => {
    const level = await openLevel();
    await level.put("lone \ud800", "value \ud800");
    expect(await level.get("lone \ufffd")).toBe("value \ud800");
    expect(await level.keys().all()).toEqual(["lone \ufffd"]);
    expect(await level.get("lone \ufffd", { valueEncoding: "buffer" })).toEqual(
      Buffer.from("value \ufffd"),
    );
  });

  test("text is text in the database, bytes are bytes, and each reads as the other", async () => {
    const level = await openLevel();
    await level.put("text", "één");
    await level.put("json", { a: [1] }, { valueEncoding: "json" });
    await level.put("buffer", Buffer.from([0xc3, 0xa9]), { valueEncoding: "buffer" });
    const { database } = level;
    expect(database.get("text")).toBe("één");
    expect(database.get(Buffer.from("json"))).toBe('{"a":[1]}');
    expect(Object.getPrototypeOf(database.get("buffer"))).toBe(Uint8Array.prototype);
    expect([...database.keys()].map(String)).toEqual(["buffer", "json", "text"]);

    expect(level.getSync("buffer")).toBe("é");
    expect(level.getSync("text", { valueEncoding: "view" })).toEqual(Buffer.from("één"));
    expect(Buffer.isBuffer(level.getSync("buffer", { valueEncoding: "buffer" }))).toBe(true);
  });

  test("bytes that were put, or that came out, are the caller's to change", async () => {
    const level = await openLevel<string, Uint8Array>(freshPath(), { valueEncoding: "view" });
    const given = Uint8Array.of(1, 2, 3);
    const put = level.put("key", given);
    given.fill(9);
    await put;
    level.getSync("key")?.fill(9);
    expect(Array.from(level.getSync("key") ?? [])).toEqual([1, 2, 3]);
  });

  test("the directory opens as a database with keys of bytes", async () => {
    const level = await openLevel();
    await level.put("key", "value");
    await level.close();
    const database = await Database.open<string>(level.location, { keys: "bytes" });
    expect(database.get(Buffer.from("key"))).toBe("value");
    await database.close();
  });

  test("what Level could not have written is told apart from what is not there", async () => {
    const level = await openLevel();
    const untyped: Database<unknown, string | Uint8Array> = level.database;
    await untyped.put("number", 5);
    const { message } = await failing("LEVEL_DECODE_ERROR", () => level.getSync("number"));
    expect(message).toContain("5");
    await failing("LEVEL_DECODE_ERROR", () => level.iterator().all());
    expect(await level.has("number")).toBe(true);
    expect(await level.keys().all()).toEqual(["number"]);
  });

  test("a key beyond 64 KiB is refused, and is not there", async () => {
    const level = await openLevel();
    const key = "k".repeat(64 * 1024 + 1);
    for (const call of [
      () => level.put(key, "value"),
      () => level.del(key),
      () => level.get(key),
      () => level.getSync(key),
      () => level.has(key),
      () => level.batch([{ type: "put", key, value: "value" }]),
      () => level.clear({ gte: key }),
      () => level.keys({ gte: key }).all(),
    ]) {
      const { cause } = await failing("LEVEL_INVALID_KEY", call);
      expect(cause).toBeInstanceOf(DatabaseError);
    }
    expect(level.database.endOffset).toBe(0);
  });

  test("entries of another Level come over in batches", async () => {
    const source = new MemoryLevel<Uint8Array, Uint8Array>({
      keyEncoding: "view",
      valueEncoding: "view",
    });
    for (let n = 0; n < 250; n++) await source.put(Uint8Array.of(0xff - n), Uint8Array.of(n));
    const level = await openLevel<Uint8Array, Uint8Array>(freshPath(), {
      keyEncoding: "view",
      valueEncoding: "view",
    });
    await using entries = source.iterator();
    for (;;) {
      const some = await entries.nextv(100);
      if (some.length === 0) break;
      await level.batch(some.map(([key, value]) => ({ type: "put" as const, key, value })));
    }
    const plain = (all: [Uint8Array, Uint8Array][]) => all.map(([k, v]) => [[...k], [...v]]);
    expect(plain(await level.iterator().all())).toEqual(plain(await source.iterator().all()));
    expect(level.database.endOffset).toBe(3);
  });
});

describe("commits", () => {
  test("each put, del, batch and clear is one", async () => {
    const level = await openLevel();
    const { database } = level;
    await level.put("a", "1");
    expect(database.endOffset).toBe(1);
    await level.batch([
      { type: "put", key: "b", value: "2" },
      { type: "put", key: "c", value: "3" },
      { type: "del", key: "a" },
    ]);
    expect(database.endOffset).toBe(2);
    await level.batch().put("d", "4").put("e", "5").write();
    expect(database.endOffset).toBe(3);
    await level.del("b");
    expect(database.endOffset).toBe(4);
    await level.clear({ gte: "c", limit: 2, reverse: true });
    expect(database.endOffset).toBe(5);
    expect(await level.keys().all()).toEqual(["c"]);
    await level.clear();
    expect(database.endOffset).toBe(6);
    expect(database.size).toBe(0);
  });

  test("clearing a range is one operation, whatever it deletes", async () => {
    const level = await openLevel();
    const keys = Array.from({ length: 2000 }, (_, n) => `key ${n}`);
    await level.batch(keys.map((key) => ({ type: "put" as const, key, value: "value" })));
    await level.clear({ gt: "key 1", lt: "key 9" });
    for await (const { offset, operations } of level.database.changes({ since: 0 })) {
      expect(offset).toBe(1);
      expect(operations).toHaveLength(1);
      expect(operations[0]?.type).toBe("clear");
      break;
    }
    const outside = (key: string) => key <= "key 1" || key >= "key 9";
    expect(await level.keys().all()).toEqual(keys.filter(outside).sort());
  });

  test("clearing what a snapshot has leaves what came later, and writes nothing for what is gone", async () => {
    const level = await openLevel();
    await level.batch().put("a", "1").put("b", "2").write();
    await using snapshot = level.snapshot();
    await level.batch().put("c", "3").del("a").write();
    await level.clear({ snapshot });
    expect(await level.keys().all()).toEqual(["c"]);
    const end = level.database.endOffset;
    await level.clear({ snapshot });
    expect(level.database.endOffset).toBe(end);
  });
});

describe("going back", () => {
  test("the database shows older values that Level wrote", async () => {
    const level = await openLevel();
    await level.put("kitchen", "21");
    await level.database.mark("before");
    await level.put("kitchen", "23");
    const then = await level.database.at({ mark: "before" });
    expect([then.get("kitchen"), level.getSync("kitchen")]).toEqual(["21", "23"]);
    await level.database.rewind({ mark: "before" });
    expect(await level.get("kitchen")).toBe("21");
  });

  test("a snapshot of then reads in every way that Level has, on sublevels too", async () => {
    const level = await openLevel();
    const rooms = level.sublevel<string, { celsius: number }>("rooms", { valueEncoding: "json" });
    await rooms.put("kitchen", { celsius: 21 });
    await level.put("plain", "old");
    const offset = level.database.endOffset - 1;
    await rooms.batch([
      { type: "put", key: "kitchen", value: { celsius: 30 } },
      { type: "put", key: "cellar", value: { celsius: 12 } },
    ]);
    await level.del("plain");

    await using then = await level.at({ offset });
    expect(await rooms.get("kitchen", { snapshot: then })).toEqual({ celsius: 21 });
    expect(await rooms.getMany(["kitchen", "cellar"], { snapshot: then })).toEqual([
      { celsius: 21 },
      undefined,
    ]);
    expect(await rooms.keys({ snapshot: then }).all()).toEqual(["kitchen"]);
    expect(level.getSync("plain", { snapshot: then })).toBe("old");
    expect(await level.hasMany(["plain", "none"], { snapshot: then })).toEqual([true, false]);
    expect(await level.iterator({ snapshot: then, reverse: true, limit: 1 }).all()).toEqual([
      ["plain", "old"],
    ]);
    expect(await rooms.keys().all()).toEqual(["cellar", "kitchen"]);
  });

  test("it waits for the opening, and says what cannot be reached", async () => {
    const first = await openLevel();
    await first.put("key", "value");
    await first.close();
    const level = levelAt(first.location);
    const then = await level.at({ offset: 0 });
    expect(level.getSync("key", { snapshot: then })).toBe("value");
    const { message } = await failing("KV_TARGET_OUT_OF_RANGE", () => level.at({ mark: "none" }));
    expect(message).toContain("none");
    await level.close();
    await failing("LEVEL_DATABASE_NOT_OPEN", () => level.at({ offset: 0 }));
    await failing("LEVEL_SNAPSHOT_NOT_OPEN", async () => {
      await level.open();
      return await level.get("key", { snapshot: then });
    });
  });

  test("a snapshot of another kind of database is refused", async () => {
    const level = await openLevel();
    const other = new MemoryLevel();
    await other.open();
    const snapshot = other.snapshot();
    await expect(level.get("key", { snapshot })).rejects.toThrow(TypeError);
    await snapshot.close();
  });
});

describe("opening", () => {
  test("a second opening of a location fails, with who has it", async () => {
    const level = await openLevel();
    const second = levelAt(level.location);
    const { message, cause } = await failingToOpen("LEVEL_LOCKED", second);
    expect(message).toContain(String(process.pid));
    expect(cause?.code).toBe("KV_LOCKED");
    expect(second.status).toBe("closed");
    await level.close();
    await second.open();
  });

  test("it is told on the diagnostics channel, as that of any database", async () => {
    const told: unknown[] = [];
    const hear = (message: unknown) => told.push(message);
    const channel = databaseChannels["tidemark:database:recovery"];
    channel.subscribe(hear);
    onTestFinished(() => channel.unsubscribe(hear));
    const { directory, recovery } = (await openLevel()).database;
    expect(told).toEqual([{ directory, readOnly: false, recovery }]);
  });

  test("there has to be a database, or none, where that is asked for", async () => {
    const location = freshPath();
    await failingToOpen("LEVEL_NOT_FOUND", levelAt(location, { createIfMissing: false }));
    await (await openLevel(location)).close();
    await failingToOpen("LEVEL_EXISTS", levelAt(location, { errorIfExists: true }));
  });

  test("options of the database are handed on; senseless ones fail the opening", async () => {
    const disk = new SimulatedDisk();
    const level = await openLevel("/here", { log: { fileSystem: disk, durability: "os" } });
    await level.put("key", "value");
    expect(level.database.durableOffset).toBe(0);
    expect(level.database.directory).toBe("/here");
    await failingToOpen("KV_INVALID_ARGUMENT", levelAt(freshPath(), { checkpointBytes: 0 }));
    const keys: object = { keys: "string" };
    await failingToOpen("KV_INVALID_ARGUMENT", levelAt(freshPath(), keys));
    expect(() => levelAt("")).toThrow(TypeError);
  });

  test("a disk that cannot be read is reported as such", async () => {
    const disk = new FaultyDisk();
    const options = { log: { fileSystem: disk.fileSystem } };
    const level = await openLevel(freshPath(), options);
    await level.close();
    disk.fail({ call: "open", path: /MANIFEST$/ }, "EIO");
    const { cause } = await failingToOpen("LEVEL_IO_ERROR", levelAt(level.location, options));
    expect(cause?.code).toBe("KV_IO");
  });

  test("beside its writer it reads, and refuses to write", async () => {
    const writer = await openLevel();
    await writer.put("key", "value");
    // It says that what came before is durable, which is what others are shown.
    await writer.put("another", "value");
    const reader = await openLevel(writer.location, { readOnly: true, refreshMs: 0 });
    expect(await reader.get("key")).toBe("value");
    await failing("KV_READ_ONLY", () => reader.put("key", "other"));
    await failing("KV_READ_ONLY", () => reader.clear());
  });

  test("a closed one has no database, and can be opened again", async () => {
    const level = levelAt();
    expect(() => level.database).toThrow(
      expect.objectContaining({ code: "LEVEL_DATABASE_NOT_OPEN" }),
    );
    await level.put("key", "value");
    const { database } = level;
    await level.close();
    expect(() => level.database).toThrow(
      expect.objectContaining({ code: "LEVEL_DATABASE_NOT_OPEN" }),
    );
    await level.open();
    expect(level.database).not.toBe(database);
    expect(await level.get("key")).toBe("value");
  });
});

describe("iterators", () => {
  async function filled(count: number) {
    const level = await openLevel();
    const keys = Array.from({ length: count }, (_, n) => `key ${String(n).padStart(5, "0")}`);
    await level.batch(keys.map((key) => ({ type: "put" as const, key, value: `of ${key}` })));
    return { level, keys };
  }

  test("reading much lets others have their turn, and ends when it is aborted", async () => {
    const { level, keys } = await filled(3000);
    const controller = new AbortController();
    setImmediate(() => controller.abort(new Error("no longer wanted")));
    const error = await failing("LEVEL_ABORTED", () =>
      level.keys({ signal: controller.signal }).all(),
    );
    expect(error.name).toBe("AbortError");
    expect(error.cause?.message).toBe("no longer wanted");
    expect(await level.keys().all()).toEqual(keys);
    expect(await level.keys({ limit: 2500 }).all()).toEqual(keys.slice(0, 2500));
    expect(await level.keys().nextv(2001)).toEqual(keys.slice(0, 2001));
  });

  test.skipIf(collect === undefined)(
    "closed ones keep nothing alive, though they are kept themselves",
    async () => {
      const { level } = await filled(10);
      const { database } = level;
      const views: WeakRef<object>[] = [];
      const take = database.snapshot.bind(database);
      database.snapshot = () => {
        const view = take();
        views.push(new WeakRef(view));
        return view;
      };
      const iterators = [level.iterator(), level.keys(), level.values(), level.keys()];
      for (const iterator of iterators.slice(0, 3)) expect(await iterator.next()).toBeDefined();
      for (const iterator of iterators) await iterator.close();
      // References that are weak hold until the turn ends.
      await nextTurn();
      collect?.();
      expect(views.map((view) => view.deref())).toEqual(iterators.map(() => undefined));
    },
  );

  test("they show what was there when they were made, also after seeking", async () => {
    const { level } = await filled(4);
    await using iterator = level.iterator({ gt: "key 00000", lt: "key 00003" });
    await level.batch().put("key 00001", "later").del("key 00002").put("key 000015", "new").write();
    expect(await iterator.next()).toEqual(["key 00001", "of key 00001"]);
    iterator.seek("key 00002");
    expect(await iterator.next()).toEqual(["key 00002", "of key 00002"]);
    expect(await iterator.next()).toBeUndefined();
    iterator.seek("key 00001");
    expect(await iterator.nextv(9)).toHaveLength(2);
    for (const outside of ["key 00000", "key 00003", "z", ""]) {
      iterator.seek(outside);
      expect(await iterator.next()).toBeUndefined();
    }
  });
});

describe("what survives", () => {
  /** What Level finds after a power cut, in each way that it can go. */
  async function* afterPowerCuts(disk: SimulatedDisk) {
    for (const profile of ["P2", "P3"] as const) {
      const effort = { limit: 100, samples: 20, budget: 6 };
      for (const { disk: left } of disk.crashStates(profile, effort)) {
        const level = await openLevel("/level", { log: { fileSystem: left } });
        yield Object.fromEntries(await level.iterator().all());
        await level.close();
      }
    }
  }

  test("a power cut takes nothing that was acknowledged with `sync: true`, whatever the durability", async () => {
    const disk = new SimulatedDisk();
    const log = { fileSystem: disk, durability: "os", noteAfterMs: 0 } as const;
    const level = await openLevel("/level", { log });
    const sync = { sync: true };
    const steps: [string, () => Promise<void>, Record<string, string>][] = [
      ["put", () => level.put("a", "1", sync), { a: "1" }],
      [
        "batch",
        () => level.batch([{ type: "put", key: "b", value: "2" }], sync),
        { a: "1", b: "2" },
      ],
      ["chained", () => level.batch().put("c", "3").write(sync), { a: "1", b: "2", c: "3" }],
      ["del", () => level.del("a", sync), { b: "2", c: "3" }],
      ["clear", () => level.clear({ lt: "c", ...sync }), { c: "3" }],
      ["clear some", () => level.clear({ limit: 1, ...sync }), {}],
    ];
    for (const [name, write, held] of steps) {
      await level.put("unsynced", name);
      await level.del("unsynced");
      await write();
      for await (const entries of afterPowerCuts(disk)) expect(entries, name).toEqual(held);
    }
    await level.put("unsynced", "lost");
    const found: unknown[] = [];
    for await (const entries of afterPowerCuts(disk)) found.push(entries);
    expect(found).toContainEqual({});
  });

  test("by default nothing that was acknowledged is lost", async () => {
    const disk = new SimulatedDisk();
    const level = await openLevel("/level", { log: { fileSystem: disk } });
    await level.put("key", "value");
    for await (const entries of afterPowerCuts(disk)) expect(entries).toEqual({ key: "value" });
  });

  test("writes that failed are not there, and say why in Level's words", async () => {
    const disk = new FaultyDisk();
    const level = await openLevel(freshPath(), { log: { fileSystem: disk.fileSystem } });
    await level.put("key", "value");
    disk.fail({ call: "write", path: /\.log$/ }, "ENOSPC");
    const { cause } = await failing("LEVEL_IO_ERROR", () => level.put("key", "other"));
    expect(cause?.code).toBe("KV_NO_SPACE");
    expect(await level.get("key")).toBe("value");
  });

  test("a close that fails lets go of the location, and says so", async () => {
    const disk = new FaultyDisk();
    const options = { log: { fileSystem: disk.fileSystem, durability: "os" } as const };
    const level = await openLevel(freshPath(), options);
    await level.put("key", "value");
    disk.fail({ call: ["datasync", "sync"] }, "EIO");
    await failing("LEVEL_DATABASE_NOT_CLOSED", () => level.close());
    await level.close();
    expect(level.status).toBe("closed");
    await (await openLevel(level.location)).close();
  });
});
