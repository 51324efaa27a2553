// The present over a log that is not ours: the contract of commit-log.ts is all that it relies on.

import { describe, expect, test } from "vitest";
import type { CommitLog } from "../src/commit-log.js";
import { OrderedMap } from "../src/ordered-map.js";
import { Present } from "../src/present.js";
import { State } from "../src/state.js";

/** A log in memory whose acknowledgements and rejections come when the test says so. */
class ScriptedLog implements CommitLog {
  readonly id = "00000000-0000-0000-0000-000000000000";
  readonly startOffset = 0;
  readonly lastTime = 0;
  readonly durableOffset = 0;
  endOffset = 0;
  acknowledgedOffset = 0;
  full = false;
  readonly #waiting: { resolve: (offset: number) => void; reject: (error: Error) => void }[] = [];

  append(): Promise<number> {
    if (this.full) return Promise.reject(new Error("full"));
    this.endOffset += 1;
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  acknowledge(count: number): void {
    for (const { resolve } of this.#waiting.splice(0, count)) resolve(this.acknowledgedOffset++);
  }

  /** Lowers the end; the rejections come with what this returns. */
  fallBack(): () => void {
    this.endOffset = this.acknowledgedOffset;
    const rejected = this.#waiting.splice(0);
    return () => {
      for (const { reject } of rejected) reject(new Error("rejected"));
    };
  }

  records(): never {
    throw new Error("not in this test");
  }

  read(): never {
    throw new Error("not in this test");
  }

  offsetAt(): never {
    throw new Error("not in this test");
  }

  sync(): Promise<number> {
    return Promise.resolve(0);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function setUp() {
  const log = new ScriptedLog();
  const present = new Present(new State(new OrderedMap()), log, log.endOffset);
  const write = (key: string, value: string | undefined) =>
    present.commit(new Uint8Array(), [{ key, value }], false);
  const read = () => {
    present.settle();
    return [...present.state.entries({ gte: "", lt: undefined }, false, 0)].map(
      ([key, { value, offset }]) => [key, value, offset],
    );
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
});
