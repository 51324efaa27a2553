// Appends that were rejected: gone for good, alone and beside those that come after them, through every
// kind of end of the log.

import { type Log, LogError } from "@tidemark/wal";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendEach,
  killImage,
  letGo,
  offsets,
  openKillable,
  openLog,
  openReader,
  readAll,
  refusal,
  temporaryDirectory,
} from "./fixture.js";

const text = (content: string) => Buffer.from(content);

function textsIn(log: Log): string[] {
  return readAll(log).map(({ payload }) => Buffer.from(payload).toString());
}

/** What a reader, a recovery after a kill, and an opening after a close find. */
async function expectEverywhere(log: Log, expected: readonly string[]): Promise<void> {
  expect(textsIn(log)).toEqual(expected);
  const killed = await openLog(await killImage(log));
  expect(textsIn(killed)).toEqual(expected);
  await killed.close();
  await log.close();
  for (const readOnly of [true, false]) {
    const again = await openLog(log.directory, { readOnly });
    expect(again.recovery.torn).toBeUndefined();
    expect(textsIn(again)).toEqual(expected);
    await again.close();
  }
}

describe("fault 66: a rejected group", () => {
  test.each(["commit", "os"] as const)(
    "never reappears, and its offsets are given again: durability %s",
    async (durability) => {
      for (const how of ["undone", "half", "done"] as const) {
        const fileSystem = new FaultyFileSystem();
        const log = await openLog(temporaryDirectory(), { fileSystem, durability });
        await log.append(text("kept 0"));
        fileSystem.fail({ call: "write", file: /\.log$/ }, "ENOSPC", { how, times: 1 });
        const outcomes = await Promise.allSettled([
          log.append(text("rejected 1")),
          log.appendBatch([text("rejected 2"), text("rejected 3")]),
          log.append(text("rejected 4"), { sync: true }),
        ]);
        for (const outcome of outcomes) {
          expect(outcome).toMatchObject({ status: "rejected", reason: { code: "LOG_NO_SPACE" } });
        }
        expect(log.endOffset).toBe(1);
        expect(await log.append(text("kept 1"))).toBe(1);
        expect(await log.appendBatch([text("kept 2"), text("kept 3")])).toBe(2);
        await expectEverywhere(log, ["kept 0", "kept 1", "kept 2", "kept 3"]);
      }
    },
  );

  test("takes with it what was appended after it and not acknowledged", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem });
    await log.append(text("kept"));
    const gate = fileSystem.hold({ call: "write", file: /\.log$/ });
    fileSystem.fail({ call: "write", file: /\.log$/ }, "ENOSPC", { times: 1 });
    const first = log.append(text("rejected"));
    await gate.reached;
    const behind = [
      log.append(text("behind it")),
      log.truncateFrom(0),
      log.append(text("behind the truncation")),
      log.sync(),
    ];
    const settled = Promise.allSettled([first, ...behind]);
    gate.release();
    for (const outcome of await settled) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "LOG_NO_SPACE" } });
    }
    expect(log.endOffset).toBe(1);
    await log.append(text("after"));
    await expectEverywhere(log, ["kept", "after"]);
  });

  test("is not half of a batch: a batch that needed several writes is rejected whole", async () => {
    const fileSystem = new FaultyFileSystem();
    // Without zeros ahead, every write is one of the batch.
    const options = { fileSystem, segmentBytes: 2 ** 20, durability: "os" } as const;
    const log = await openLog(temporaryDirectory(), options);
    await log.append(text("kept"));
    fileSystem.writeBytesMax = 1000;
    for (const after of [0, 1, 5]) {
      const file = /\.log$/;
      fileSystem.fail({ call: "write", file }, "ENOSPC", { after, times: 1, how: "half" });
      const batch = offsets(0, 20).map((n) => Buffer.alloc(500, n + 1));
      expect(await refusal(() => log.appendBatch(batch))).toMatchObject({ code: "LOG_NO_SPACE" });
    }
    await log.append(text("after"));
    await expectEverywhere(log, ["kept", "after"]);
  });

  test("is never shown to a reader or a follower beside the writer", async () => {
    const fileSystem = new FaultyFileSystem();
    const directory = temporaryDirectory();
    const log = await openLog(directory, { fileSystem });
    await log.append(text("kept 0"));
    const reader = await openReader(directory);
    const followers = [log.follow(), reader.follow()];
    const seen = followers.map(async (follower) => {
      const texts: string[] = [];
      for await (const { payload } of follower) {
        texts.push(Buffer.from(payload).toString());
        if (texts.at(-1) === "last") return texts;
      }
      return texts;
    });
    for (let round = 1; round < 8; round++) {
      fileSystem.fail({ call: "write", file: /\.log$/ }, "ENOSPC", { how: "half", times: 1 });
      await refusal(() => log.append(text(`rejected ${round} ${"x".repeat(round * 40)}`)));
      await reader.refresh();
      await log.append(text(`kept ${round}`));
    }
    await log.append(text("last"));
    // A later batch or a note states that the last one is durable.
    await log.append(text("stated"));
    const expected = [...offsets(0, 8).map((n) => `kept ${n}`), "last"];
    expect(await Promise.all(seen)).toEqual([expected, expected]);
  });

  test("whose cut fails poisons the log; reopening shows whole batches, and never a rejected one beside its successors", async () => {
    for (const call of ["truncate", "sync"] as const) {
      const fileSystem = new FaultyFileSystem();
      const directory = temporaryDirectory();
      const log = await openLog(directory, { fileSystem });
      await appendEach(log, 3);
      fileSystem.fail({ call: "write", file: /\.log$/ }, "ENOSPC", { how: "done", times: 1 });
      fileSystem.fail({ call, file: /\.log$/ }, "EIO", { times: 1 });
      expect(await refusal(() => log.append(text("in doubt")))).toMatchObject({
        code: "LOG_FAILED",
      });
      expect(await refusal(() => log.append(text("later")))).toBe(log.failure);
      await letGo(log);
      const again = await openLog(directory);
      expect([3, 4]).toContain(again.endOffset);
      expect(textsIn(again)).not.toContain("later");
    }
  });

  test("among others, at any moment, leaves exactly what was acknowledged", async () => {
    const step = fc.record({
      records: fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 4 }),
      batch: fc.boolean(),
      sync: fc.boolean(),
      fault: fc.option(fc.constantFrom("undone" as const, "half" as const, "done" as const)),
      wait: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.constantFrom("commit" as const, "os" as const),
        async (steps, durability) => {
          const fileSystem = new FaultyFileSystem();
          const log = await openKillable(temporaryDirectory(), { fileSystem, durability });
          const acknowledged = new Map<number, string>();
          let number = 0;
          const pending: Promise<void>[] = [];
          const keep = async (appended: Promise<number>, texts: readonly string[]) => {
            try {
              const first = await appended;
              for (const [index, content] of texts.entries()) {
                acknowledged.set(first + index, content);
              }
            } catch (error) {
              if (!(error instanceof LogError) || error.code !== "LOG_NO_SPACE") throw error;
            }
          };
          for (const { records, batch, sync, fault, wait } of steps) {
            if (fault !== null) {
              const file = /^\d+\.log$/;
              fileSystem.fail({ call: "write", file }, "ENOSPC", { how: fault, times: 1 });
            }
            const texts = records.map((length) => `${number++} `.padEnd(length, "x"));
            if (batch) pending.push(keep(log.appendBatch(texts.map(text), { sync }), texts));
            else {
              for (const content of texts) {
                pending.push(keep(log.append(text(content), { sync }), [content]));
              }
            }
            if (wait) await Promise.all(pending);
          }
          await Promise.all(pending);
          expect(log.failure).toBeUndefined();
          const expected = offsets(0, log.endOffset).map((offset) => acknowledged.get(offset));
          expect(acknowledged.size).toBe(expected.length);
          await expectEverywhere(
            log,
            expected.map((content) => content ?? "missing"),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});
