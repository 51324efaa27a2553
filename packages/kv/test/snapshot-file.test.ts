// Snapshot files: golden bytes, round-trips, and that no damage is ever taken for a snapshot.

import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, nodeFileSystem } from "@tidemark/wal";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { snapshotName } from "../src/formats/layout.js";
import { SnapshotReader } from "../src/formats/snapshot-reader.js";
import { SnapshotWriter, type WrittenSnapshot } from "../src/formats/snapshot-writer.js";
import type { Mark, SnapshotEntry } from "../src/state/entry.js";
import { plainEntry, temporaryDirectory } from "./fixture.js";
import { goldenBytes } from "./golden.js";

const logId = "00112233-4455-6677-8899-aabbccddeeff";

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});

async function write(
  entries: readonly SnapshotEntry[],
  marks = new Map<string, Mark>(),
  endOffset = 1_000_000,
): Promise<WrittenSnapshot> {
  const origin = { keys: "bytes", logId, endOffset, time: 1234, createdAt: 5678 } as const;
  const writer = await SnapshotWriter.create(nodeFileSystem, directory, origin);
  for (const entry of entries) {
    writer.append(entry);
    await writer.drain();
  }
  return writer.finish(marks);
}

async function read(path: string): Promise<{ entries: SnapshotEntry[]; marks: Map<string, Mark> }> {
  const reader = await SnapshotReader.open(nodeFileSystem, path);
  try {
    return { entries: [...reader.blocks()].flat().map(plainEntry), marks: reader.marks };
  } finally {
    reader.close();
  }
}

function put(path: string, bytes: Uint8Array): string {
  writeFileSync(path, bytes);
  return path;
}

const sample: SnapshotEntry[] = [
  { key: "", value: "\x01", offset: 3, time: 30, expiry: undefined },
  { key: "a", value: "\xa1b", offset: 4, time: 40, expiry: 99 },
  { key: "b\xff", value: "", offset: 2, time: 20, expiry: undefined },
];
const sampleMarks = new Map([["é", { offset: 5, time: 50 }]]);

const entry = fc.record({
  key: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  value: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  offset: fc.nat(999_999),
  time: fc.maxSafeNat(),
  expiry: fc.option(fc.maxSafeNat(), { nil: undefined }),
});

describe("a snapshot file", () => {
  test("reads back as it was written", async () => {
    const entries = fc.uniqueArray(entry, { selector: ({ key }) => key, maxLength: 50 });
    const mark = fc.record({ offset: fc.nat(999_999), time: fc.maxSafeNat() });
    const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 });
    const marks = fc.array(fc.tuple(name, mark)).map((pairs) => new Map(pairs));
    await fc.assert(
      fc.asyncProperty(entries, marks, async (unsorted, named) => {
        const sorted = unsorted.sort((a, b) => (a.key < b.key ? -1 : 1));
        const written = await write(sorted, named);
        expect(await read(written.file)).toEqual({ entries: sorted, marks: named });
        expect(written.header).toMatchObject({ entryCount: sorted.length, markCount: named.size });
        expect(written.size).toBe(readFileSync(written.file).length);
      }),
      { numRuns: 60 },
    );
  });

  test("of many blocks, with values longer than one, reads back", async () => {
    const entries = Array.from({ length: 5000 }, (_, n) => ({
      ...{ key: String(n).padStart(8, "0"), offset: n, time: n, expiry: undefined },
      value: n % 1000 === 0 ? new Uint8Array(200_000).fill(n) : "v".repeat(100),
    }));
    const marks = new Map(
      Array.from({ length: 3000 }, (_, n) => [
        `mark ${n} ${"x".repeat(50)}`,
        { offset: n, time: n },
      ]),
    );
    const { file } = await write(entries, marks);
    expect(await read(file)).toEqual({ entries, marks });
  });

  test("leaves room for others after each block, of marks too", async () => {
    const names = Array.from({ length: 3000 }, (_, n) => `mark ${n} ${"x".repeat(50)}`);
    const { file } = await write([], new Map(names.map((name) => [name, { offset: 1, time: 1 }])));
    const reader = await SnapshotReader.open(nodeFileSystem, file);
    const read: number[] = [];
    for (const _ of reader.blocks()) read.push(reader.marks.size);
    reader.close();
    expect(read.length).toBeGreaterThan(3);
    expect(read[0]).toBeLessThan(1000);
  });

  test("golden bytes", async () => {
    const { file } = await write(sample, sampleMarks, 6);
    const expected = goldenBytes("snapshot");
    expect(readFileSync(file).toString("hex")).toBe(expected.toString("hex"));
    const copy = put(snapshotName(directory, 7), expected);
    expect(await read(copy)).toEqual({ entries: sample, marks: sampleMarks });
  });

  test("with any one byte changed is refused, with file and position", async () => {
    const { file } = await write(sample, sampleMarks, 6);
    const good = readFileSync(file);
    const path = join(directory, "damaged");
    for (let at = 0; at < good.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] as number) ^ flip;
        put(path, bytes);
        const error = await read(path).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: "KV_CORRUPT", file: path });
        expect((error as { position?: number }).position).toBeTypeOf("number");
      }
    }
  });

  test("cut short anywhere, or longer than it was, is refused", async () => {
    const { file } = await write(sample, sampleMarks, 6);
    const good = readFileSync(file);
    const path = join(directory, "damaged");
    const corrupt = { code: "KV_CORRUPT", file: path };
    for (let length = 0; length < good.length; length++) {
      put(path, good.subarray(0, length));
      await expect(read(path)).rejects.toMatchObject(corrupt);
    }
    put(path, Buffer.concat([good, Buffer.alloc(1)]));
    await expect(read(path)).rejects.toMatchObject(corrupt);
    put(path, Buffer.concat([good, good.subarray(96)]));
    await expect(read(path)).rejects.toMatchObject(corrupt);
  });

  test("without a block in the middle is refused, although every block in it is sound", async () => {
    const entries = Array.from({ length: 3000 }, (_, n) => ({
      ...{ key: String(n).padStart(8, "0"), value: "v".repeat(100), offset: n, time: n },
      expiry: undefined,
    }));
    const { file } = await write(entries);
    const good = readFileSync(file);
    const first = 96 + 16 + good.readUInt32LE(96 + 4);
    const second = first + 16 + good.readUInt32LE(first + 4);
    put(file, Buffer.concat([good.subarray(0, first), good.subarray(second)]));
    await expect(read(file)).rejects.toMatchObject({ code: "KV_CORRUPT" });
  });

  test("with a block of another file in place of its own is refused, although all counts are right", async () => {
    const withValue = (value: string) =>
      Array.from({ length: 3000 }, (_, n) => ({
        ...{ key: String(n).padStart(8, "0"), value: value.repeat(100), offset: n, time: n },
        expiry: undefined,
      }));
    const other = readFileSync((await write(withValue("b"), undefined, 999_999)).file);
    const { file } = await write(withValue("a"));
    const good = readFileSync(file);
    const first = 96 + 16 + good.readUInt32LE(96 + 4);
    put(
      file,
      Buffer.concat([good.subarray(0, 96), other.subarray(96, first), good.subarray(first)]),
    );
    await expect(read(file)).rejects.toThrow(/blocks are missing or too many/);
  });

  test("of a later format is an unsupported version", async () => {
    const { file } = await write(sample);
    const bytes = readFileSync(file);
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 92);
    put(file, bytes);
    await expect(read(file)).rejects.toMatchObject({ code: "KV_UNSUPPORTED_VERSION", file });
  });

  test("takes the place of what an attempt before left over, and leaves nothing when given up", async () => {
    const origin = { keys: "bytes", logId, endOffset: 6, time: 1, createdAt: 1 } as const;
    put(`${snapshotName(directory, 6)}.new`, Buffer.from("left over"));
    const writer = await SnapshotWriter.create(nodeFileSystem, directory, origin);
    await writer.abandon();
    expect((await nodeFileSystem.list(directory)).map(({ name }) => name)).toEqual([]);
  });

  test("is not taken from entries that come out of order", async () => {
    const [first, second] = sample as [SnapshotEntry, SnapshotEntry];
    await expect(write([second, first])).rejects.toThrow("entries come in key order");
  });
});

describe("hostile snapshot files", () => {
  test("any bytes behind a good header are refused or read, with no other error", async () => {
    const { file } = await write(sample, sampleMarks, 6);
    const header = readFileSync(file).subarray(0, 96);
    const path = join(directory, "hostile");
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (rest) => {
        put(path, Buffer.concat([header, rest]));
        await expect(read(path)).rejects.toMatchObject({ code: "KV_CORRUPT" });
      }),
      { numRuns: 300 },
    );
  });

  test("a block that claims more than any writer puts in one is refused, however long the file", async () => {
    const { file } = await write(sample);
    const bytes = readFileSync(file);
    bytes.writeUInt32LE(0xf0000000, 96 + 4);
    put(file, bytes);
    // Sparse: it takes no room.
    truncateSync(file, 5 * 2 ** 30);
    await expect(read(file)).rejects.toThrow(/longer than any writer makes one/);
  });

  test("a block that claims 4 GiB is refused before anything is allocated", async () => {
    const { file } = await write(sample, sampleMarks, 6);
    const bytes = readFileSync(file);
    bytes.writeUInt32LE(0xffffffff, 96 + 4);
    put(file, bytes);
    const before = process.memoryUsage().arrayBuffers;
    await expect(read(file)).rejects.toThrow(/beyond the end of the file/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });
});
