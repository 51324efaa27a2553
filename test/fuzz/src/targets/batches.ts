// The batches of a store, walked as opening and verifying do, and searched as after damage.

import type { File } from "@tidemark/wal";
import { SimulatedDisk } from "@tidemark/wal/testing";
import {
  BATCH_HEADER_LENGTH,
  encodeBatchHeader,
  RECORD_PREFIX_LENGTH,
  recordAt,
} from "../../../../packages/wal/dist/batch.js";
import { writeU32 } from "../../../../packages/wal/dist/fields.js";
import { headersIn, type ScannedBatch, StoreScan } from "../../../../packages/wal/dist/scan.js";
import { bytesOf, inputOf } from "../input.js";
import { demand, demandSame, type Target } from "../target.js";
import { MARKER } from "./log-structures.js";
import { sealBatches } from "./seals.js";

const TIME = 1_700_000_000_000;

function batch(first: number, payloads: readonly string[], durable = 0): Buffer {
  const body = payloads.map((payload) => {
    const record = Buffer.alloc(RECORD_PREFIX_LENGTH + payload.length);
    writeU32(record, 0, payload.length);
    record.write(payload, RECORD_PREFIX_LENGTH);
    return record;
  });
  const bytes = Buffer.concat([Buffer.alloc(BATCH_HEADER_LENGTH), ...body]);
  encodeBatchHeader(bytes, 0, MARKER, {
    bodyLength: bytes.length - BATCH_HEADER_LENGTH,
    count: payloads.length,
    firstOffset: first,
    time: TIME + first,
    durableOffset: durable,
  });
  return bytes;
}

const many = Buffer.concat([
  batch(0, ["first"]),
  batch(1, ["", "second of three", "third"], 1),
  batch(4, ["x".repeat(300)], 4),
  batch(5, [], 5),
  Buffer.alloc(200),
]);

/** What has to be so for each batch that a scan lets past. */
function check(scanned: ScannedBatch, offset: number): void {
  const { header, bytes, at } = scanned;
  demand(header.firstOffset === offset, `a batch of ${header.firstOffset} passes for ${offset}`);
  let length = 0;
  for (let index = 0; index < header.count; index++)
    length += RECORD_PREFIX_LENGTH + recordAt(bytes, at, header, index).length;
  demand(length === header.bodyLength, "records do not fill their batch");
  const end = at + BATCH_HEADER_LENGTH + header.bodyLength;
  const again = bytes.slice(at, end);
  encodeBatchHeader(again, 0, MARKER, header);
  demandSame(again, bytes.subarray(at, end), "a batch is not what it decodes to");
}

function walk(file: File, limit: number): void {
  const scan = new StoreScan({ file }, MARKER, { from: 0, limit, offset: 0, time: 0 });
  let offset = 0;
  for (let scanned = scan.next(); scanned !== undefined; scanned = scan.next()) {
    check(scanned, offset);
    offset += scanned.header.count;
    demand(scan.position <= limit, "a scan goes beyond its limit");
  }
  demand(scan.stop !== undefined, "a scan ends without saying why");
  demand(scan.error("x").message.length < 400, "an error says too much");
}

function search(file: File, limit: number): void {
  let before = -1;
  for (const { position, header } of headersIn(file, MARKER, 0, limit)) {
    demand(position > before, "a header is found twice");
    demand(header.durableOffset <= header.firstOffset, "a header contradicts itself");
    before = position;
  }
}

export const batches: Target = {
  name: "batches",
  watched: ["packages/wal/dist/batch.js", "packages/wal/dist/scan.js"],
  seeds: [inputOf(batch(0, ["only"])), inputOf(many)],
  bytesMax: (size) => 2 * 1024 * 1024 + 32 * size,
  seal: (input, random) => sealBatches(bytesOf(input), 0, MARKER, random),
  async judge(input) {
    const bytes = bytesOf(input);
    const file = await new SimulatedDisk().create("/store");
    file.writeSync(bytes, 0);
    walk(file, bytes.length);
    search(file, bytes.length);
  },
};
