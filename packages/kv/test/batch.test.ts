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
