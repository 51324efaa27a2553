// Retention of history: everything in the window can be gone back to, whatever is older goes, and nothing goes early.

import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type Database,
  type DatabaseReport,
  Database as Databases,
  type HistoryOptions,
} from "@tidemark/kv";
import { describe, expect, test } from "vitest";
import { thinnedOut } from "../src/upkeep/thinning.js";
import { FaultyDisk } from "./faulty-disk.js";
import {
  contents,
  freshPath,
  type Options,
  on,
  openDatabase,
  refused,
  snapshotFiles,
} from "./fixture.js";

/** Takes 400 bytes of log, more or less. */
const VALUE = "v".repeat(300);

/** A database with small segments, and what it held after each commit. */
class Subject {
  db: Database;
  readonly states: [string, unknown][][] = [];
  readonly reports: readonly DatabaseReport[];
  readonly time: { now: number };
  readonly #options: Options;

  private constructor(
    db: Database,
    options: Options,
    time: { now: number },
    reports: readonly DatabaseReport[],
  ) {
    this.db = db;
    this.#options = options;
    this.time = time;
    this.reports = reports;
  }

  static async open(history: HistoryOptions, disk?: FaultyDisk): Promise<Subject> {
    const time = { now: 1000 };
    const reports: DatabaseReport[] = [];
    const options: Options = {
      log: { ...(disk && on(disk).log), segmentBytes: 4096, clock: () => time.now },
      checkpointBytes: Number.POSITIVE_INFINITY,
      history,
      onReport: (report) => reports.push(report),
    };
    return new Subject(await openDatabase(freshPath(), options), options, time, reports);
  }

  /** Commits, each a ms after the one before. */
  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const n = this.states.length;
      this.time.now += 1;
      await (n % 6 === 5 ? this.db.del(`k${n % 5}`) : this.db.put(`k${n % 5}`, `${n} ${VALUE}`));
      this.states.push(contents(this.db));
    }
  }

  /** Writes a snapshot file, and waits for the retention after it. */
  async checkpoint(): Promise<void> {
    await this.db.checkpoint();
    // Of nothing new, it waits for what goes before it and changes nothing.
    await this.db.checkpoint();
  }

  /** Commits in rounds, with a snapshot file after each. */
  async rounds(count: number, size = 15): Promise<void> {
    for (let round = 0; round < count; round++) {
      await this.write(size);
      await this.checkpoint();
    }
  }

  get first(): number {
    const { first } = this.db.stats().history;
    if (first === undefined) throw new Error("this database has a history");
    return first;
  }

  get startOffset(): number {
    return this.db.stats().log.startOffset;
  }

  /** Every state of the window is what it was, and everything before it is out of range. */
  async expectWindow(db = this.db): Promise<void> {
    const { first, firstTime } = db.stats().history;
    if (first === undefined) throw new Error("this database has a history");
    expect(firstTime).toBe(1001 + first);
    for (let offset = first; offset < this.states.length; offset++) {
      expect(contents(await db.at({ offset })), `at ${offset}`).toEqual(this.states[offset]);
    }
    expect((await db.at({ time: 1001 + first })).offset).toBe(first);
    if (first === 0) return;
    const reachable = { first, last: this.states.length - 1 };
    for (const target of [{ offset: first - 1 }, { offset: 0 }, { time: 1000 + first }]) {
      const error = await refused("KV_TARGET_OUT_OF_RANGE", () => db.at(target));
      expect(error.reachable).toEqual(reachable);
    }
  }

  async reopen(): Promise<void> {
    await this.db.close();
    this.db = await openDatabase(this.db.directory, this.#options);
  }
}

/** Turns a bit in the middle of a file. */
function damage(file: string | undefined): void {
  if (file === undefined) throw new Error("there is no such file");
  const bytes = readFileSync(file);
  const at = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file, bytes);
}

describe("history by size", () => {
  test("keeps no less than was asked for and not much more, all of which can be gone back to", async () => {
    const subject = await Subject.open({ maxBytes: 20_000 });
    await subject.write(45);
    await subject.checkpoint();
    expect(subject.first).toBe(0);
    for (let round = 0; round < 8; round++) {
      await subject.rounds(1);
      const { log, history } = subject.db.stats();
      const behind = log.storeBytes - 20_000;
      if (subject.first > 0) expect(behind).toBeGreaterThan(0);
      // A snapshot file every 5 KB or so, whole segments of 4 KB, and the first file after 45 commits.
      if (round > 4) expect(behind).toBeLessThan(13_000);
      expect(history.snapshots).toBe(snapshotFiles(subject.db.directory).length);
      await subject.expectWindow();
    }
    expect(subject.startOffset).toBeGreaterThan(60);
    await subject.reopen();
    await subject.expectWindow();
  });

  test("leaves the present and the window to a database whose newest snapshot file is damaged", async () => {
    const subject = await Subject.open({ maxBytes: 0 });
    await subject.rounds(6);
    expect(subject.startOffset).toBeGreaterThan(0);
    expect(snapshotFiles(subject.db.directory)).toHaveLength(2);
    damage(snapshotFiles(subject.db.directory).at(-1));
    await subject.reopen();
    expect(subject.db.recovery.skipped).toHaveLength(1);
    await subject.expectWindow();
  });

  test("counts on no snapshot file that is damaged", async () => {
    const subject = await Subject.open({ maxBytes: Number.POSITIVE_INFINITY });
    await subject.rounds(4);
    const files = snapshotFiles(subject.db.directory);
    damage(files[2]);
    const { directory } = subject.db;
    await subject.db.close();
    const log = { segmentBytes: 4096, clock: () => subject.time.now };
    subject.db = await openDatabase(directory, { log, history: { maxBytes: 0 } });
    await expect.poll(() => subject.startOffset).toBeGreaterThan(0);
    // The second newest that is sound is the second of four.
    expect(subject.first).toBe(29);
    expect(subject.startOffset).toBeLessThanOrEqual(30);
    await subject.expectWindow();
    damage(files[3]);
    await subject.db.close();
    subject.db = await openDatabase(directory, { log });
    await subject.expectWindow();
  });

  test("applies right after an opening with less of it", async () => {
    const subject = await Subject.open({});
    await subject.rounds(8);
    expect([subject.first, subject.startOffset]).toEqual([0, 0]);
    await subject.db.close();
    const log = { segmentBytes: 4096, clock: () => subject.time.now };
    const options = { log, history: { maxBytes: 10_000 } };
    subject.db = await openDatabase(subject.db.directory, options);
    await expect.poll(() => subject.first).toBeGreaterThan(60);
    await subject.expectWindow();
  });

  test("without an end keeps everything", async () => {
    const subject = await Subject.open({ maxBytes: Number.POSITIVE_INFINITY });
    await subject.rounds(8);
    expect([subject.first, subject.startOffset]).toEqual([0, 0]);
    await subject.expectWindow();
  });
});

describe("history by age", () => {
  test("reaches back as far as was asked for, and not much further", async () => {
    const subject = await Subject.open({ maxBytes: Number.POSITIVE_INFINITY, maxAgeMs: 40 });
    await subject.rounds(8);
    const age = subject.time.now - (1001 + subject.first);
    expect(age).toBeGreaterThanOrEqual(40);
    expect(age).toBeLessThan(40 + 15);
    await subject.expectWindow();
  });

  test("fault 49: deletes nothing early when the clock has stepped back", async () => {
    const subject = await Subject.open({ maxBytes: Number.POSITIVE_INFINITY, maxAgeMs: 1_000_000 });
    await subject.rounds(4);
    const right = subject.time.now;
    // An hour ahead for one commit; then right again.
    subject.time.now += 3_600_000;
    await subject.db.put("ahead", 1);
    subject.time.now = right;
    await subject.db.put("after", 1);
    await subject.checkpoint();
    await subject.db.put("after", 2);
    await subject.checkpoint();
    subject.time.now = 5;
    await subject.db.put("after", 3);
    await subject.checkpoint();
    expect([subject.first, subject.startOffset]).toEqual([0, 0]);
    expect(subject.reports).toEqual([]);
  });
});

describe("retention leaves", () => {
  test("what someone reads, until it is read", async () => {
    const subject = await Subject.open({ maxBytes: 0 });
    await subject.rounds(1);
    const versions = subject.db.history("k1");
    const seen = [(await versions.next()).value.offset];
    await subject.rounds(5);
    expect(subject.startOffset).toBe(0);
    // Nobody else begins where it reads.
    expect(subject.first).toBeGreaterThan(15);
    await subject.expectWindow();
    for await (const { offset } of versions) seen.push(offset);
    expect(seen).toEqual([1, 6, 11]);
    await subject.rounds(1);
    expect(subject.startOffset).toBeGreaterThan(0);
    await subject.expectWindow();
  });

  test("what a view is built from that was asked for before it left the window", async () => {
    const disk = new FaultyDisk();
    const subject = await Subject.open({ maxBytes: 0 }, disk);
    await subject.rounds(5);
    const { first } = subject;
    const looking = disk.hold({ call: "list", path: /snapshots$/ }, { once: true });
    const view = subject.db.at({ offset: first + 1 });
    await looking.reached;
    await subject.rounds(4);
    expect(subject.first).toBeGreaterThan(first + 1);
    looking.release();
    expect(contents(await view)).toEqual(subject.states[first + 1]);
    await subject.rounds(1);
    await subject.expectWindow();
  });

  test("nothing for good to readers of whom one always begins before the last has ended", async () => {
    const subject = await Subject.open({ maxBytes: 0 });
    await subject.rounds(1);
    const begin = async () => {
      const from = subject.first;
      const view = subject.db.history("k1", { from: { offset: from } });
      await view.next();
      return view;
    };
    let reading = await begin();
    for (let round = 0; round < 8; round++) {
      await subject.rounds(1);
      const next = await begin();
      for await (const { offset } of reading) expect(offset).toBeLessThan(subject.states.length);
      reading = next;
    }
    expect(subject.startOffset).toBeGreaterThan(60);
    expect(subject.reports).toEqual([]);
    await reading.return?.();
    await subject.expectWindow();
  });

  test("the commits that a reader of changes has not had, until it ends", async () => {
    const subject = await Subject.open({ maxBytes: 0 });
    await subject.rounds(1);
    const changes = subject.db.changes({ since: 4 });
    const seen: number[] = [];
    const next = async () => {
      const { value } = await changes.next();
      seen.push(value.offset);
    };
    await next();
    await subject.rounds(3);
    expect(subject.startOffset).toBe(0);
    while (seen.at(-1) !== 44) await next();
    await subject.rounds(1);
    // It wants the commits from 45 on.
    expect(subject.startOffset).toBeLessThanOrEqual(45);
    expect(snapshotFiles(subject.db.directory)).toHaveLength(3);
    while (seen.at(-1) !== 70) await next();
    expect(seen).toEqual(Array.from({ length: 66 }, (_, n) => n + 5));
    await changes.return?.();
    await subject.rounds(3);
    expect(subject.startOffset).toBeGreaterThan(70);
  });

  test("views of the past that are built meanwhile whole", async () => {
    const subject = await Subject.open({ maxBytes: 0 });
    for (let round = 0; round < 10; round++) {
      await subject.write(15);
      const checkpoint = subject.db.checkpoint();
      const { first } = subject;
      for (let offset = first; offset < subject.states.length; offset += 4) {
        try {
          expect(contents(await subject.db.at({ offset }))).toEqual(subject.states[offset]);
        } catch (error) {
          expect(error).toMatchObject({ code: "KV_TARGET_OUT_OF_RANGE" });
          expect(offset).toBeLessThan(subject.first);
        }
      }
      await checkpoint;
    }
    expect(subject.startOffset).toBeGreaterThan(0);
    expect(subject.reports).toEqual([]);
  });
});

describe("retention that fails", () => {
  test("is reported, loses nothing, and is done after another checkpoint", async () => {
    for (const call of ["rename", "create"] as const) {
      const disk = new FaultyDisk();
      const subject = await Subject.open({ maxBytes: 0 }, disk);
      await subject.rounds(1);
      await subject.write(15);
      disk.fail({ call, path: /MANIFEST/ }, "ENOSPC", { times: call === "create" ? 2 : 0 });
      const lift = disk.fail({ call: "unlink", path: /\.snapshot$/ }, "EIO");
      await subject.checkpoint();
      await subject.rounds(1);
      expect(subject.reports[0]).toMatchObject({ kind: "retention" });
      lift();
      await subject.rounds(2);
      await subject.expectWindow();
      expect(subject.startOffset).toBeGreaterThan(0);
    }
  });

  test("at the sync of the snapshots' directory cuts nothing in this life of the database", async () => {
    const disk = new FaultyDisk();
    const subject = await Subject.open({ maxBytes: 0 }, disk);
    await subject.rounds(1);
    await subject.write(15);
    disk.fail({ call: "syncDirectory", path: /snapshots$/ }, "EIO", { after: 1, times: 1 });
    await subject.db.checkpoint();
    await expect.poll(() => subject.reports.length).toBe(1);
    await subject.rounds(4);
    expect([subject.first, subject.startOffset]).toEqual([0, 0]);
    await subject.reopen();
    await expect.poll(() => subject.startOffset).toBeGreaterThan(0);
    await subject.expectWindow();
  });
});

describe("what only has the name of a snapshot file", () => {
  test.each<[string, number, (path: string, whole: string) => void]>([
    ["a directory", 20, (path) => mkdirSync(path)],
    ["a link", 20, (path, whole) => symlinkSync(whole, path)],
    ["bytes", 20, (path) => writeFileSync(path, "bytes")],
    ["bytes above the end", 9999, (path) => writeFileSync(path, "bytes")],
    ["another file above the end", 9999, (path, whole) => copyFileSync(whole, path)],
  ])("is in nobody's way: %s", async (_, offset, make) => {
    const subject = await Subject.open({ maxBytes: 0 });
    await subject.rounds(1);
    const [whole] = snapshotFiles(subject.db.directory);
    if (whole === undefined) throw new Error("there is a snapshot file");
    make(join(dirname(whole), `${String(offset).padStart(20, "0")}.snapshot`), whole);
    await subject.rounds(5);
    expect(subject.reports).toEqual([]);
    expect(subject.startOffset).toBeGreaterThan(30);
    await subject.expectWindow();
    await subject.reopen();
    await subject.expectWindow();
  });
});

describe("snapshot files of the window", () => {
  const MIB = 1024 * 1024;
  const file = (endOffset: number, mib: number) => {
    return { path: `${endOffset}`, endOffset, size: mib * MIB };
  };
  /** 1 MiB of log for each commit, of 100. */
  const bytesFrom = (offset: number) => (100 - offset) * MIB;
  const gone = (offsets: number[], mib: number, needsOldest: boolean) =>
    thinnedOut(
      offsets.map((offset) => file(offset, mib)),
      bytesFrom,
      needsOldest,
    ).map(({ endOffset }) => endOffset);

  test("all stay as long as they take no more room than the log, or hardly any", () => {
    expect(gone([], 1, false)).toEqual([]);
    expect(gone([90, 60, 30, 10], 22.5, true)).toEqual([]);
    expect(gone([90, 60, 30, 10], 25, false)).toEqual([]);
    expect(gone([99, 98, 97, 96], 4, true)).toEqual([]);
  });

  test("of more, those go first that are closest to others, and never those that are needed", () => {
    expect(gone([90, 60, 55, 30, 10], 22.5, true)).toEqual([55]);
    expect(gone([90, 60, 55, 30, 10], 500, true)).toEqual([55, 30]);
    expect(gone([90, 60, 55, 30, 10], 500, false)).toEqual([55, 30, 10]);
    expect(gone([90, 60], 500, true)).toEqual([]);
  });

  test("are thinned out on disk, and every state can still be gone back to", async () => {
    const subject = await Subject.open({ maxBytes: Number.POSITIVE_INFINITY });
    await subject.rounds(70, 2);
    expect(subject.db.stats().history.snapshots).toBe(64);
    await subject.expectWindow();
    expect(subject.first).toBe(0);
  });
});

test.each<[string, unknown]>([
  ["history", null],
  ["history", 5],
  ["history", { maxBytes: -1 }],
  ["history", { maxBytes: 1.5 }],
  ["history", { maxAgeMs: "1d" }],
  ["history", { maxAge: 5 }],
  ["log", { retention: { maxBytes: 1 } }],
])("option %s of %j is refused", async (name, value) => {
  const open: (path: string, given: object) => Promise<unknown> = Databases.open;
  await refused("KV_INVALID_ARGUMENT", () => open(freshPath(), { [name]: value }));
});
