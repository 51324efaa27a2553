// Reading the past beside an owner that lets go of it: what was cut meanwhile is out of range, never damage.

import { existsSync } from "node:fs";
import { type Database, type DatabaseError, restore } from "@tidemark/kv";
import { nodeFileSystem } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import { contents, freshPath, on, openDatabase, refused, snapshotFiles } from "./fixture.js";

const VALUE = "v".repeat(300);

/** The owner: keeps as little history as it can, and what it held after each commit. */
class Owner {
  readonly states: [string, unknown][][] = [];
  readonly db: Database;

  private constructor(db: Database) {
    this.db = db;
  }

  static async open(): Promise<Owner> {
    const log = { segmentBytes: 4096, noteAfterMs: 1 };
    const options = { log, history: { maxBytes: 0 }, checkpointBytes: Number.POSITIVE_INFINITY };
    return new Owner(await openDatabase(freshPath(), options));
  }

  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const n = this.states.length;
      await this.db.put(`k${n % 5}`, `${n} ${VALUE}`);
      this.states.push(contents(this.db));
    }
  }

  /** Commits and snapshot files, until everything of before is gone. */
  async moveOn(): Promise<void> {
    const files = snapshotFiles(this.db.directory);
    while (files.some((file) => existsSync(file))) {
      await this.write(15);
      await this.db.checkpoint();
      await this.db.checkpoint();
    }
  }
}

/** An owner with two snapshot files, after 15 and 30 of its 40 commits. */
async function owner(): Promise<Owner> {
  const made = await Owner.open();
  for (let round = 0; round < 2; round++) {
    await made.write(15);
    await made.db.checkpoint();
    await made.db.checkpoint();
  }
  await made.write(10);
  return made;
}

/** An owner with all of its 200 commits, and a reader of them that has not read most of the log. */
async function readerBehind(): Promise<{ db: Database; reader: Database }> {
  const subject = await Owner.open();
  await subject.write(200);
  await subject.db.checkpoint();
  const { db } = subject;
  const reader = await openDatabase(db.directory, { readOnly: true, refreshMs: 0 });
  expect(reader.endOffset).toBe(200);
  return { db, reader };
}

/** Removes all before commit 199, which the reader does not know. */
async function cut(db: Database): Promise<void> {
  await db.put("k0", "later");
  await db.checkpoint();
  await db.checkpoint();
  expect(db.stats().history.first).toBe(199);
}

async function offsets(versions: AsyncIterable<{ readonly offset: number }>): Promise<number[]> {
  const found: number[] = [];
  for await (const { offset } of versions) found.push(offset);
  return found;
}

const opening = { call: "open", path: /\.snapshot$/ } as const;

describe("a restore, while the owner removes what it is about to read,", () => {
  test("takes what there is then, if the target can still be gone back to", async () => {
    const { db, states } = await owner();
    const disk = new FaultyDisk();
    const gate = disk.hold(opening);
    const path = freshPath();
    const restored = restore(db.directory, path, { offset: 37 }, { fileSystem: disk.fileSystem });
    await gate.reached;
    // As old as the target is, it is not older than the second newest file.
    await db.checkpoint();
    gate.release();
    expect(await restored).toMatchObject({ offset: 37, skipped: [] });
    expect(contents(await openDatabase(path))).toEqual(states[37]);
  });

  test("says what can be reached, if the target is gone", async () => {
    for (const dryRun of [false, true]) {
      const subject = await owner();
      const disk = new FaultyDisk();
      const gate = disk.hold(opening);
      const options = { fileSystem: disk.fileSystem, dryRun };
      const { directory } = subject.db;
      const restored = restore(directory, freshPath(), { offset: 33 }, options);
      const outcome = refused("KV_TARGET_OUT_OF_RANGE", () => restored);
      await gate.reached;
      await subject.moveOn();
      gate.release();
      const error: DatabaseError = await outcome;
      expect(error.reachable?.first).toBe(subject.db.stats().history.first);
    }
  });
});

describe("a read-only database, while the owner removes what it is about to read,", () => {
  test("opens from what there is then", async () => {
    const subject = await owner();
    const disk = new FaultyDisk();
    const gate = disk.hold(opening);
    const { directory } = subject.db;
    const opened = openDatabase(directory, { ...on(disk), readOnly: true });
    await gate.reached;
    await subject.moveOn();
    gate.release();
    const reader = await opened;
    expect(reader.endOffset).toBeGreaterThan(40);
    expect(contents(reader)).toEqual(subject.states[reader.endOffset - 1]);
  });

  test("says what can be reached, or goes back to what can be", async () => {
    const subject = await owner();
    const disk = new FaultyDisk();
    const { directory } = subject.db;
    // Left where it is: by itself it would go on with the owner meanwhile.
    const reader = await openDatabase(directory, { ...on(disk), readOnly: true, refreshMs: 0 });
    const shown = reader.endOffset;
    expect(shown).toBeGreaterThan(30);
    const gate = disk.hold(opening);
    const outcome = refused("KV_TARGET_OUT_OF_RANGE", () => reader.at({ offset: shown - 2 }));
    await gate.reached;
    await subject.moveOn();
    gate.release();
    await outcome;
    // What it holds in memory it still has.
    expect(contents(reader)).toEqual(subject.states[shown - 1]);
  });

  test("shows the versions of a key that there are then, or says what can be reached if it has shown some", async () => {
    const { db, reader } = await readerBehind();
    const whole = reader.history("k0");
    expect((await whole.next()).value).toMatchObject({ offset: 0 });
    await cut(db);
    const error = await refused("KV_TARGET_OUT_OF_RANGE", () => offsets(whole));
    expect(error.reachable?.first).toBe(199);
  });

  test("shows the versions of a key in what is left, where it has shown none", async () => {
    const { db, reader } = await readerBehind();
    await cut(db);
    expect(await offsets(reader.history("k0"))).toEqual([195]);
  });

  test("knows how far back history reaches", async () => {
    const { db, reader } = await readerBehind();
    await cut(db);
    const { time } = (await db.at({ offset: 199 })).getEntry("k4") ?? {};
    expect(reader.stats().history).toMatchObject({ first: 199, firstTime: time });
  });

  test("for as long as both go on, sees nothing but states that there were", async () => {
    const subject = await owner();
    const { directory } = subject.db;
    let reads = 0;
    let done = false;
    const reading = (async () => {
      while (!done) {
        const reader = await openDatabase(directory, {
          log: { fileSystem: nodeFileSystem },
          readOnly: true,
        });
        const last = reader.endOffset - 1;
        for (let offset = last; offset > last - 40 && offset >= 0; offset -= 7) {
          try {
            expect(contents(await reader.at({ offset }))).toEqual(subject.states[offset]);
            reads += 1;
          } catch (error) {
            expect(error).toMatchObject({ code: "KV_TARGET_OUT_OF_RANGE" });
          }
        }
        await reader.close();
      }
    })();
    for (let round = 0; round < 25; round++) {
      await subject.write(12);
      await subject.db.checkpoint();
    }
    done = true;
    await reading;
    expect(reads).toBeGreaterThan(5);
  });
});
