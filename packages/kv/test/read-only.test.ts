// A read-only database that is not told to look again: it shows the state as of its opening, whatever its log
// learns of meanwhile. Those that do look are in follower.test.ts.

import { expect, test } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import { contents, freshPath, on, openDatabase, refused } from "./fixture.js";

/** A writer with 50 commits, and 50 more that came after a reader was opened. */
async function readerBehindWriter(disk: FaultyDisk) {
  const time = { now: 1000 };
  const log = { segmentBytes: 4096, noteAfterMs: 5, clock: () => time.now };
  const writer = await openDatabase<number>(freshPath(), { log });
  const write = async (from: number, to: number) => {
    for (let n = from; n < to; n++) {
      time.now += 1;
      await writer.put(`${"k".repeat(300)}${n % 7}`, n);
    }
    // The log states what is durable a moment later; a reader sees no more than that.
    await expect
      .poll(async () => {
        const reader = await openDatabase(writer.directory, { readOnly: true });
        const { endOffset } = reader;
        await reader.close();
        return endOffset;
      })
      .toBe(to);
  };
  await write(0, 50);
  const reader = await openDatabase<number>(writer.directory, {
    ...on(disk),
    readOnly: true,
    refreshMs: 0,
  });
  const shown = contents(reader);
  await write(50, 100);
  return { writer, reader, shown };
}

test("a read that fails once makes the log look again, and the state stays that of its offset", async () => {
  const disk = new FaultyDisk();
  const { writer, reader, shown } = await readerBehindWriter(disk);
  disk.fail({ call: "read", path: /\.log$/ }, "EIO", { times: 1 });
  await reader.at({ offset: 10 }).catch(() => undefined);
  expect(reader.stats().log.endOffset).toBe(100);

  expect(contents(reader)).toEqual(shown);
  expect(reader.endOffset).toBe(50);
  expect(reader.stats()).toMatchObject({ endOffset: 50, durableOffset: 50 });
  expect(reader.durableOffset).toBe(50);
  expect(reader.snapshot().offset).toBe(49);
  expect(await reader.transaction(() => 1)).toEqual({ offset: 49, result: 1 });
  for (const offset of [10, 48, 49]) {
    const past = await reader.at({ offset });
    expect(past.offset).toBe(offset);
    expect(contents(past)).toEqual(contents(await writer.at({ offset })));
  }
  const error = await refused("KV_TARGET_OUT_OF_RANGE", () => reader.at({ offset: 50 }));
  expect(error.reachable).toEqual({ first: 0, last: 49 });
  expect((await reader.at({ time: 1100 })).offset).toBe(49);
  expect((await reader.at({ time: 1020 })).offset).toBe(19);
});
