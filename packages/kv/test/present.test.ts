// The present over a log that is not ours: the contract of commit-log.ts is all that it relies on.

import { describe, expect, test } from "vitest";
import { everything } from "../src/arguments/range.js";
import type { KeyOperation } from "../src/formats/operations.js";
import { Present } from "../src/state/present.js";
import { State } from "../src/state/state.js";
import { commitOf, ScriptedLog } from "./scripted-log.js";

function setUp() {
  const log = new ScriptedLog();
  const present = new Present(new State(), log, log.endOffset);
  const write = (key: string, value: string | undefined, expiry?: number) => {
    const operation: KeyOperation =
      value === undefined ? { kind: "delete", key } : { kind: "put", key, value, expiry };
    return present.commit(commitOf(operation), false);
  };
  const read = () => {
    present.settle();
    return [...present.state.read(everything, 0, ({ key, value, offset }) => [key, value, offset])];
  };
  return { log, present, write, read };
}

describe("the present", () => {
  test("undoes what was rejected before a commit takes its offset, and before a read", async () => {
    const { log, present, write, read } = setUp();
    const kept = write("a", "kept");
    log.acknowledge(1);
    await kept;
    const rejected = Promise.allSettled([
      write("a", "lost"),
      write("b", "lost"),
      write("a", undefined),
    ]);
    const deliver = log.fallBack();
    const next = write("c", "next");
    expect(read()).toEqual([
      ["a", "kept", 0],
      ["c", "next", 1],
    ]);
    deliver();
    expect((await rejected).map(({ status }) => status)).toEqual(Array(3).fill("rejected"));
    expect(read()).toEqual([
      ["a", "kept", 0],
      ["c", "next", 1],
    ]);
    log.acknowledge(1);
    expect(await next).toBe(1);
    expect(present.pendingCommits).toBe(0);
  });

  test("keeps nothing of a commit that the log did not take", async () => {
    const { log, present, write, read } = setUp();
    log.full = true;
    await expect(write("a", "refused")).rejects.toThrow("full");
    expect([read(), present.pendingCommits]).toEqual([[], 0]);
  });

  test("gives a key back its version, its time and its expiry", async () => {
    const { log, present, write } = setUp();
    log.lastTime = 1000;
    const kept = write("a", "kept", 5000);
    log.acknowledge(1);
    await kept;
    log.lastTime = 2000;
    const rejected = Promise.allSettled([
      write("a", "lost"),
      write("a", undefined),
      write("a", "lost", 9000),
    ]);
    const entry = (now: number) => {
      const item = present.state.get("a", () => now);
      if (item === undefined) return undefined;
      const { value, offset, time, expiry } = item;
      return { value, offset, time, expiry };
    };
    expect(entry(5000)).toEqual({ value: "lost", offset: 3, time: 2000, expiry: 9000 });
    log.fallBack()();
    await rejected;
    expect(entry(4999)).toEqual({ value: "kept", offset: 0, time: 1000, expiry: 5000 });
    expect([entry(5000), present.state.size(() => 5000)]).toEqual([undefined, 0]);
  });

  test("undoes a partly acknowledged run down to what was acknowledged", async () => {
    const { log, write, read } = setUp();
    const writes = Array.from({ length: 10_000 }, (_, n) => write(`k${n % 10}`, String(n)));
    log.acknowledge(9_000);
    await writes[8_999];
    const deliver = log.fallBack();
    deliver();
    await Promise.allSettled(writes);
    expect(read()).toEqual(
      Array.from({ length: 10 }, (_, n) => [`k${n}`, String(8_990 + n), 8_990 + n]),
    );
  });

  test("finds out a log that acknowledges another commit than the first that waits", async () => {
    const { log, present, write } = setUp();
    log.acknowledgedOffset = 1;
    const written = write("a", "1");
    log.acknowledge(1);
    await expect(written).rejects.toThrow("in the order of their offsets");
    expect(present.pendingCommits).toBe(1);
  });

  test("what is seen is acknowledged once its last commit is, and rejected with it", async () => {
    const { log, present, write } = setUp();
    const [first, second] = [write("a", "1"), write("b", "2")];
    const all = present.acknowledged();
    log.acknowledge(2);
    expect(await Promise.all([first, second, all])).toEqual([0, 1, 1]);
    const lost = Promise.allSettled([write("a", "3"), present.acknowledged()]);
    log.fallBack()();
    expect((await lost).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});
