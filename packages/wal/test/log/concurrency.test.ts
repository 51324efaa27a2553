// Many appends in flight, with all that may go on meanwhile: offsets in call order, and each acknowledged
// when its durability says so.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Log } from "@tidemark/wal";
import { SimulatedDisk } from "@tidemark/wal/testing";
import { describe, expect, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendBatchOf,
  appendEach,
  appendTogether,
  expectNumbered,
  offsets,
  openLog,
  payloadOf,
  readAll,
  refusal,
  temporaryDirectory,
  until,
} from "./fixture.js";
import { batchesOf, manifestOf } from "./store-bytes.js";

/** Rounds through the thread pool and the disk: whatever was to be done before them has been. */
const ROUNDS = 5;

/** Whether a promise has settled, once everything that could has had its turn, calls of the disk among it. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  const file = join(temporaryDirectory(), "round");
  for (let round = 0; round < ROUNDS; round++) {
    await writeFile(file, "as slow as what the log might be doing", { flush: true });
    await setImmediate();
  }
  return settled;
}

async function reopened(log: Log): Promise<Log> {
  await log.close();
  return openLog(log.directory);
}

test("appends one after the other, without syncs, let the event loop turn", async () => {
  // A rotation would let it turn.
  const segmentBytes = 2 ** 27;
  const log = await openLog(temporaryDirectory(), { durability: "os", segmentBytes });
  let turned = false;
  setTimeout(() => {
    turned = true;
  }, 1);
  // Far more than fit into the time that they may take without a turn.
  while (!turned && log.endOffset < 200_000) await log.append(payloadOf(log.endOffset));
  expect(turned).toBe(true);
});

describe("thousands of appends in flight", () => {
  test.each(["commit", "interval", "os"] as const)(
    "get offsets in call order and resolve in that order: durability %s",
    async (durability) => {
      const log = await openLog(temporaryDirectory(), { durability, segmentBytes: 2 ** 20 });
      const resolved: number[] = [];
      const appended = offsets(0, 5000).map(async (number) => {
        const offset = await log.append(payloadOf(number, number % 100));
        resolved.push(offset);
        return offset;
      });
      expect(log.endOffset).toBe(5000);
      expect(await Promise.all(appended)).toEqual(offsets(0, 5000));
      expect(resolved).toEqual(offsets(0, 5000));
      expect(log.stats().commits).toBeLessThan(100);
      expect((await reopened(log)).endOffset).toBe(5000);
    },
  );

  test("mixed with batches and syncs keep their order", async () => {
    const log = await openLog(temporaryDirectory(), { durability: "os", segmentBytes: 2 ** 16 });
    const work: Promise<unknown>[] = [];
    for (let round = 0; round < 800; round++) {
      const expected = log.endOffset;
      const kind = round % 4;
      if (kind === 0) work.push(log.append(payloadOf(expected)).then(expectOffset(expected)));
      if (kind === 1) work.push(appendBatchOf(log, 5).then(expectOffset(expected)));
      if (kind === 2) {
        const sync = log.append(payloadOf(expected), { sync: true });
        work.push(sync.then(() => expect(log.durableOffset).toBeGreaterThan(expected)));
      }
      if (kind === 3) {
        work.push(log.sync().then((durable) => expect(durable).toBeGreaterThanOrEqual(expected)));
      }
    }
    await Promise.all(work);
    const again = await reopened(log);
    expectNumbered(again, 0, 1400);
  });

  function expectOffset(expected: number) {
    return (offset: number) => expect(offset).toBe(expected);
  }

  test("through many rotations are all there, in every durability", async () => {
    for (const durability of ["commit", "interval", "os"] as const) {
      const log = await openLog(temporaryDirectory(), { durability });
      for (let round = 0; round < 5; round++) {
        await Promise.all([
          appendTogether(log, 200, 60),
          appendBatchOf(log, 3, 9000),
          appendTogether(log, 100, 300),
          appendBatchOf(log, 40, 100),
          appendTogether(log, 5, 5000),
        ]);
      }
      expect(log.stats().rotations).toBeGreaterThan(30);
      expectNumbered(log, 0, 1740);
      expectNumbered(await reopened(log), 0, 1740);
    }
  });

  test("from callers that are settled at different depths gather in groups without syncs too", async () => {
    const segmentBytes = 2 ** 20;
    const log = await openLog(temporaryDirectory(), { durability: "os", segmentBytes });
    const callers = offsets(0, 60).map(async (number) => {
      for (let round = 0; round < 50; round++) {
        let appended = log.append(payloadOf(number));
        for (let depth = 0; depth < number; depth++) appended = appended.then((at) => at);
        await appended;
      }
    });
    await Promise.all(callers);
    // One for each round.
    expect(log.stats().commits).toBe(50);
    expect([...log.records()]).toHaveLength(3000);
  });

  test("from callers that append again when they are acknowledged gather in groups", async () => {
    const log = await openLog(temporaryDirectory(), { segmentBytes: 2 ** 20 });
    const callers = offsets(0, 50).map(async () => {
      for (let round = 0; round < 40; round++) await log.append(payloadOf(0));
    });
    await Promise.all(callers);
    expect(log.endOffset).toBe(2000);
    // Fifty callers in step: a group holds nearly all of them.
    expect(log.stats().durableCommits).toBeLessThan(200);
    expect((await reopened(log)).endOffset).toBe(2000);
  });
});

test.each(["commit", "os"] as const)(
  "once as many wait as were acknowledged, the next group begins without a turn of the event loop: durability %s",
  async (durability) => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem, durability });
    const groups = () => fileSystem.count({ call: "write", file: /^00000001\.log$/ });
    await log.append(payloadOf(0));
    const before = groups();
    const turn = setImmediate().then(groups);
    const appended = [log.append(payloadOf(1)), log.append(payloadOf(2))];
    expect(await turn).toBe(before + 1);
    expect(await Promise.all(appended)).toEqual([1, 2]);
  },
);

test.each(["commit", "interval", "os"] as const)(
  "who appends in a loop leaves turns to others, also where syncs are done at once: durability %s",
  async (durability) => {
    const log = await openLog("/log", { fileSystem: new SimulatedDisk(), durability });
    await log.append(payloadOf(0));
    let turned = false;
    const turn = setImmediate().then(() => {
      turned = true;
    });
    for (let n = 1; n < 20_000 && !turned; n++) await log.append(payloadOf(n));
    expect(turned).toBe(true);
    await turn;
    await log.close();
  },
);

test("who waits already does not make those wait for another group who are told now", async () => {
  const fileSystem = new FaultyFileSystem();
  const log = await openLog(temporaryDirectory(), { fileSystem });
  await log.append(payloadOf(0));
  const gate = fileSystem.hold({ call: "datasync" });
  const before = fileSystem.count({ call: "datasync" });
  const again = log.append(payloadOf(1)).then(async () => {
    // As one who is some promises away from the append.
    for (let hop = 0; hop < 100; hop++) await undefined;
    return await log.append(payloadOf(3));
  });
  await gate.reached;
  const waiting = log.append(payloadOf(2));
  gate.release();
  expect(await Promise.all([waiting, again])).toEqual([2, 3]);
  expect(fileSystem.count({ call: "datasync" }) - before).toBe(2);
});

test("appends that wait together share batches of 8 KiB, and a batch of the caller's is one of its own", async () => {
  const directory = temporaryDirectory();
  const log = await openLog(directory, { segmentBytes: 2 ** 20, clock: () => 1_000_000 });
  await Promise.all([
    appendTogether(log, 3),
    appendBatchOf(log, 4),
    appendTogether(log, 200, 496),
    appendBatchOf(log, 2),
    appendBatchOf(log, 1),
    appendTogether(log, 1, 40_000),
    appendTogether(log, 1),
  ]);
  const counts = batchesOf(join(directory, "00000001.log")).map(({ header }) => header.count);
  expect(counts).toEqual([3, 4, ...new Array(12).fill(16), 8, 2, 1, 1, 1]);
  expectNumbered(log, 0, 212);
});

test("a batch larger than a segment gets one of its own, and the next goes on behind it", async () => {
  const log = await openLog(temporaryDirectory());
  await appendEach(log, 2);
  await appendBatchOf(log, 4, 5000);
  await appendEach(log, 2);
  await appendBatchOf(log, 1, 4096);
  const again = await reopened(log);
  expectNumbered(again, 0, 9);
  const bases = manifestOf(log.directory).segments.map(({ baseOffset }) => baseOffset);
  expect(bases).toEqual([0, 2, 6, 8]);
});

test("a payload is copied at the call: what happens to it afterwards changes nothing", async () => {
  const log = await openLog(temporaryDirectory());
  const payload = Buffer.from("as it was");
  const batch = [Buffer.from("first"), Buffer.from("second")];
  const appended = [log.append(payload), log.appendBatch(batch)];
  payload.fill(0);
  batch[0]?.fill(0);
  batch.length = 0;
  await Promise.all(appended);
  expect(readAll(log).map((record) => Buffer.from(record.payload).toString())).toEqual([
    "as it was",
    "first",
    "second",
  ]);
});

describe("acknowledgement", () => {
  test("with commit comes after the sync of the group, not before", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem });
    const gate = fileSystem.hold({ call: "datasync" });
    const appended = log.append(payloadOf(0));
    const follower = log.follow()[Symbol.asyncIterator]();
    const followed = follower.next();
    await gate.reached;
    expect(await isSettled(appended)).toBe(false);
    expect(await isSettled(followed)).toBe(false);
    expect([log.endOffset, log.acknowledgedOffset, log.durableOffset]).toEqual([1, 0, 0]);
    expect((await refusal(() => log.read(0))).code).toBe("LOG_OUT_OF_RANGE");
    expect([...log.records()]).toEqual([]);
    gate.release();
    await appended;
    expect([log.acknowledgedOffset, log.durableOffset]).toEqual([1, 1]);
    expect((await followed).value?.offset).toBe(0);
    await follower.return?.();
  });

  test("of all that gathers while a group syncs comes with the next one", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem, segmentBytes: 2 ** 20 });
    const gate = fileSystem.hold({ call: "datasync" });
    const first = log.append(payloadOf(0));
    await gate.reached;
    const second = appendTogether(log, 500);
    gate.release();
    await Promise.all([first, second]);
    expect(fileSystem.count({ call: "datasync" })).toBe(2);
    expect(log.stats()).toMatchObject({ commits: 2, groupRecords: { max: 500 } });
  });

  test("with os comes once written, and nothing is synced until someone asks", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem, durability: "os" });
    await appendTogether(log, 30);
    expect(fileSystem.count({ call: "datasync" })).toBe(0);
    expect([log.acknowledgedOffset, log.durableOffset]).toEqual([30, 0]);
    expectNumbered(log, 0, 30);
    expect(await log.append(payloadOf(30), { sync: true })).toBe(30);
    expect(log.durableOffset).toBe(31);
    expect(fileSystem.count({ call: "datasync" })).toBe(1);
    await appendEach(log, 1);
    expect(log.durableOffset).toBe(31);
    expect(await log.sync()).toBe(32);
    expect(log.durableOffset).toBe(32);
    // There is nothing left to sync.
    const { commits } = log.stats();
    expect(await log.sync()).toBe(32);
    expect(log.stats().commits).toBe(commits);
  });

  test("with sync waits for the sync, the others of its group do not count as durable before", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem, durability: "os" });
    const gate = fileSystem.hold({ call: "datasync" });
    await appendEach(log, 2);
    const synced = log.append(payloadOf(2), { sync: true });
    await gate.reached;
    expect(await isSettled(synced)).toBe(false);
    expect(log.durableOffset).toBe(0);
    gate.release();
    expect(await synced).toBe(2);
    expect(log.durableOffset).toBe(3);
  });

  test("with interval comes once written, and the sync follows by itself", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), {
      fileSystem,
      durability: "interval",
      syncIntervalMs: 5,
    });
    const gate = fileSystem.hold({ call: "datasync" });
    await appendTogether(log, 10);
    expect([log.acknowledgedOffset, log.durableOffset]).toEqual([10, 0]);
    await gate.reached;
    expect(log.durableOffset).toBe(0);
    gate.release();
    await until(() => log.durableOffset === 10);
    await appendEach(log, 1);
    await until(() => log.durableOffset === 11);
    // Nobody waits any more: no timer syncs what is synced.
    const syncs = fileSystem.count({ call: "datasync" });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(fileSystem.count({ call: "datasync" })).toBe(syncs);
  });

  test("of a segment that is full does not wait for its sealing", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem });
    await appendEach(log, 40);
    const gate = fileSystem.hold({ call: ["sync", "truncate"], file: /^00000001\.log$/ });
    await appendEach(log, 40);
    await gate.reached;
    expect(manifestOf(log.directory).segments.map(({ state }) => state)).not.toContain("sealed");
    expectNumbered(log, 0, 80);
    gate.release();
    await log.close();
    expect(manifestOf(log.directory).segments.map(({ state }) => state)).toContain("sealed");
  });
});

test("a sync of the new segment is acknowledged only after one of the old, which holds earlier records", async () => {
  const fileSystem = new FaultyFileSystem();
  const log = await openLog(temporaryDirectory(), { fileSystem, durability: "os" });
  const gate = fileSystem.hold({ call: ["sync", "datasync"], file: /^00000001\.log$/ });
  await appendEach(log, 60);
  expect(log.stats().rotations).toBe(1);
  const synced = [log.append(payloadOf(60), { sync: true }), log.sync()];
  await gate.reached;
  for (const promise of synced) expect(await isSettled(promise)).toBe(false);
  expect(log.durableOffset).toBe(0);
  gate.release();
  expect(await Promise.all(synced)).toEqual([60, 61]);
  expect(log.durableOffset).toBe(61);
});

describe("LOG_BUSY", () => {
  test("takes nothing: offsets and bytes are as if it had not been asked", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem, maxPendingBytes: 1000 });
    const gate = fileSystem.hold({ call: "datasync" });
    const accepted = [log.append(payloadOf(0, 400)), log.append(payloadOf(1, 400))];
    const { endOffset } = log;
    const { pendingBytes } = log.stats();
    expect(pendingBytes).toBeGreaterThan(800);
    for (const refused of [
      () => log.append(payloadOf(2, 400)),
      () => log.append(payloadOf(2, 2000)),
      () => log.appendBatch([payloadOf(2, 100), payloadOf(3, 200)]),
    ]) {
      expect((await refusal(refused)).code).toBe("LOG_BUSY");
      expect(log.endOffset).toBe(endOffset);
      expect(log.stats().pendingBytes).toBe(pendingBytes);
    }
    gate.release();
    expect(await Promise.all(accepted)).toEqual([0, 1]);
    expect(log.stats().pendingBytes).toBe(0);
    expect(await log.append(payloadOf(2, 400))).toBe(2);
    expectNumbered(await reopened(log), 0, 3);
  });

  test("does not come for a single append, however large, when nothing waits", async () => {
    const log = await openLog(temporaryDirectory(), { maxPendingBytes: 10 });
    expect(await log.append(payloadOf(0, 5000))).toBe(0);
    expect(await log.append(payloadOf(1, 5000))).toBe(1);
  });

  test("comes to a caller that does not wait, and never to the memory", async () => {
    const maxPendingBytes = 100_000;
    const log = await openLog(temporaryDirectory(), { maxPendingBytes, segmentBytes: 2 ** 20 });
    const outcomes = await Promise.allSettled(
      offsets(0, 2000).map((number) => log.append(payloadOf(number, 1000))),
    );
    const kept = outcomes.filter(({ status }) => status === "fulfilled").length;
    expect(kept).toBeGreaterThan(50);
    expect(kept).toBeLessThan(200);
    expect(log.endOffset).toBe(kept);
    expect([...log.records()].map(({ offset }) => offset)).toEqual(offsets(0, kept));
  });
});

describe("a record that is too large", () => {
  test("is refused before it takes an offset, alone and in a batch", async () => {
    const log = await openLog(temporaryDirectory(), { maxRecordBytes: 100 });
    for (const refused of [
      () => log.append(new Uint8Array(101)),
      () => log.appendBatch([new Uint8Array(1), new Uint8Array(101), new Uint8Array(1)]),
    ]) {
      expect((await refusal(refused)).code).toBe("LOG_RECORD_TOO_LARGE");
      expect(log.endOffset).toBe(0);
    }
    await log.append(new Uint8Array(100));
    await log.appendBatch(Array.from({ length: 500 }, () => new Uint8Array(100)));
    expect(log.endOffset).toBe(501);
  });

  test("is still read by a log that was opened with a lower limit", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 2, 3000);
    await log.close();
    expectNumbered(await openLog(log.directory, { maxRecordBytes: 100 }), 0, 2);
  });
});

describe("a close", () => {
  test("waits for all that was appended, whatever the durability", async () => {
    for (const durability of ["commit", "interval", "os"] as const) {
      const log = await openLog(temporaryDirectory(), { durability });
      const appended = Promise.all([appendTogether(log, 300), appendBatchOf(log, 10)]);
      await log.close();
      await appended;
      const again = await openLog(log.directory);
      expect(again.recovery).toMatchObject({ orderly: true, provedOffset: 310 });
      expectNumbered(again, 0, 310);
      await again.close();
    }
  });

  test("a second time is the first", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 3);
    await Promise.all([log.close(), log.close()]);
    await log.close();
    await log[Symbol.asyncDispose]();
  });

  test("refuses everything after it with LOG_CLOSED", async () => {
    const log = await openLog(temporaryDirectory());
    await appendEach(log, 3);
    const closing = log.close();
    for (const call of [
      () => log.append(payloadOf(3)),
      () => log.appendBatch([payloadOf(3)]),
      () => log.sync(),
      () => log.truncateBefore(1),
      () => log.truncateFrom(1),
      () => log.read(0),
      () => [...log.records()],
      () => log.follow().next(),
      () => log.offsetAt(0),
      () => log.refresh(),
    ]) {
      expect((await refusal(call)).code).toBe("LOG_CLOSED");
    }
    await closing;
    expectNumbered(await openLog(log.directory), 0, 3);
  });

  test("leaves no file open, and no more files than the log needs", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem });
    await appendEach(log, 300);
    await log.truncateBefore(100);
    readAll(log);
    await log.truncateFrom(250);
    await log.close();
    expect(fileSystem.leftOpen).toEqual([]);
  });
});
