// Marks: names for points to go back to, which stand wherever the database goes.

import { restore } from "@tidemark/kv";
import { describe, expect, test } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import { contents, freshPath, on, openDatabase, refused, reopen } from "./fixture.js";

const logWrites = { call: "write", path: /\.log$/ } as const;

/** A clock of the test's, one ms on with each look at what it says. */
function ticking() {
  let now = 1000;
  return { log: { clock: () => now++ } };
}

async function marked() {
  const options = ticking();
  const db = await openDatabase<number>(freshPath(), options);
  await db.put("a", 1);
  expect(await db.mark("first")).toBe(1);
  await db.put("a", 2);
  expect(await db.mark("zweite Version: ü")).toBe(3);
  await db.put("b", 3);
  return { db, options };
}

describe("a mark", () => {
  test("names the state of everything before it, for whatever goes back", async () => {
    const { db } = await marked();
    const view = await db.at({ mark: "first" });
    expect([view.offset, contents(view)]).toEqual([1, [["a", 1]]]);
    const differing: string[] = [];
    for await (const { key } of db.diff({ mark: "first" }, { mark: "zweite Version: ü" })) {
      differing.push(key);
    }
    expect(differing).toEqual(["a"]);
    await db.rewind({ mark: "first" });
    expect(contents(db)).toEqual([["a", 1]]);
    expect(db.marks().map(({ name }) => name)).toEqual(["first", "zweite Version: ü"]);
    await refused("KV_TARGET_OUT_OF_RANGE", () => db.at({ mark: "third" }));
  });

  test("is listed with its offset and time, through checkpoints, reopening and restoring", async () => {
    const { db, options } = await marked();
    const marks = db.marks();
    expect(marks).toEqual([
      { name: "first", offset: 1, time: expect.any(Number) },
      { name: "zweite Version: ü", offset: 3, time: expect.any(Number) },
    ]);
    for (const { name, offset, time } of marks) {
      expect(await db.at({ mark: name })).toMatchObject({ offset, time });
    }
    await db.checkpoint();
    await db.mark("after the snapshot file");
    const again = await reopen(db, options);
    expect(again.marks()).toMatchObject([...marks, { name: "after the snapshot file", offset: 5 }]);
    await again.checkpoint();
    const all = again.marks();
    expect((await reopen(again, options)).marks()).toEqual(all);
    for (const [mark, left] of [
      ["zweite Version: ü", 2],
      ["first", 1],
    ] as const) {
      const copy = freshPath();
      const report = await restore(db.directory, copy, { mark }, options.log);
      expect(report.offset).toBe(marks[left - 1]?.offset);
      const restored = await openDatabase(copy, options);
      expect(restored.marks()).toEqual(marks.slice(0, left));
      expect((await restored.at({ mark })).offset).toBe(restored.endOffset - 1);
      await refused("KV_MARK_EXISTS", () => restored.mark("first"));
    }
  });

  test("has a name of its own: the second is refused, and told where the first is", async () => {
    const { db } = await marked();
    const error = await refused("KV_MARK_EXISTS", () => db.mark("first"));
    expect([error.offset, error.message]).toEqual([
      1,
      'there is a mark "first" already (offset 1)',
    ]);
    const twice = [db.mark("twice"), refused("KV_MARK_EXISTS", () => db.mark("twice"))];
    expect(await twice[0]).toBe(5);
    expect((await twice[1]) as unknown).toMatchObject({ offset: 5 });
    expect(db.endOffset).toBe(6);
    expect((await reopen(db)).marks()).toHaveLength(3);
  });

  test("that was rejected is none, and its name can be given again", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), on(disk));
    await db.put("a", 1);
    const lift = disk.fail(logWrites, "ENOSPC");
    const rejected = refused("KV_NO_SPACE", () => db.mark("here"));
    const behind = refused("KV_NO_SPACE", () => db.put("a", 2));
    expect(db.marks()).toMatchObject([{ name: "here", offset: 1 }]);
    await Promise.all([rejected, behind]);
    expect(db.marks()).toEqual([]);
    await refused("KV_TARGET_OUT_OF_RANGE", () => db.at({ mark: "here" }));
    lift();
    await db.put("a", 3);
    expect(await db.mark("here")).toBe(2);
    expect((await db.at({ mark: "here" })).get("a")).toBe(3);
  });

  test("is waited for where it is not durable yet, and fails who waited if it is rejected", async () => {
    const disk = new FaultyDisk();
    const db = await openDatabase<number>(freshPath(), on(disk));
    void db.put("a", 1);
    void db.mark("here");
    expect((await db.at({ mark: "here" })).get("a")).toBe(1);
    disk.fail(logWrites, "ENOSPC");
    const rejected = refused("KV_NO_SPACE", () => db.mark("there"));
    await refused("KV_NO_SPACE", () => db.at({ mark: "there" }));
    await rejected;
  });

  test.each([[""], [5], ["\ud800"], ["x".repeat(1025)], ["ü".repeat(513)], [undefined]])(
    "of name %o is refused",
    async (name) => {
      const db = await openDatabase();
      await refused("KV_INVALID_ARGUMENT", () => db.mark(name as string));
      expect([db.marks(), db.endOffset]).toEqual([[], 0]);
    },
  );

  test("is nothing for a transaction, a read-only database or one that is closed", async () => {
    const { db } = await marked();
    const { result } = await db.transaction(() => [
      refused("KV_INVALID_ARGUMENT", () => db.mark("inside")),
    ]);
    await Promise.all(result);
    await refused("KV_INVALID_ARGUMENT", () => db.mark("x", { ttl: 5 } as object));
    await db.close();
    await refused("KV_CLOSED", () => db.mark("late"));
    await refused("KV_CLOSED", () => db.marks());
    const reader = await openDatabase(db.directory, { readOnly: true });
    expect(reader.marks()).toHaveLength(2);
    await refused("KV_READ_ONLY", () => reader.mark("read"));
    expect(reader.marks()).toHaveLength(2);
  });
});
