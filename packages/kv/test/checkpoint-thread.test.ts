// Checkpoints on a thread of their own: whatever becomes of the thread, the database goes on and the next one works.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import type { CheckpointReport, Database } from "@tidemark/kv";
import { describe, expect, onTestFinished, test } from "vitest";
import { Database as UnbuiltDatabase } from "../src/database.js";
import {
  contents,
  freshPath,
  letGo,
  openDatabase,
  refused,
  reopen,
  snapshotFiles,
} from "./fixture.js";

const KEYS = 4000;

/** A database whose log is long enough for a thread. */
async function large(): Promise<Database<string>> {
  const db = await openDatabase<string>();
  await write(db, "first");
  return db;
}

async function write(db: Database<string>, text: string): Promise<void> {
  const value = text.padEnd(400, ".");
  await Promise.all(Array.from({ length: KEYS }, (_, n) => db.put(`k${n}`, `${value}${n}`)));
}

/** Calls back with each thread for files that is started, until what it returns is called or the test ends. */
function watchThreads(started: (thread: Worker) => void): () => void {
  const watch = (thread: Worker) => {
    // The committer's thread is given little memory, and is no concern of ours.
    if (thread.resourceLimits?.maxOldGenerationSizeMb !== 32) started(thread);
  };
  process.on("worker", watch);
  const stop = () => void process.off("worker", watch);
  onTestFinished(stop);
  return stop;
}

/** The threads that are started from now on. */
function threadsOf(): Worker[] {
  const threads: Worker[] = [];
  watchThreads((thread) => threads.push(thread));
  return threads;
}

function unfinished(db: Database<string>): string[] {
  return readdirSync(join(db.directory, "snapshots")).filter((name) => name.endsWith(".new"));
}

describe("a checkpoint of much", () => {
  test("is made on another thread, of all that was acknowledged, while writes go on", async () => {
    const db = await large();
    const threads = threadsOf();
    let done = false;
    const checkpoint = db.checkpoint().finally(() => {
      done = true;
    });
    let written = 0;
    for (; !done; written++) await db.put(`more ${written}`, "x");
    expect(threads).toHaveLength(1);
    const { endOffset, entries } = await checkpoint;
    // The first of them came before it was decided where it ends.
    expect(endOffset).toBe(KEYS + 1);
    expect(entries).toBe(endOffset);
    const wanted = contents(db);
    const again = await reopen(db);
    expect(again.recovery.commits).toBe(KEYS + written - endOffset);
    expect(contents(again)).toEqual(wanted);
  });

  test("goes on from the file before, and tells how far it is", async () => {
    const db = await large();
    const { file } = await db.checkpoint();
    await write(db, "second");
    const seen: number[] = [];
    const report = await db.checkpoint({ onProgress: ({ entries }) => seen.push(entries) });
    expect(report).toMatchObject({ base: file, commits: KEYS, entries: KEYS, skipped: [] });
    expect(seen.at(-1)).toBe(KEYS);
    expect((await reopen(db)).get("k7")).toMatch(/^second/);
  });

  test("ends with the caller's signal, what its callback throws, or the closing, leaving no file", async () => {
    const db = await large();
    const controller = new AbortController();
    const enough = () => controller.abort(new Error("enough"));
    const { signal } = controller;
    await expect(db.checkpoint({ signal, onProgress: enough })).rejects.toThrow("enough");
    const thrown = db.checkpoint({
      onProgress: () => {
        throw new Error("of its own");
      },
    });
    await expect(thrown).rejects.toThrow("of its own");
    const closed = refused("KV_CLOSED", () => db.checkpoint());
    await new Promise((resolve) => setImmediate(resolve));
    await db.close();
    await closed;
    expect(readdirSync(join(db.directory, "snapshots"))).toEqual([]);
  });

  test("that fails there says so as it would here", async () => {
    const db = await large();
    const path = join(db.directory, "snapshots", `${String(KEYS).padStart(20, "0")}.snapshot.new`);
    mkdirSync(path);
    const error = await refused("KV_IO", () => db.checkpoint());
    expect(error.file).toBe(path);
    expect(error.message.match(/snapshot\.new/g)).toHaveLength(1);
  });

  test("is made here where there can be no thread", async () => {
    const db = await UnbuiltDatabase.open<string>(freshPath());
    onTestFinished(() => letGo(db));
    // Beside the sources, there is no file that a thread could begin with.
    const value = "v".repeat(400);
    await Promise.all(Array.from({ length: KEYS }, (_, n) => db.put(`k${n}`, value)));
    const threads = threadsOf();
    expect(await db.checkpoint()).toMatchObject({ written: true, entries: KEYS });
    expect(threads).toHaveLength(1);
  });
});

describe("a thread that is killed", () => {
  /** Kills the thread of a checkpoint at its start, when it has come to life, or when it tells something for the nth time. */
  async function killed(
    db: Database<string>,
    moment: "start" | "online" | number,
  ): Promise<CheckpointReport | undefined> {
    let kill = (): void => undefined;
    const stop = watchThreads((thread) => {
      kill = () => void thread.terminate();
      if (moment === "start") kill();
      if (moment === "online") thread.once("online", kill);
    });
    let told = 0;
    const onProgress = () => {
      told += 1;
      if (told === moment) kill();
    };
    try {
      return await db.checkpoint({ onProgress });
    } catch (error) {
      expect(error).toMatchObject({ code: "KV_IO" });
      expect(String(error)).toContain("died");
      return undefined;
    } finally {
      stop();
    }
  }

  test.each(["start", "online", 1, 2, 3, 5, 8] as const)(
    "(at moment %s) harms nothing: the checkpoint says so, and the next one is made",
    async (moment) => {
      const db = await large();
      const first = await db.checkpoint();
      await write(db, "second");
      const report = await killed(db, moment);
      if (typeof moment === "string") expect(report).toBeUndefined();
      expect(unfinished(db)).toEqual([]);
      // It may have died right after the rename; then the file is whole.
      expect(snapshotFiles(db.directory).length).toBeLessThanOrEqual(2);
      expect(await db.put("more", "x")).toBe(2 * KEYS);
      const next = await db.checkpoint();
      expect(next).toMatchObject({ endOffset: 2 * KEYS + 1, entries: KEYS + 1 });
      expect(first.file).not.toBe(next.file);
      const wanted = contents(db);
      const again = await reopen(db);
      expect(again.recovery).toMatchObject({ commits: 0, skipped: [] });
      expect(contents(again)).toEqual(wanted);
    },
  );
});
