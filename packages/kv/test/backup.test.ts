// Backups: another database with the same commits, whatever goes on beside it, or nothing at all.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type BackupReport, Database, restore } from "@tidemark/kv";
import { SimulatedDisk } from "@tidemark/wal/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  contents,
  filesIn,
  freshPath,
  openBytes,
  openDatabase,
  refused,
  snapshotFiles,
  temporaryDirectory,
} from "./fixture.js";

const VALUE = "v".repeat(300);

const CHANGING = [
  ...(["create", "mkdir", "rename", "unlink", "rmdir", "syncDirectory"] as const),
  ...(["write", "datasync", "sync", "truncate"] as const),
];

/** A database with some commits, a ms apart from 1,000 on, in small segments, and snapshot files now and then. */
async function source(count = 60, maxBytes = Number.POSITIVE_INFINITY) {
  const time = { now: 1000 };
  const log = { segmentBytes: 4096, clock: () => time.now };
  const db = await openDatabase(freshPath(), { log, history: { maxBytes } });
  const states: [string, unknown][][] = [];
  for (let n = 0; n < count; n++) {
    if (n % 6 === 5) await db.del(`k${n % 5}`);
    else await db.put(`k${n % 5}`, `${n} ${VALUE}`, n === 20 ? { ttl: 25 } : {});
    states.push(contents(db));
    time.now += 1;
    if (n % 14 === 13) {
      await db.checkpoint();
      await db.checkpoint();
    }
  }
  return { db, states, time, log };
}

interface Backup {
  readonly copy: Database;
  readonly report: BackupReport;
}

async function backedUp(db: Database, log = {}): Promise<Backup> {
  const path = freshPath();
  const report = await db.backup(path);
  return { copy: await openDatabase(path, { log }), report };
}

/** Each commit of the window has the same offset, time and state in both. */
async function expectSame(copy: Database, db: Database): Promise<void> {
  const { first } = db.stats().history;
  expect(copy.stats().history).toMatchObject({ first, firstTime: db.stats().history.firstTime });
  for (let offset = first ?? 0; offset < copy.endOffset; offset++) {
    const [there, here] = [await copy.at({ offset }), await db.at({ offset })];
    expect(contents(there)).toEqual(contents(here));
    expect(there.time).toBe(here.time);
  }
  const last = copy.endOffset - 1;
  expect(await copy.at({ offset: last })).toMatchObject({ offset: last });
}

describe("a backup", () => {
  test("has every commit of the source, with its offset and time, and goes on with offsets of its own", async () => {
    const { db, log } = await source();
    const { copy, report } = await backedUp(db, log);
    expect(report).toMatchObject({
      ...{ destination: copy.directory, logId: copy.logId, first: 0, offset: 59, time: 1059 },
      ...{ commits: 60, entries: copy.size, skipped: [] },
      ...{ ancestry: { logId: db.logId, offset: 60 } },
    });
    expect(copy.logId).not.toBe(db.logId);
    expect(copy.recovery).toMatchObject({ commits: 0, skipped: [], log: { orderly: true } });
    expect(contents(copy)).toEqual(contents(db));
    await expectSame(copy, db);
    expect(await copy.put("own", 1)).toBe(60);
    await db.put("own", 2);
    expect([copy.get("own"), db.get("own")]).toEqual([1, 2]);
  });

  test("reaches as far back as the source's history", async () => {
    const { db, log } = await source(120, 8000);
    const { first } = db.stats().history;
    expect(first).toBeGreaterThan(60);
    const { copy, report } = await backedUp(db, log);
    expect(report.first).toBe(first);
    await expectSame(copy, db);
    const error = await refused("KV_TARGET_OUT_OF_RANGE", () => copy.at({ offset: 30 }));
    expect(error.reachable).toEqual({ first, last: 119 });
  });

  test("shows the changes of the source under its own log's id, from where a consumer of the source stopped", async () => {
    const { db } = await source(20);
    const { copy } = await backedUp(db);
    await copy.put("own", 1);
    const since = { logId: db.logId, offset: 17 };
    const seen: [string, number][] = [];
    for await (const { logId, offset, time } of copy.changes({ since })) {
      expect(logId).toBe(copy.logId);
      if (offset < 20) seen.push([`${offset}`, time]);
      else break;
    }
    expect(seen).toEqual([
      ["18", 1018],
      ["19", 1019],
    ]);
    await refused("KV_OTHER_LINEAGE", () => copy.changes({ since: { ...since, offset: 20 } }));
  });

  test("of one that is written to holds all that was acknowledged before, and a state that there was", async () => {
    const { db, states } = await source(30);
    let done = false;
    const path = freshPath();
    const backup = db.backup(path).finally(() => {
      done = true;
    });
    for (let n = 0; !done; n++) {
      await db.put(`more ${n}`, n);
      states.push(contents(db));
    }
    const { offset } = await backup;
    expect(offset).toBeGreaterThanOrEqual(29);
    const copy = await openDatabase(path);
    expect(copy.endOffset).toBe(offset + 1);
    expect(contents(copy)).toEqual(states[offset]);
  });

  test("of one whose writes wait for nothing is made of what it has made durable first", async () => {
    const path = freshPath();
    const db = await openDatabase(path, { log: { durability: "os" } });
    await db.put("a", 1);
    expect(db.durableOffset).toBe(0);
    const { copy } = await backedUp(db);
    expect(contents(copy)).toEqual([["a", 1]]);
    expect(db.durableOffset).toBe(1);
  });

  test("of a backup, of an empty database, of one with keys of bytes and of a read-only one is one", async () => {
    const { db, log } = await source(20);
    const { copy } = await backedUp(db, log);
    const again = await backedUp(copy, log);
    await expectSame(again.copy, db);
    expect(again.report.ancestry).toEqual({ logId: copy.logId, offset: 20 });

    const empty = await backedUp(await openDatabase());
    expect(empty.report).toMatchObject({ first: undefined, offset: -1, commits: 0, entries: 0 });
    expect(await empty.copy.put("first", 1)).toBe(0);

    const bytes = await openBytes();
    await bytes.put(Uint8Array.of(0xff), 1);
    const path = freshPath();
    await bytes.backup(path);
    expect([...(await openBytes(path)).keys()]).toEqual([Uint8Array.of(0xff)]);

    await db.close();
    const reader = await openDatabase(db.directory, { readOnly: true });
    const ofReader = await backedUp(reader);
    expect(contents(ofReader.copy)).toEqual(contents(reader));
  });

  test("is a source for restores, and a restored database for backups", async () => {
    const { db, states } = await source();
    const { copy } = await backedUp(db);
    const path = freshPath();
    await restore(copy.directory, path, { offset: 33 });
    const restored = await openDatabase(path);
    expect(contents(restored)).toEqual(states[33]);
    await restored.put("more", 1);
    const { copy: last, report } = await backedUp(restored);
    expect(report).toMatchObject({ first: 33, offset: 34, commits: 1 });
    await expectSame(last, restored);
  });

  test("leaves out damaged snapshot files, and begins with the first that is sound", async () => {
    const { db } = await source(120, 8000);
    const [first = "", second = ""] = snapshotFiles(db.directory);
    const bytes = readFileSync(first);
    writeFileSync(first, bytes.fill(0, 150));
    const { report } = await backedUp(db);
    expect(report.first).toBe(Number(second.slice(-29, -9)) - 1);
  });

  test("of a damaged log is refused, and leaves nothing", async () => {
    const { db } = await source();
    const log = join(db.directory, "log", "00000002.log");
    const bytes = readFileSync(log);
    writeFileSync(log, bytes.fill(0, 500, 600));
    const path = freshPath();
    const error = await refused("KV_CORRUPT", () => db.backup(path));
    expect(error.file).toBe(log);
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test("goes to no place that is taken, or within a database", async () => {
    const { db } = await source(5);
    const parent = temporaryDirectory();
    writeFileSync(join(parent, "file"), "");
    await refused("KV_EXISTS", () => db.backup(join(parent, "file")));
    await refused("KV_EXISTS", () => db.backup(parent));
    for (const path of [db.directory, join(db.directory, "log", "copy"), ""]) {
      await refused("KV_INVALID_ARGUMENT", () => db.backup(path));
    }
    const given: (path: string, options: object) => Promise<unknown> = db.backup.bind(db);
    await refused("KV_INVALID_ARGUMENT", () => given(join(parent, "a"), { dryRun: true }));
    mkdirSync(join(parent, "empty"));
    await db.backup(join(parent, "empty"));
    expect(readdirSync(parent).sort()).toEqual(["empty", "file"]);
  });
});

describe("a backup of much", () => {
  async function large(): Promise<Database> {
    const db = await openDatabase();
    const value = "v".repeat(1000);
    await Promise.all(Array.from({ length: 6000 }, (_, n) => db.put(`k${n % 3000}`, value + n)));
    return db;
  }

  test("is made on a thread, and tells how far it is", async () => {
    const db = await large();
    const seen: { commits: number; entries: number }[] = [];
    const path = freshPath();
    await db.backup(path, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ commits: 6000, commitsTotal: 6000, entries: 3000 });
    const copy = await openDatabase(path);
    expect(contents(copy)).toEqual(contents(db));
    expect((await copy.at({ offset: 2999 })).get("k0")).toBe(`${"v".repeat(1000)}0`);
  });

  test.each([1, 2, 3, 5, 20])(
    "whose thread is killed (when it tells something for the %ith time) leaves nothing, or the whole",
    async (nth) => {
      const db = await large();
      let kill = (): void => undefined;
      const started = (thread: import("node:worker_threads").Worker) => {
        kill = () => void thread.terminate();
      };
      process.on("worker", started);
      onTestFinished(() => void process.off("worker", started));
      let told = 0;
      const onProgress = () => {
        told += 1;
        if (told === nth) kill();
      };
      const path = freshPath();
      const made = await db.backup(path, { onProgress }).catch((error: unknown) => error);
      process.off("worker", started);
      if (made instanceof Error) {
        expect(made).toMatchObject({ code: "KV_IO" });
        expect(readdirSync(dirname(path))).toEqual([]);
        await db.backup(path);
      }
      expect(contents(await openDatabase(path))).toEqual(contents(db));
    },
  );

  test("ends with the caller's signal, or with the database, and leaves nothing", async () => {
    const db = await large();
    const path = freshPath();
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("enough"));
    const aborted = db.backup(path, { signal: controller.signal, onProgress });
    await expect(aborted).rejects.toThrow("enough");
    const closed = refused("KV_CLOSED", () => db.backup(path));
    await new Promise((resolve) => setImmediate(resolve));
    await db.close();
    await closed;
    expect(readdirSync(dirname(path))).toEqual([]);
  });
});

describe("fault 40: at every call of a backup", () => {
  const options = (disk: SimulatedDisk) => ({
    log: { fileSystem: disk, segmentBytes: 4096, noteAfterMs: 0 },
    checkpointBytes: Number.POSITIVE_INFINITY,
    history: { maxBytes: 4000 },
  });

  async function filled(disk: SimulatedDisk) {
    const db = await Database.open("/database", options(disk));
    for (let n = 0; n < 30; n++) {
      await db.put(`k${n % 5}`, `${n} ${VALUE}`);
      if (n % 8 === 7) await db.checkpoint();
    }
    await db.checkpoint();
    await db.checkpoint();
    expect(db.stats().history.first).toBeGreaterThan(0);
    return db;
  }

  /** What a process finds beside the source; everything that opens must be the whole. */
  async function copiesOn(disk: SimulatedDisk, wanted: Database): Promise<string[]> {
    const whole: string[] = [];
    for (const { name } of disk.listSync("/")) {
      if (name === "database") continue;
      const opening = Database.open(`/${name}`, { ...options(disk), createIfMissing: false });
      const opened = await opening.catch((error: unknown) => error);
      if (!(opened instanceof Database)) {
        expect(opened).toMatchObject({ name: "DatabaseError" });
        expect(name).toMatch(/^copy\.unfinished-/);
        continue;
      }
      expect(contents(opened)).toEqual(contents(wanted));
      const { first = Number.NaN } = opened.stats().history;
      expect(first).toBe(wanted.stats().history.first);
      expect(contents(await opened.at({ offset: first }))).toEqual(
        contents(await wanted.at({ offset: first })),
      );
      await opened.close();
      whole.push(name);
    }
    return whole;
  }

  test("a crash leaves nothing at the destination, or the whole", async () => {
    const disk = new SimulatedDisk();
    const db = await filled(disk);
    const moments: SimulatedDisk[] = [];
    const unwatch = disk.watch({ before: () => moments.push(disk.fork()) });
    await db.backup("/copy");
    unwatch();
    expect(moments.length).toBeGreaterThan(40);
    for (const [index, moment] of [...moments, disk].entries()) {
      const effort = { limit: 20, samples: 4, budget: 4 };
      const states = [...moment.crashStates("P2", effort), ...moment.crashStates("P3", effort)];
      const killed = moment.crash({ profile: "P0" });
      for (const left of [killed, ...states.map((state) => state.disk)]) {
        const whole = await copiesOn(left, db);
        if (index === moments.length) expect(whole).toEqual(["copy"]);
      }
    }
  });

  test("a failure leaves nothing, and the source as it was", async () => {
    const disk = new SimulatedDisk();
    const db = await filled(disk);
    const source = () => disk.paths().filter((path) => path.startsWith("/database/snapshots"));
    const before = source();
    let failures = 0;
    for (let after = 0; ; after++) {
      const fault = disk.fail({
        call: CHANGING,
        path: /^\/$|^\/copy/,
        code: "ENOSPC",
        after,
        times: 1,
      });
      const made = await db.backup("/copy").catch((error: unknown) => error);
      fault.lift();
      if (fault.hits === 0) break;
      failures += 1;
      if (!(made instanceof Error)) {
        // Something that is done better without, such as writing zeros ahead.
        expect(await copiesOn(disk.fork().crash({ profile: "P0" }), db)).toEqual(["copy"]);
        for (const path of disk.paths().filter((path) => path.startsWith("/copy"))) {
          await disk.unlink(path);
        }
        for (const name of ["log", "snapshots", ""]) await disk.removeDirectory(`/copy/${name}`);
        continue;
      }
      expect(made).toMatchObject({ name: "DatabaseError" });
      expect(disk.listSync("/").map(({ name }) => name)).toEqual(["database"]);
    }
    expect(failures).toBeGreaterThan(40);
    expect(source()).toEqual(before);
    expect(await db.put("more", 1)).toBe(30);
  });
});

test("what a killed process leaves can be restored from, opened, and backed up", async () => {
  const path = freshPath();
  const code = `
    import { Database } from "@tidemark/kv";
    const db = await Database.open(${JSON.stringify(path)}, { checkpointBytes: 20_000 });
    for (let n = 0; ; n++) { await db.put("k" + (n % 50), n); console.log(n); }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = -1;
  for await (const lines of child.stdout) {
    for (const line of String(lines).split("\n")) if (line !== "") told = Math.max(told, +line);
    if (told > 1000) break;
  }
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  // A line that was cut off by the kill tells less than there was.
  const before = filesIn(path);
  const copy = freshPath();
  const { offset } = await restore(path, copy, { offset: 999 });
  expect(offset).toBe(999);
  expect(filesIn(path)).toEqual(before);
  expect((await openDatabase(copy)).get("k49")).toBe(999);

  const db = await openDatabase(path);
  expect(db.endOffset).toBeGreaterThan(1000);
  const { copy: backup } = await backedUp(db);
  expect(contents(backup)).toEqual(contents(db));
});
