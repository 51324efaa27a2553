// The structures of a database, each as its decoder gets it.

import type { KeyKind } from "../../../../packages/kv/dist/arguments/keys.js";
import { Malformed } from "../../../../packages/kv/dist/formats/byte-reader.js";
import { ByteWriter } from "../../../../packages/kv/dist/formats/byte-writer.js";
import { decodeIdentity, encodeIdentity } from "../../../../packages/kv/dist/formats/identity.js";
import {
  CommitReader,
  CommitWriter,
  type Operation,
} from "../../../../packages/kv/dist/formats/operations.js";
import { ValueDecoder } from "../../../../packages/kv/dist/values/value-decoder.js";
import { ValueEncoder } from "../../../../packages/kv/dist/values/value-encoder.js";
import { bytesOf, inputOf } from "../input.js";
import { demand, demandSame, type Target } from "../target.js";
import { sealIdentity } from "./seals.js";

const built = (name: string) => `packages/kv/dist/${name}.js`;

export const identity: Target = {
  name: "identity",
  watched: [built("identity")],
  seeds: (["string", "bytes"] as const).map((keys) =>
    inputOf(encodeIdentity({ keys, createdAt: 1_700_000_000_000 })),
  ),
  bytesMax: () => 256 * 1024,
  seal: (input) => sealIdentity(bytesOf(input)),
  judge(input) {
    const bytes = bytesOf(input);
    const decoded = decodeIdentity(bytes);
    if (decoded.verdict !== "valid") return;
    demandSame(encodeIdentity(decoded.identity), bytes, "DATABASE is not what it decodes to");
  },
};

function commitOf(build: (writer: CommitWriter) => void, count: number): Uint8Array {
  const writer = new CommitWriter();
  writer.begin(count);
  build(writer);
  return Uint8Array.from(writer.payload());
}

const commits = [
  commitOf((writer) => writer.put("k", 42), 1),
  commitOf((writer) => {
    writer.put("key", { a: [1, "two", null] }, 1_700_000_000_000);
    writer.delete("");
    writer.deleteRange("a", "b");
    writer.deleteRange(undefined, undefined);
    writer.deleteRange("c", undefined);
    writer.mark("a mark é");
    writer.put("\xc3\xa9", "value");
  }, 7),
];

function write(writer: CommitWriter, operation: Operation): void {
  if (operation.kind === "mark") writer.mark(operation.name);
  else if (operation.kind === "deleteRange") writer.deleteRange(operation.gte, operation.lt);
  else writer.add(operation);
}

/** All operations, read some at a time; undefined where there is anything wrong. */
function operationsOf(bytes: Uint8Array, keys: KeyKind, limit: number): Operation[] | undefined {
  const reader = new CommitReader(bytes, keys);
  const operations: Operation[] = [];
  for (;;) {
    const step = reader.next(limit);
    if (step.verdict !== "valid") return undefined;
    operations.push(...step.operations);
    if (step.complete) return operations;
  }
}

export const commit: Target = {
  name: "commit",
  watched: [built("operations"), built("byte-reader"), built("mark-name"), built("keys")],
  seeds: commits.map((bytes) => inputOf(bytes)),
  bytesMax: (size) => 256 * 1024 + 64 * size,
  judge(input) {
    const bytes = bytesOf(input);
    for (const keys of ["string", "bytes"] as const) {
      const operations = operationsOf(bytes, keys, 3);
      const atOnce = operationsOf(bytes, keys, Number.POSITIVE_INFINITY);
      demand(operations?.length === atOnce?.length, "read in steps it is another commit");
      if (operations === undefined) continue;
      const writer = new CommitWriter();
      writer.begin(operations.length);
      for (const operation of operations) write(writer, operation);
      demandSame(writer.payload(), bytes, "a commit is not what it decodes to");
    }
  },
};

const values: readonly unknown[] = [
  null,
  true,
  -3,
  2 ** 31,
  1.5,
  12345678901234n,
  -(2n ** 80n),
  "text",
  "t\u00e9xt \u{1f600}",
  "\ud800",
  undefined,
  [1, [2, [3]]],
  { a: 1, b: { c: "d" }, constructor: 1, ["__proto__"]: 2 },
  new Map<unknown, unknown>([
    ["k", 1],
    [{ k: 2 }, [3]],
  ]),
  new Set([1, "2", { three: 3 }]),
  new Date(86_400_000),
  new Date(Number.NaN),
  new Uint8Array([1, 2, 3]),
  Buffer.from("buffer"),
  new Float64Array([1, 2]),
  new BigInt64Array([1n]),
  new DataView(new ArrayBuffer(5)),
  Object.assign(new RangeError("message"), { code: "CODE" }),
  new AggregateError([new Error("inner")], "outer", { cause: 1 }),
  /pattern[a-z]+/giu,
  Array.from({ length: 20 }, (_, i) => ({ id: i, name: `n${i}` })),
];

function encoded(value: unknown): Uint8Array {
  const out = new ByteWriter();
  new ValueEncoder(out).encode(value);
  return Uint8Array.from(out.written());
}

const decoder = new ValueDecoder();
const names = Object.getOwnPropertyNames(Object.prototype).length;

/** Undefined where the bytes are no value. */
function decoded(bytes: Uint8Array): { readonly value: unknown } | undefined {
  // Framed by other bytes, as in a commit: what is read beyond the end shows.
  const framed = Buffer.alloc(bytes.length + 16, 0x2a);
  framed.set(bytes, 8);
  try {
    return { value: decoder.decode(framed, 8, 8 + bytes.length) };
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

export const value: Target = {
  name: "value",
  watched: [built("value-decoder"), built("message-pack-reader"), built("value-buffers")],
  seeds: values.map((each) => inputOf(encoded(each))),
  bytesMax: (size) => 512 * 1024 + 64 * size,
  judge(input) {
    const first = decoded(bytesOf(input));
    const now = Object.getOwnPropertyNames(Object.prototype).length;
    demand(now === names, "decoding has changed what all objects inherit");
    if (first === undefined) return;
    // What reads back can be put again, and is the same then.
    const bytes = encoded(first.value);
    const second = decoded(bytes);
    demand(second !== undefined, "a value that was read cannot be read again");
    demandSame(encoded(second.value), bytes, "a value changes each time it is read and put");
  },
};
