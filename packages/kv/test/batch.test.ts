// Batches that change while they are taken in: getters in values and operations run the caller's code, and what is
// written is one whole commit all the same.

import type { BatchOperation } from "@tidemark/kv";
import { describe, expect, test } from "vitest";
import { CommitWriter } from "../src/formats/operations.js";
import { contents, openDatabase, reopen } from "./fixture.js";

describe("a batch", () => {
  test("that a getter in a value shortens is written as it was at the call, and opens again", async () => {
    const db = await openDatabase();
    const operations: BatchOperation[] = [
      {
        type: "put",
        key: "a",
        value: {
          get x() {
            operations.length = 1;
            return 1;
          },
        },
      },
      { type: "put", key: "b", value: 2 },
    ];
    expect(await db.batch(operations)).toBe(0);
    const expected = [
      ["a", { x: 1 }],
      ["b", 2],
    ];
    expect(contents(db)).toEqual(expected);
    expect(contents(await db.at({ offset: 0 }))).toEqual(expected);
    expect(contents(await reopen(db))).toEqual(expected);
  });

  test("of any keys and values, long, short and empty, is read as it was put, before and after opening again", async () => {
    const db = await openDatabase();
    const lengths = [0, 1, 14, 33, 300, 20_000];
    const keys = lengths.flatMap((length) => ["k", "\0", "é"].map((c) => c.repeat(length)));
    const values = lengths.map((length) => "v".repeat(length));
    // Each key first in a commit of its own, then all of them between others in one that outgrows its buffer.
    for (const key of keys) {
      await db.put(key, key.length);
      expect(db.get(key)).toBe(key.length);
    }
    const expected = new Map<string, unknown>();
    const operations: BatchOperation[] = [];
    for (const [n, key] of keys.entries()) {
      const value = { n, text: values[n % values.length] };
      expected.set(key, value);
      operations.push({ type: "put", key, value, ...(n % 2 === 0 ? { ttl: 2 ** 40 } : {}) });
      operations.push({ type: "del", key: `gone ${n}` });
    }
    await db.batch(operations);
    expect(new Map(contents(db))).toEqual(expected);
    expect(new Map(contents(await reopen(db)))).toEqual(expected);
  });

  test("whose operations are made by accessors reads each of them once", async () => {
    const db = await openDatabase();
    const reads: string[] = [];
    const operation = {
      get type() {
        reads.push("type");
        return reads.filter((name) => name === "type").length === 1 ? "put" : "del";
      },
      get key() {
        reads.push("key");
        return `k${reads.filter((name) => name === "key").length}`;
      },
      get value() {
        reads.push("value");
        return "given";
      },
    };
    await db.batch([operation as BatchOperation]);
    expect(reads).toEqual(["type", "key", "value"]);
    expect(contents(db)).toEqual([["k1", "given"]]);
  });
});

test("a commit of another count of operations than it says is never given out", () => {
  const writer = new CommitWriter();
  writer.begin(2);
  writer.delete("a");
  expect(() => writer.payload()).toThrow("broken invariant");
  writer.delete("b");
  writer.payload();
  writer.mark("c");
  expect(() => writer.payload()).toThrow("broken invariant");
});
