// Every record that is whole, also behind damage, and then the damage: for a log that cannot be opened any more.

import { type LogRecord, nodeFileSystem, verifyLog } from "@tidemark/wal";
import { byteKeys, type Key, type KeyCodec, stringKeys } from "../arguments/keys.js";
import { hasCode } from "../errors.js";
import { readIdentity } from "../formats/identity-file.js";
import { Pace } from "../pace.js";
import { operationsOf } from "../past/changes.js";
import { printCommit } from "./commits.js";
import { showDamage } from "./damage.js";
import { type Found, findLog } from "./directory.js";
import { type ExitCode, exitCode } from "./exit-codes.js";
import type { KeyFormat } from "./key-notation.js";
import { printRecord } from "./records.js";
import type { Run } from "./run.js";
import type { Span } from "./span.js";

export async function printWhole(
  run: Run,
  found: Found,
  { from, to }: Span,
  format: KeyFormat,
): Promise<ExitCode> {
  const isLog = found.kind === "log";
  const directory = await findLog(found);
  const print = isLog ? printRecord : await commitPrinter(found.directory, format);
  // The log is looked at again from its start where its writer changes it meanwhile.
  let next = from;
  const visit = () => async (record: LogRecord) => {
    if (record.offset < next || record.offset >= to) return;
    next = record.offset + 1;
    await print(run, record);
  };
  const { damage } = await verifyLog(directory, { visit, signal: run.signal });
  for (const place of damage) {
    if (run.json) await run.out.json({ damage: place.message });
    else await run.out.line(run.style("red", `damage: ${showDamage(place)}`));
  }
  return damage.length === 0 ? exitCode.fine : exitCode.damage;
}

type RecordPrinter = (run: Run, record: LogRecord) => Promise<void>;

async function commitPrinter(directory: string, format: KeyFormat): Promise<RecordPrinter> {
  const keys = await keysOf(directory);
  return async (run, record) => {
    const { offset, time } = record;
    try {
      const operations = await operationsOf<unknown, Key>(record, keys, new Pace(run.signal));
      await printCommit(run, { offset, time, operations }, format);
    } catch (error) {
      if (!hasCode(error, "KV_CORRUPT")) throw error;
      // It is whole, and no commit that can be read: as it stands, then.
      await printRecord(run, record);
    }
  };
}

/** Where nothing tells the kind, every key is one of bytes. */
async function keysOf(directory: string): Promise<KeyCodec<Key>> {
  try {
    const identity = await readIdentity(nodeFileSystem, directory);
    return identity?.keys === "string" ? stringKeys : byteKeys;
  } catch (error) {
    if (!hasCode(error, "KV_CORRUPT")) throw error;
    return byteKeys;
  }
}
