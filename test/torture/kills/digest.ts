// All that a log or a database shows, as one number, so that two processes can compare what they see.

import { isDeepStrictEqual } from "node:util";
import type { Reading, View } from "@tidemark/kv";
import { crc32, type Log } from "@tidemark/wal";
import { type Item, valueFor } from "./issue.js";

/** A record as far as it is compared. */
export interface RecordMark {
  readonly crc: number;
  /** In ms. */
  readonly time: number;
}

export function marksOf(log: Log): RecordMark[] {
  let offset = log.startOffset;
  const marks = Array.from(log.records(), (record) => {
    if (record.offset !== offset) throw new Error(`record ${record.offset} stands at ${offset}`);
    offset += 1;
    return { crc: crc32(record.payload), time: record.time };
  });
  if (offset !== log.acknowledgedOffset)
    throw new Error(`records end at ${offset}, the log at ${log.acknowledgedOffset}`);
  return marks;
}

export function digestOfMarks(marks: readonly RecordMark[]): number {
  return crc32(
    new Uint8Array(Float64Array.from(marks.flatMap(({ crc, time }) => [crc, time])).buffer),
  );
}

/** Serial numbers by key, in the order of the keys. Throws if a value is not what its serial number says. */
export function serialsOf(
  reading: Reading<unknown, string> | View,
): [key: string, serial: number][] {
  return Array.from(reading.entries(), ([key, value]) => {
    const item = itemOf(value);
    if (item === undefined || !isDeepStrictEqual(value, valueFor(item)))
      throw new Error(`the value of ${key} is none that was written`);
    return [key, item.serial];
  });
}

export function digestOfSerials(serials: Iterable<readonly [string, number]>): number {
  return crc32(Buffer.from(JSON.stringify([...serials])));
}

function itemOf(value: unknown): Item | undefined {
  const parts = partsOf(value);
  const [serial, length] = parts;
  if (typeof serial !== "number" || typeof length !== "number") return undefined;
  return { serial, length };
}

function partsOf(value: unknown): readonly unknown[] {
  if (value instanceof Uint8Array)
    return Buffer.from(value).toString("latin1").split(":", 2).map(Number);
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [value.get("serial"), value.get("length")];
  if (typeof value === "object" && value !== null && "serial" in value && "length" in value)
    return [value.serial, value.length];
  return [];
}
