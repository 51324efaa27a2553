// Going back while writes go on: what is durable is there at once, and only what is not yet is waited for.

import { describe, expect, test } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import { contents, freshPath, letGo, on, openDatabase, refused } from "./fixture.js";

const logWrites = { call: "write", path: /\.log$/ } as const;

/** Three commits, a ms apart from 1,000 on, on a disk of the test's. */
async function threeCommits(durability: "commit" | "os" = "commit") {
  const disk = new FaultyDisk();
  const time = { now: 1000 };
  const { log } = on(disk);
  const db = await openDatabase<number>(freshPath(), {
    log: { ...log, durability, clock: () => time.now },
  });
  for (let n = 0; n < 3; n++) {
    await db.put("n", n, { sync: true });
    time.now += 1;
  }
  return { disk, db };
}

describe("beside a commit that is being written", () => {
  test("what has long been durable does not wait for it, nor fail with it", async () => {
    const { disk, db } = await threeCommits();
    for (const [target, expected] of [
      [{ offset: 0 }, 0],
      [{ time: 1001 }, 1],
      [{ time: 1002 }, 2],
    ] as const) {
      const lift = disk.fail(logWrites, "ENOSPC");
      const pending = refused("KV_NO_SPACE", () => db.put("n", 3));
      expect(contents(await db.at(target))).toEqual([["n", expected]]);
      await pending;
      lift();
    }
  });

  test("it is waited for where it is meant: by offset, or as the last before a time", async () => {
    const { db } = await threeCommits();
    void db.put("n", 3);
    expect((await db.at({ offset: 3 })).get("n")).toBe(3);
    void db.put("n", 4);
    expect((await db.at({ time: 1003 })).get("n")).toBe(4);
    const first = await openDatabase<number>(freshPath(), { log: { clock: () => 1000 } });
    void first.put("n", 0);
    expect((await first.at({ time: 1000 })).get("n")).toBe(0);
  });

  test("and rejected, it fails those who waited for it, with its reason", async () => {
    const { disk, db } = await threeCommits();
    disk.fail(logWrites, "ENOSPC");
    const pending = refused("KV_NO_SPACE", () => db.put("n", 3));
    await refused("KV_NO_SPACE", () => db.at({ offset: 3 }));
    await pending;
  });
});

test("a poisoned log can be gone back in as far as it is durable", async () => {
  const { disk, db } = await threeCommits("os");
  await db.put("n", 3);
  disk.fail({ call: ["datasync", "sync"], path: /\.log$/ }, "EIO");
  await refused("KV_FAILED", () => db.sync());
  for (let offset = 0; offset < 3; offset++) {
    expect((await db.at({ offset })).get("n")).toBe(offset);
    expect((await db.at({ time: 1000 + offset })).get("n")).toBe(offset);
  }
  await refused("KV_FAILED", () => db.at({ offset: 3 }));
  await refused("KV_FAILED", () => db.at({ time: 1003 }));
  await letGo(db);
});

test("who has given up already gets the signal's reason, also where there is nothing to wait for", async () => {
  const { db } = await threeCommits();
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const target = { offset: 2 };
  await expect(db.at(target, { signal })).rejects.toBe(reason);
  await expect(db.rewind(target, { signal })).rejects.toBe(reason);
  await expect(db.diff(target, target, { signal }).next()).rejects.toBe(reason);
  await expect(db.history("n", { signal }).next()).rejects.toBe(reason);
  expect(db.endOffset).toBe(3);
});
