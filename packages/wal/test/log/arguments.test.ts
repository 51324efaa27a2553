// Arguments that are not what they should be: refused by name, with nothing taken and nothing changed.

import { repairLog, verifyLog } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import {
  appendEach,
  closedLog,
  expectNumbered,
  filesIn,
  openLog,
  payloadOf,
  refusal,
  storeNames,
  temporaryDirectory,
} from "./fixture.js";
import { flip } from "./store-bytes.js";

/** An array whose memory has gone elsewhere. */
function detached(): Uint8Array {
  const memory = new ArrayBuffer(28);
  const payload = new Uint8Array(memory);
  structuredClone(memory, { transfer: [memory] });
  return payload;
}

describe("a payload whose memory is gone", () => {
  test.each([
    ["alone", (log: Awaited<ReturnType<typeof openLog>>) => log.append(detached())],
    [
      "in a batch",
      (log: Awaited<ReturnType<typeof openLog>>) => log.appendBatch([payloadOf(0), detached()]),
    ],
  ])("%s is refused, and the records around it are whole", async (_where, append) => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await appendEach(log, 1);
    // Into one group: what is refused must leave nothing in it.
    const before = log.append(payloadOf(1));
    const refused = refusal(() => append(log));
    const after = log.append(payloadOf(2));
    expect((await refused).code).toBe("LOG_INVALID_ARGUMENT");
    expect(await Promise.all([before, after])).toEqual([1, 2]);
    expectNumbered(log, 0, 3);
    await log.close();
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: 3 });
    expectNumbered(await openLog(directory), 0, 3);
  });

  test("is told from one that is empty", async () => {
    const log = await openLog(temporaryDirectory());
    expect(await log.append(new Uint8Array(0))).toBe(0);
    expect(await log.appendBatch([new Uint8Array(0), Buffer.alloc(0)])).toBe(1);
    expect(log.read(2).payload).toEqual(new Uint8Array(0));
  });
});

test.each([
  { dryRun: "yes" },
  { dryRun: 1 },
  { dryRun: {} },
  { dryRun: null },
  { onProgress: 3 },
  { signal: {} },
  { keep: "both" },
  { fileSystem: { open: flip, openSync: flip } },
])("repairLog with %j repairs nothing", async (options) => {
  const directory = await closedLog((log) => appendEach(log, 100));
  flip(`${directory}/${storeNames(directory)[0]}`, 200);
  const before = filesIn(directory);
  const call: (path: string, given: object) => Promise<unknown> = repairLog;
  expect((await refusal(() => call(directory, options))).code).toBe("LOG_INVALID_ARGUMENT");
  expect(filesIn(directory)).toEqual(before);
});

test("null is no offset, and a list no options", async () => {
  const log = await openLog(temporaryDirectory());
  const records: (range: unknown) => unknown = log.records.bind(log) as (range: unknown) => unknown;
  const follow: (options: unknown) => unknown = log.follow.bind(log) as (
    options: unknown,
  ) => unknown;
  for (const range of [{ from: null }, { to: null }, []]) {
    expect((await refusal(() => records(range))).code).toBe("LOG_INVALID_ARGUMENT");
  }
  for (const options of [{ from: null }, []]) {
    expect((await refusal(() => follow(options))).code).toBe("LOG_INVALID_ARGUMENT");
  }
});
