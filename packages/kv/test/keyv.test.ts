// What Keyv's own suite does not ask: namespaces whatever is in them, expiry that is the database's, the past, and failures.

import type { Database, DatabaseOptions } from "@tidemark/kv";
import { TidemarkKeyv, type TidemarkKeyvEntry, type TidemarkKeyvOptions } from "@tidemark/kv/keyv";
import { Keyv, type KeyvStoreAdapter } from "keyv";
import { describe, expect, expectTypeOf, onTestFinished, test, vi } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import { freshPath, on, openDatabase, refused } from "./fixture.js";

/** A store over a database of its own, with a clock that stands until it is set. */
async function storeWithClock(options: DatabaseOptions = {}) {
  const clock = { now: Date.now() };
  const database = await openDatabase<unknown>(freshPath(), {
    ...options,
    keys: "string",
    log: { clock: () => clock.now },
  });
  return { clock, database, store: new TidemarkKeyv(database) };
}

async function openStore(
  location = freshPath(),
  options?: TidemarkKeyvOptions,
): Promise<TidemarkKeyv> {
  const store = await TidemarkKeyv.open(location, options);
  onTestFinished(() => store.disconnect().catch(() => undefined));
  return store;
}

async function entriesOf(store: TidemarkKeyv, namespace?: string) {
  const entries: [string, unknown][] = [];
  for await (const entry of store.iterator(namespace)) entries.push(entry);
  return entries;
}

describe("namespaces", () => {
  const NAMES = [undefined, "", "a", "a:b", 'a"', "a\\", '"a"', "null", "\u0000", "ä", "\ud800"];

  test("share no key, whatever they and the keys are called", async () => {
    const database = await openDatabase();
    const keys = ["", "c", "b:c", '"', '"c', "a:c", "ull", "\u0000"];
    const stores = NAMES.map((namespace) => {
      const store = new TidemarkKeyv(database);
      store.namespace = namespace;
      return store;
    });
    for (const [i, store] of stores.entries()) {
      for (const key of keys) await store.set(key, `${i} ${key}`);
    }
    expect(database.size).toBe(NAMES.length * keys.length);
    for (const [i, store] of stores.entries()) {
      expect(await store.getMany(keys)).toEqual(keys.map((key) => `${i} ${key}`));
      expect(await entriesOf(store)).toEqual(keys.sort().map((key) => [key, `${i} ${key}`]));
    }
  });

  test("are cleared one at a time", async () => {
    const database = await openDatabase();
    const stores = NAMES.map((namespace) => {
      const store = new TidemarkKeyv(database);
      store.namespace = namespace;
      return store;
    });
    for (const store of stores)
      await store.setMany([
        { key: "x", value: 1 },
        { key: "y", value: 2 },
      ]);
    for (const [cleared, store] of stores.entries()) {
      await store.clear();
      expect(await entriesOf(store)).toEqual([]);
      expect(database.size).toBe((NAMES.length - cleared - 1) * 2);
    }
  });

  test("of Keyvs with a store each do not meet where one begins with another", async () => {
    const database = await openDatabase();
    const outer = new Keyv({ store: new TidemarkKeyv(database), namespace: "a" });
    const inner = new Keyv({ store: new TidemarkKeyv(database), namespace: "a:b" });
    await outer.set("b:c", "outer");
    await inner.set("c", "inner");
    expect([await outer.get("b:c"), await inner.get("c")]).toEqual(["outer", "inner"]);
    await outer.clear();
    expect([await outer.get("b:c"), await inner.get("c")]).toEqual([undefined, "inner"]);
  });

  test("of Keyvs that share a store keep their keys apart, and a clear that could be another's is refused", async () => {
    const { store } = await storeWithClock();
    const users = new Keyv({ store, namespace: "users" });
    const pages = new Keyv({ store, namespace: "pages", throwOnErrors: true });
    await users.set("1", "ann");
    await pages.set("1", "home");
    expect([await users.get("1"), await pages.get("1")]).toEqual(["ann", "home"]);
    expect(await entriesOf(store, "users")).toEqual([["users:1", expect.stringContaining("ann")]]);
    await refused("KV_INVALID_ARGUMENT", () => pages.clear());
    expect([await users.get("1"), await pages.get("1")]).toEqual(["ann", "home"]);
  });

  test("that could be mistaken for another of the same store are refused", async () => {
    const { store } = await storeWithClock();
    store.namespace = "a";
    for (const namespace of ["a:b", undefined]) {
      await refused("KV_INVALID_ARGUMENT", () => new Keyv({ store, namespace } as object));
    }
    store.namespace = "ab";
    expect(store.namespace).toBe("ab");
  });
});

describe("expiry", () => {
  test("is the database's: decided by its clock, for every call", async () => {
    const { clock, database, store } = await storeWithClock();
    await store.set("long", 1);
    await store.set("short", 2, 1000);
    await store.setMany([{ key: "many", value: 3, ttl: 500 }]);
    expect(database.getEntry(store.storedKey("short"))?.expiry).toBe(clock.now + 1000);
    clock.now += 500;
    expect(await store.hasMany(["long", "short", "many"])).toEqual([true, true, false]);
    clock.now += 500;
    expect(await store.get("short")).toBeUndefined();
    expect(await store.has("short")).toBe(false);
    expect(await store.getMany(["long", "short", "many"])).toEqual([1, undefined, undefined]);
    expect(await entriesOf(store)).toEqual([["long", 1]]);
    expect(await store.delete("short")).toBe(false);
  });

  test("takes entries out of the database by itself", async () => {
    const { clock, database, store } = await storeWithClock({ removeExpiredAfterMs: 1 });
    await store.set("short", 2, 5);
    const offset = database.endOffset;
    clock.now += 60_000;
    // One commit more, which deletes it.
    await vi.waitFor(() => expect(database.endOffset).toBe(offset + 1), { timeout: 20_000 });
  });

  test("never comes without a ttl, with 0, and with one beyond all times", async () => {
    const { database, store } = await storeWithClock();
    for (const ttl of [undefined, 0, Number.POSITIVE_INFINITY, 2 ** 60]) {
      await store.set("key", 1, ttl);
      expect(database.getEntry(store.storedKey("key"))?.expiry).toBeUndefined();
    }
  });

  test("comes after a ttl that is no whole number, rounded up, and is refused for what is none", async () => {
    const { clock, database, store } = await storeWithClock();
    for (const [ttl, ms] of [
      [0.5, 1],
      [99.5, 100],
      [-5, 1],
    ] as const) {
      await store.set("key", 1, ttl);
      expect(database.getEntry(store.storedKey("key"))?.expiry).toBe(clock.now + ms);
    }
    await refused("KV_INVALID_ARGUMENT", () => store.set("key", 1, Number.NaN));
  });

  test("given by Keyv outlives a reopening", async () => {
    const location = freshPath();
    const first = await openStore(location);
    await new Keyv({ store: first, ttl: 60_000 }).set("key", "value");
    const { expiry } = first.database.getEntry(first.storedKey("keyv:key")) ?? {};
    await first.disconnect();
    const second = await openStore(location);
    expect(await new Keyv({ store: second }).get("key")).toBe("value");
    expect(second.database.getEntry(second.storedKey("keyv:key"))?.expiry).toBe(expiry);
  });
});

describe("writes", () => {
  test("of many are one commit, and so is their deletion", async () => {
    const { database, store } = await storeWithClock();
    const keyv = new Keyv({ store });
    const entries = ["a", "b", "c"].map((key) => ({ key, value: key }));
    expect(await keyv.setMany(entries)).toEqual([true, true, true]);
    expect(database.endOffset).toBe(1);
    expect(await keyv.delete(["a", "b", "x"])).toBe(true);
    expect(database.endOffset).toBe(2);
    expect(await keyv.get(["a", "b", "c"])).toEqual([undefined, undefined, "c"]);
  });

  test("that change nothing are no commit", async () => {
    const { database, store } = await storeWithClock();
    expect(await store.delete("none")).toBe(false);
    expect(await store.deleteMany([])).toBe(false);
    expect(await store.setMany([])).toEqual([]);
    expect(database.endOffset).toBe(0);
  });

  test("take the namespace that there is at the call", async () => {
    const store = new TidemarkKeyv(freshPath());
    onTestFinished(() => store.disconnect());
    store.namespace = "a";
    const writing = store.set("a:key", 1);
    store.namespace = "b";
    await writing;
    expect(await entriesOf(store, "a")).toEqual([["a:key", 1]]);
  });

  test("of values as they are bring them back as they were", async () => {
    const { store } = await storeWithClock();
    const keyv = new Keyv({ store });
    keyv.serialize = undefined;
    keyv.deserialize = undefined;
    const value = { at: new Date(5), of: new Map([[1, 2n]]), bytes: new Uint8Array([1]) };
    await keyv.set("key", value);
    expect(await keyv.get("key")).toEqual(value);
  });
});

test("the past is read by a Keyv over a view, which is never written", async () => {
  const { database, store } = await storeWithClock();
  const keyv = new Keyv({ store, namespace: "a" });
  await keyv.set("key", "old");
  const offset = database.endOffset - 1;
  await keyv.set("key", "new");
  const past = new TidemarkKeyv(await store.database.at({ offset }));
  const then = new Keyv({ store: past, namespace: "a", throwOnErrors: true });
  expect([await then.get("key"), await keyv.get("key")]).toEqual(["old", "new"]);
  for (const write of [() => then.set("key", 1), () => then.delete("key"), () => then.clear()]) {
    await refused("KV_READ_ONLY", write);
  }
  await refused("KV_READ_ONLY", () => past.database);
  await store.database.rewind({ offset });
  expect(await keyv.get("key")).toBe("old");
});

describe("opening", () => {
  test("is waited for by every call, and passes options on", async () => {
    const location = freshPath();
    const store = new TidemarkKeyv(location, { log: { durability: "os" } });
    await refused("KV_CLOSED", () => store.database);
    const keyv = new Keyv({ store });
    await keyv.set("key", 1);
    expect(store.database.directory).toBe(location);
    expect(store.database.stats().log.durableCommits).toBe(0);
    await keyv.disconnect();
    const reader = await openStore(location, { readOnly: true });
    expect(await new Keyv({ store: reader }).get("key")).toBe(1);
    await refused("KV_READ_ONLY", () => reader.set("key", 2));
  });

  test("that fails is told by the event error and by every call", async () => {
    const location = freshPath();
    await openStore(location);
    const store = new TidemarkKeyv(location);
    const keyv = new Keyv({ store });
    const told = vi.fn();
    keyv.on("error", told);
    await refused("KV_LOCKED", () => store.get("key"));
    expect(told).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "KV_LOCKED" }));
    expect(await keyv.set("key", 1)).toBe(false);
    expect(told).toHaveBeenCalledTimes(2);
    await refused("KV_LOCKED", () => TidemarkKeyv.open(location));
    await keyv.disconnect();
  });

  test("refuses options and sources that make no sense", async () => {
    const { database } = await storeWithClock();
    const senseless: (() => unknown)[] = [
      () => TidemarkKeyv.open(freshPath(), { keys: "bytes" } as TidemarkKeyvOptions),
      () => TidemarkKeyv.open(freshPath(), { durability: "os" } as TidemarkKeyvOptions),
      () => new TidemarkKeyv(database, {}),
      () => new TidemarkKeyv({} as Database),
    ];
    for (const call of senseless) await refused("KV_INVALID_ARGUMENT", call);
  });
});

test("disconnect closes a database that the store has opened, and leaves others alone", async () => {
  const own = await openStore();
  await Promise.all([own.disconnect(), own.disconnect()]);
  await refused("KV_CLOSED", () => own.get("key"));
  const { database, store } = await storeWithClock();
  await store.disconnect();
  await database.put("still", "open");
});

test("a write that fails is false and an error in Keyv, and is not there", async () => {
  const disk = new FaultyDisk();
  const store = await openStore(freshPath(), on(disk));
  const keyv = new Keyv({ store });
  const told = vi.fn();
  keyv.on("error", told);
  await keyv.set("key", "kept");
  disk.fail({ call: ["datasync", "sync"], path: /\.log$/ }, "EIO");
  expect(await keyv.set("key", "lost")).toBe(false);
  expect(told).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "KV_FAILED" }));
  expect(await keyv.get("key")).toBe("kept");
});

test("keys and arguments that are none are refused", async () => {
  const { store } = await storeWithClock();
  const none = undefined as unknown as string;
  for (const call of [() => store.get(none), () => store.set(none, 1), () => store.has(none)]) {
    await refused("KV_INVALID_KEY", call);
  }
  await refused("KV_INVALID_KEY", () => store.get("\ud800"));
  const text = "key" as unknown as string[];
  const entries = [null] as unknown as TidemarkKeyvEntry[];
  for (const call of [
    () => store.getMany(text),
    () => store.deleteMany(text),
    () => store.setMany(entries),
  ]) {
    await refused("KV_INVALID_ARGUMENT", call);
  }
});

test("a store is what Keyv's types ask for", () => {
  expectTypeOf<TidemarkKeyv>().toExtend<KeyvStoreAdapter>();
});
