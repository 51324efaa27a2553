// Clearing ranges: one operation of a commit, whatever it deletes, undone and replayed as a whole.

import { type Database, type KeyBounds, restore } from "@tidemark/kv";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KEY_BYTES_MAX } from "../src/arguments/keys.js";
import { everything } from "../src/arguments/range.js";
import type { StateOperation } from "../src/formats/operations.js";
import { Present } from "../src/state/present.js";
import { State } from "../src/state/state.js";
import { FaultyDisk } from "./faulty-disk.js";
import { contents, freshPath, on, openBytes, openDatabase, refused, reopen } from "./fixture.js";
import { commitOf, ScriptedLog } from "./scripted-log.js";

const LETTERS = ["a", "b", "c", "d", "e"];

async function lettered(options = {}): Promise<Database<number>> {
  const db = await openDatabase<number>(freshPath(), options);
  await db.batch(LETTERS.map((key, value) => ({ type: "put", key, value })));
  return db;
}

function keysOf(reading: Pick<Database, "keys">): string {
  return [...reading.keys()].join("");
}

async function lastOperations(db: Database<number>): Promise<unknown> {
  for await (const { operations } of db.changes({ since: db.endOffset - 2 })) return operations;
  return undefined;
}

describe("clear", () => {
  test.each<[KeyBounds | undefined, string]>([
    [undefined, ""],
    [{}, ""],
    [{ gte: "b", lt: "d" }, "ade"],
    [{ gt: "b", lte: "d" }, "abe"],
    [{ prefix: "c" }, "abde"],
    [{ lt: "c" }, "cde"],
    [{ gt: "c" }, "abc"],
    [{ gte: "d", lt: "b" }, "abcde"],
  ])("of %o is one operation that leaves %o, by all ways of reading it", async (range, left) => {
    const db = await lettered();
    expect(await db.clear(range)).toBe(1);
    expect([keysOf(db), db.size]).toEqual([left, left.length]);
    expect(await lastOperations(db)).toMatchObject([{ type: "clear" }]);
    expect(keysOf(await db.at({ offset: 0 }))).toBe("abcde");
    await db.put("c", 9);
    const after = contents(db);
    const again = await reopen(db);
    expect(keysOf(await again.at({ offset: 1 }))).toBe(left);
    expect(again.get("c")).toBe(9);
    await again.checkpoint();
    expect(contents(await reopen(again))).toEqual(after);
    const copy = freshPath();
    await restore(db.directory, copy, { offset: 1 });
    expect(keysOf(await openDatabase(copy))).toBe(left);
  });

  test("holds bounds that are keys, whatever it is told to delete", async () => {
    const longest = "\x7f".repeat(KEY_BYTES_MAX);
    const db = await openDatabase<number>();
    const keys = ["\x7f", "\x7fz", "\x80", "\ud7ff", "\ud7ffz", "\ue000", longest, "\u{10ffff}"];
    const fill = () => db.batch(keys.map((key) => ({ type: "put", key, value: 1 })));
    for (const range of [
      { prefix: "\x7f" },
      { prefix: "\ud7ff" },
      { gt: longest },
      { lte: longest },
      { prefix: "\u{10ffff}" },
    ]) {
      await fill();
      const selected = [...db.keys(range)];
      await db.clear(range);
      expect([...db.keys()].sort()).toEqual(keys.filter((key) => !selected.includes(key)).sort());
      const replayed = await db.at({ offset: db.endOffset - 1 });
      expect(contents(replayed)).toEqual(contents(db));
    }
    const left = contents(db);
    expect(contents(await reopen(db))).toEqual(left);
  });

  test("takes bounds of bytes", async () => {
    const db = await openBytes<number>();
    for (const byte of [1, 254, 255]) await db.put(Uint8Array.of(255, byte), byte);
    await db.clear({ gt: Uint8Array.of(255, 1), prefix: Uint8Array.of(255) });
    expect([...db.values()]).toEqual([1]);
  });

  test("refuses what is about reading, and what no range has", async () => {
    const db = await lettered();
    for (const range of [{ limit: 1 }, { reverse: true }, { from: "a" }, 5, null]) {
      await refused("KV_INVALID_ARGUMENT", () => db.clear(range as object));
    }
    await refused("KV_INVALID_KEY", () => db.clear({ gt: JSON.parse("5") }));
    await refused("KV_INVALID_ARGUMENT", () => db.clear({}, { ifVersion: 0 } as object));
    for (const extra of [{ limit: 1 }, { key: "a" }, { value: 1 }]) {
      const operation = { type: "clear", ...extra } as { type: "clear" };
      await refused("KV_INVALID_ARGUMENT", () => db.batch([operation]));
    }
    await refused("KV_INVALID_KEY", () =>
      db.batch([{ type: "del" } as { type: "del"; key: string }]),
    );
    const { result } = await db.transaction(() => [
      refused("KV_INVALID_ARGUMENT", () => db.clear()),
    ]);
    await Promise.all(result);
    expect([keysOf(db), db.endOffset]).toEqual(["abcde", 1]);
  });

  test("in a batch takes its turn among the other operations", async () => {
    const db = await lettered();
    await db.batch([
      { type: "put", key: "bb", value: 1 },
      { type: "clear", gte: "b", lt: "d" },
      { type: "put", key: "c", value: 2 },
      { type: "del", key: "e" },
    ]);
    const left = [
      ["a", 0],
      ["c", 2],
      ["d", 3],
    ];
    expect(contents(db)).toEqual(left);
    expect(contents(await reopen(db))).toEqual(left);
  });

  test("in a transaction deletes what it wrote itself too, and is seen there at once", async () => {
    const db = await lettered();
    await db.transaction((tx) => {
      tx.put("b", 10);
      tx.put("bb", 11);
      tx.put("f", 12);
      tx.clear({ prefix: "b" });
      expect([keysOf(tx), tx.size, tx.has("b")]).toEqual(["acdef", 5, false]);
      tx.put("b", 13);
      tx.put("b", 14);
      tx.clear({ gte: "d" });
      tx.put("f", 15);
      expect(contents(db)[1]).toEqual(["b", 1]);
    });
    const left = [
      ["a", 0],
      ["b", 14],
      ["c", 2],
      ["f", 15],
    ];
    expect(contents(db)).toEqual(left);
    expect(contents(await reopen(db))).toEqual(left);
    await expect(
      db.transaction((tx) => {
        tx.clear();
        throw new Error("on purpose");
      }),
    ).rejects.toThrow();
  });

  test("that was rejected brings back all that it deleted, with versions and expiry", async () => {
    const clock = { now: 1000 };
    const disk = new FaultyDisk();
    const { log } = on(disk);
    const db = await lettered({ log: { ...log, clock: () => clock.now } });
    await db.put("b", 1, { ttl: 100 });
    const entry = db.getEntry("b");
    const before = contents(db);
    const lift = disk.fail({ call: "write", path: /\.log$/ }, "ENOSPC");
    const view = db.snapshot();
    const rejected = [
      db.put("c", 9),
      db.clear({ gte: "b" }),
      db.put("b", 7),
      db.clear(),
      db.batch([
        { type: "put", key: "z", value: 1 },
        { type: "clear", gt: "y" },
        { type: "put", key: "a", value: 1 },
      ]),
    ];
    expect(contents(db)).toEqual([["a", 1]]);
    for (const outcome of await Promise.allSettled(rejected)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "KV_NO_SPACE" } });
    }
    expect(contents(db)).toEqual(before);
    expect([db.getEntry("b"), db.size]).toEqual([entry, 5]);
    clock.now = 1100;
    expect([keysOf(db), db.size]).toEqual(["acde", 4]);
    lift();
    await db.clear({ lt: "d" });
    expect(keysOf(db)).toBe("de");
    expect(contents(view)).toEqual(before);
  });
});

type Step = StateOperation | "acknowledge" | "reject" | "fork";

describe("the present", () => {
  test("is that of the commits that stand, whatever ranges were cleared and taken back", async () => {
    const key = fc.nat(400).map((n) => `k${n}`);
    const step: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          kind: fc.constant("put" as const),
          key,
          value: fc.string({ maxLength: 3 }),
          expiry: fc.option(fc.integer({ min: 1000, max: 1100 }), { nil: undefined }),
        }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("deleteRange" as const),
          gte: fc.option(key, { nil: undefined }),
          lt: fc.option(key, { nil: undefined }),
        }),
      },
      { weight: 1, arbitrary: fc.constantFrom("acknowledge", "reject", "fork") },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { size: "max", maxLength: 900 }), async (steps) => {
        const log = new ScriptedLog();
        const present = new Present(new State(), log, 0);
        let acknowledged = new Map<string, Held>();
        let model = new Map<string, Held>();
        const outcomes: Promise<unknown>[] = [];
        const forks: [State, Map<string, Held>][] = [];
        for (const taken of steps) {
          if (taken === "acknowledge") {
            log.acknowledge(log.endOffset - log.acknowledgedOffset);
            acknowledged = new Map(model);
          } else if (taken === "reject") {
            outcomes.push(Promise.resolve(log.fallBack()).then((deliver) => deliver()));
            present.settle();
            model = new Map(acknowledged);
            expectSame(present.state, model);
          } else if (taken === "fork") forks.push([present.state.fork(), new Map(model)]);
          else {
            outcomes.push(present.commit(commitOf(taken), false).catch(() => undefined));
            applyTo(model, taken);
          }
        }
        expectSame(present.state, model);
        for (const [fork, then] of forks) expectSame(fork, then);
        log.acknowledge(log.endOffset);
        await Promise.all(outcomes);
      }),
      { numRuns: 40 },
    );
  });
});

interface Held {
  readonly value: unknown;
  readonly expiry: number | undefined;
}

function applyTo(model: Map<string, Held>, operation: StateOperation): void {
  if (operation.kind === "put") {
    model.set(operation.key, { value: operation.value, expiry: operation.expiry });
  } else if (operation.kind === "delete") model.delete(operation.key);
  else {
    const { gte = "", lt } = operation;
    for (const key of model.keys()) {
      if (key >= gte && (lt === undefined || key < lt)) model.delete(key);
    }
  }
}

function expectSame(state: State, model: Map<string, Held>): void {
  for (const now of [0, 1050, 1101]) {
    const wanted = [...model]
      .filter(([, { expiry }]) => expiry === undefined || expiry > now)
      .map(([key, { value }]) => [key, value])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    expect([...state.read(everything, now, ({ key, value }) => [key, value])]).toEqual(wanted);
    expect(state.size(() => now)).toBe(wanted.length);
  }
}
