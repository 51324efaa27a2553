// The payload of a commit: golden bytes, round-trips, and a verdict for whatever else is there.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KeyKind } from "../src/arguments/keys.js";
import {
  CommitReader,
  type CommitVerdict,
  CommitWriter,
  type Operation,
} from "../src/formats/operations.js";

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

function encode(operations: readonly Operation[]): Buffer {
  const writer = new CommitWriter();
  writer.begin(operations.length);
  for (const operation of operations) {
    if (operation.kind === "put") {
      writer.putStored(operation.key, operation.value, operation.expiry);
    } else if (operation.kind === "delete") writer.delete(operation.key);
    else if (operation.kind === "deleteRange") writer.deleteRange(operation.gte, operation.lt);
    else writer.mark(operation.name);
  }
  return Buffer.from(writer.payload());
}

function decodeCommit(payload: Uint8Array, keys: KeyKind): CommitVerdict {
  return new CommitReader(payload, keys).next();
}

const latin1 = fc
  .uint8Array({ maxLength: 40 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));
const option = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant("put" as const),
    key: latin1,
    value: latin1,
    expiry: option(fc.maxSafeNat()),
  }),
  fc.record({ kind: fc.constant("delete" as const), key: latin1 }),
  fc.record({ kind: fc.constant("deleteRange" as const), gte: option(latin1), lt: option(latin1) }),
  fc.record({
    kind: fc.constant("mark" as const),
    name: fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
  }),
);

describe("a commit", () => {
  test("reads back as it was written", () => {
    fc.assert(
      fc.property(fc.array(operation), (operations) => {
        const decoded = decodeCommit(encode(operations), "bytes");
        expect(decoded).toEqual({ verdict: "valid", operations, complete: true });
      }),
    );
  });

  test("reads back in steps of any length, each no longer than asked for", () => {
    fc.assert(
      fc.property(fc.array(operation), fc.integer({ min: 1, max: 5 }), (operations, limit) => {
        const reader = new CommitReader(encode(operations), "bytes");
        const read: Operation[] = [];
        for (let complete = false; !complete; ) {
          const step = reader.next(limit);
          if (step.verdict !== "valid") throw new Error(step.reason);
          expect(step.operations.length).toBeLessThanOrEqual(limit);
          read.push(...step.operations);
          complete = step.complete;
        }
        expect(read).toEqual(operations);
      }),
    );
  });

  test("whose end is damaged is invalid in the step that comes there", () => {
    const reader = new CommitReader(hex("01 02  03 01 61  09"), "string");
    expect(reader.next(1)).toMatchObject({ verdict: "valid", complete: false });
    expect(reader.next(1).verdict).toBe("unsupported");
    const longer = new CommitReader(hex("01 01  03 01 61  00"), "string");
    expect(longer.next(1).verdict).toBe("invalid");
  });

  test.each<[string, Operation, string]>([
    [
      "put",
      { kind: "put", key: "k", value: "\x2a", expiry: undefined },
      "01 01  01 01 6b 01000000 2a",
    ],
    [
      "put with expiry",
      { kind: "put", key: "", value: "\xa1a", expiry: 0x10203040506 },
      "01 01  02 00 0605040302010000 02000000 a161",
    ],
    ["delete", { kind: "delete", key: "\xc3\xa9" }, "01 01  03 02 c3a9"],
    ["delete range", { kind: "deleteRange", gte: "a", lt: "b" }, "01 01  04 03 01 61 01 62"],
    ["delete range from", { kind: "deleteRange", gte: "a", lt: undefined }, "01 01  04 01 01 61"],
    ["delete range to", { kind: "deleteRange", gte: undefined, lt: "b" }, "01 01  04 02 01 62"],
    ["delete everything", { kind: "deleteRange", gte: undefined, lt: undefined }, "01 01  04 00"],
    ["mark", { kind: "mark", name: "é" }, "01 01  05 02 c3a9"],
  ])("golden bytes: %s", (_, expected, bytes) => {
    expect(encode([expected]).toString("hex")).toBe(hex(bytes).toString("hex"));
    expect(decodeCommit(hex(bytes), "string")).toEqual({
      complete: true,
      verdict: "valid",
      operations: [expected],
    });
  });

  test("golden bytes: a value that is encoded at the put, and a key of 300 bytes", () => {
    const writer = new CommitWriter();
    writer.begin(2);
    const put = writer.put("k".repeat(300), { a: 1 });
    const { memory } = writer.commit([put, writer.delete("")]);
    expect(memory.toString("latin1", put.valueStart, put.valueEnd)).toBe("\x81\xa1a\x01");
    expect(Buffer.from(writer.payload()).toString("hex")).toBe(
      `0102 01ac02${"6b".repeat(300)}0400000081a16101 0300`.replaceAll(" ", ""),
    );
  });

  test.each<[string, string]>([
    ["another format", "02 00"],
    ["another kind of operation", "01 01 06 01 61"],
    ["unknown bounds of a range", "01 01 04 04"],
  ])("%s is an unsupported version", (_, bytes) => {
    expect(decodeCommit(hex(bytes), "bytes").verdict).toBe("unsupported");
  });

  test.each<[string, string]>([
    ["nothing", ""],
    ["no count", "01"],
    ["more operations than bytes", "01 ffffffff0f"],
    ["a count that is too long", "01 8000"],
    ["a count above 32 bits", "01 ffffffff7f"],
    ["a count without end", "01 ffffffffffffffff"],
    ["a key longer than the rest", "01 01 03 05 61"],
    ["a value longer than the rest", "01 01 01 01 61 ffffffff 00"],
    ["an expiry above 2^53", "01 01 02 00 ffffffffffffffff 00000000"],
    ["bytes after the last operation", "01 01 03 01 61 00"],
    ["a mark without a name", "01 01 05 00"],
    ["a mark whose name is not UTF-8", "01 01 05 01 ff"],
  ])("%s is invalid, with the place", (_, bytes) => {
    expect(decodeCommit(hex(bytes), "bytes")).toMatchObject({
      verdict: "invalid",
      reason: expect.any(String),
      position: expect.any(Number),
    });
  });

  test("a key that is not UTF-8 is invalid where keys are strings", () => {
    expect(decodeCommit(hex("01 01 03 01 ff"), "string").verdict).toBe("invalid");
    expect(decodeCommit(hex("01 01 03 01 ff"), "bytes").verdict).toBe("valid");
  });

  test("any bytes, and any damage to real ones, give a verdict", () => {
    const damaged = fc
      .tuple(fc.array(operation, { minLength: 1 }), fc.nat(), fc.integer({ min: 1, max: 255 }))
      .map(([operations, at, flip]) => {
        const bytes = encode(operations);
        const index = at % bytes.length;
        bytes[index] = (bytes[index] as number) ^ flip;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), damaged), (bytes) => {
        expect(["valid", "invalid", "unsupported"]).toContain(
          decodeCommit(bytes, "string").verdict,
        );
      }),
      { numRuns: 3000 },
    );
  });
});
