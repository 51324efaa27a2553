// A snapshot file, read from front to back as every fold does.

import { DatabaseError } from "@tidemark/kv";
import { type Random, SimulatedDisk } from "@tidemark/wal/testing";
import { SnapshotReader } from "../../../../packages/kv/dist/formats/snapshot-reader.js";
import { SnapshotWriter } from "../../../../packages/kv/dist/formats/snapshot-writer.js";
import type { Mark, SnapshotEntry } from "../../../../packages/kv/dist/state/entry.js";
import { bytesOf, type Input, inputOf, withBytes } from "../input.js";
import { demand, type Target } from "../target.js";
import { LOG_ID } from "./log-structures.js";
import { recount, sealSnapshot } from "./seals.js";

const origin = { logId: LOG_ID, endOffset: 1000, time: 1234, createdAt: 5678 };

async function write(
  keys: "string" | "bytes",
  entries: readonly SnapshotEntry[],
  marks: ReadonlyMap<string, Mark>,
): Promise<Input> {
  const disk = new SimulatedDisk();
  await disk.makeDirectory("/d");
  const writer = await SnapshotWriter.create(disk, "/d", { ...origin, keys });
  for (const entry of entries) writer.append(entry);
  const { file } = await writer.finish(new Map(marks));
  return inputOf(disk.bytesOf(file));
}

const entries: readonly SnapshotEntry[] = [
  { key: "", value: "\x01", offset: 3, time: 30, expiry: undefined },
  { key: "a", value: "\xa1b", offset: 4, time: 40, expiry: 99 },
  { key: "b", value: "", offset: 2, time: 20, expiry: undefined },
];
const marks = new Map([
  ["é", { offset: 5, time: 50 }],
  ["second", { offset: 6, time: 60 }],
]);

/** More than fit one block. */
const long = Array.from({ length: 12 }, (_, i) => ({
  key: `key ${String(i).padStart(3, "0")}`,
  value: "\xda\x1f\x40".padEnd(8003, "v"),
  offset: i,
  time: i,
  expiry: undefined,
}));

/** Of one length each. */
const short = Array.from({ length: 9 }, (_, i) => ({
  key: String(i),
  value: "\x01",
  offset: i,
  time: i,
  expiry: undefined,
}));
/** A flag, a key of one byte and its length, two u64, a value of one byte and its length. */
const SHORT_LENGTH = 24;
const FIRST_ENTRY = 112;

/** Two entries of a file of short ones, whatever they are in another. */
function exchangeEntries(bytes: Uint8Array, random: Random): void {
  const count = Math.min(short.length, Math.floor((bytes.length - FIRST_ENTRY) / SHORT_LENGTH));
  if (count < 2) return;
  const place = () => FIRST_ENTRY + SHORT_LENGTH * random.below(count);
  const [one, other] = [place(), place()];
  const piece = bytes.slice(one, one + SHORT_LENGTH);
  bytes.copyWithin(one, other, other + SHORT_LENGTH);
  bytes.set(piece, other);
}

async function read(bytes: Uint8Array): Promise<void> {
  const disk = new SimulatedDisk();
  const file = await disk.create("/s");
  file.writeSync(bytes, 0);
  const reader = await SnapshotReader.open(disk, "/s");
  try {
    let last: string | undefined;
    let count = 0;
    for (const entry of [...reader.blocks()].flat()) {
      demand(last === undefined || last < entry.key, "keys are out of order");
      demand(entry.offset < reader.header.endOffset, "an entry is of a later commit");
      last = entry.key;
      count += 1;
    }
    demand(count === reader.header.entryCount, "entries are missing, or too many");
    demand(reader.marks.size === reader.header.markCount, "marks are missing, or too many");
  } finally {
    reader.close();
  }
}

export const snapshotFile: Target = {
  name: "snapshot",
  watched: [
    "packages/kv/dist/formats/snapshot-reader.js",
    "packages/kv/dist/formats/snapshot-format.js",
  ],
  seeds: [
    await write("bytes", entries, marks),
    await write("string", entries, new Map()),
    await write("string", [], new Map()),
    await write("string", long, marks),
    await write("string", short, marks),
  ],
  bytesMax: (size) => 1024 * 1024 + 16 * size,
  seal: (input, random) => sealSnapshot(bytesOf(input), random),
  restructure(input, random) {
    const bytes = bytesOf(input).slice();
    if (random.oneIn(2)) recount(bytes, random);
    else exchangeEntries(bytes, random);
    return withBytes(input, bytes);
  },
  async judge(input) {
    try {
      await read(bytesOf(input));
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      const { code } = error;
      demand(code === "KV_CORRUPT" || code === "KV_UNSUPPORTED_VERSION", `refused with ${code}`);
    }
  },
};
