// Expiry as callers set it: decided by time as recorded, in the present and in the past alike.

import type { Database } from "@tidemark/kv";
import { describe, expect, test } from "vitest";
import { freshPath, openDatabase, refused, reopen } from "./fixture.js";

/** A database whose clock is the test's, in ms from 1,000 on. */
async function withClock() {
  const clock = { now: 1000 };
  const options = { log: { clock: () => clock.now } };
  const db = await openDatabase<number>(freshPath(), options);
  return { db, clock, options };
}

function keysOf(reading: Pick<Database, "keys">): string[] {
  return [...reading.keys()];
}

describe("a ttl", () => {
  test("counts from the call, whichever way the key is put", async () => {
    const { db, clock, options } = await withClock();
    await db.put("put", 1, { ttl: 10 });
    await db.batch([
      { type: "put", key: "batch", value: 1, ttl: 20 },
      { type: "put", key: "for ever", value: 1, ttl: undefined },
    ]);
    await db.transaction((tx) => {
      clock.now += 5;
      tx.put("transaction", 1, { ttl: 30 });
      expect(tx.size).toBe(4);
    });
    const all = ["batch", "for ever", "put", "transaction"];
    clock.now = 1009;
    expect([keysOf(db), db.size]).toEqual([all, 4]);
    clock.now = 1010;
    expect([db.has("put"), db.size]).toEqual([false, 3]);
    await db.checkpoint();
    const again = await reopen(db, options);
    clock.now = 1020;
    expect(keysOf(again)).toEqual(["for ever", "transaction"]);
    clock.now = 1029;
    expect(again.size).toBe(2);
    clock.now = 1030;
    expect(keysOf(again)).toEqual(["for ever"]);
    expect(keysOf(await again.at({ time: 1009 }))).toEqual(all);
  });

  test("goes with the put that set it", async () => {
    const { db, clock } = await withClock();
    await db.put("a", 1, { ttl: 10 });
    await db.put("a", 2);
    await db.put("b", 1);
    await db.put("b", 2, { ttl: 10 });
    clock.now = 9000;
    expect([...db.entries()]).toEqual([["a", 2]]);
  });

  test("counts from the last commit where the clock has stepped back", async () => {
    const { db, clock } = await withClock();
    await db.put("a", 1);
    clock.now = 500;
    await db.put("b", 1, { ttl: 100 });
    expect(db.getEntry("b")).toMatchObject({ time: 1000, expiry: 1100 });
  });

  test("may be as long as a format for ages allows", async () => {
    const { db, options } = await withClock();
    await db.put("a", 1, { ttl: 2 ** 52 });
    expect((await reopen(db, options)).getEntry("a")?.expiry).toBe(1000 + 2 ** 52);
  });

  test.each([[0], [-5], [1.5], [Number.NaN], ["5"], [null], [2 ** 52 + 1]])(
    "of %o is refused, and nothing is written",
    async (ttl) => {
      const { db } = await withClock();
      const given = { ttl } as { ttl: number };
      await refused("KV_INVALID_ARGUMENT", () => db.put("a", 1, given));
      await refused("KV_INVALID_ARGUMENT", () =>
        db.batch([{ type: "put", key: "a", value: 1, ...given }]),
      );
      await refused("KV_INVALID_ARGUMENT", () => db.transaction((tx) => tx.put("a", 1, given)));
      expect([db.endOffset, db.size]).toEqual([0, 0]);
    },
  );

  test("is nothing for a deletion", async () => {
    const { db } = await withClock();
    const given = { ttl: 5 } as object;
    await refused("KV_INVALID_ARGUMENT", () => db.del("a", given));
    await refused("KV_INVALID_ARGUMENT", () => db.batch([{ type: "del", key: "a", ...given }]));
    await refused("KV_INVALID_ARGUMENT", () =>
      db.transaction((tx) => tx.put("a", 1, { ttl: 5, ifVersion: 1 } as object)),
    );
  });
});
