// Read-only databases that keep up with a writer: they show whole commits, and each state that they show is one that
// the writer had.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate, setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Database, type DatabaseReport, Database as Databases } from "@tidemark/kv";
import { Log } from "@tidemark/wal";
import { SimulatedDisk } from "@tidemark/wal/testing";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { CommitWriter } from "../src/formats/operations.js";
import { pastStates } from "../src/past/past.js";
import { Present } from "../src/state/present.js";
import { State } from "../src/state/state.js";
import { Follower } from "../src/upkeep/follower.js";
import { Pins } from "../src/upkeep/pins.js";
import { Work } from "../src/work.js";
import { FaultyDisk } from "./faulty-disk.js";
import {
  contents,
  freshPath,
  letGo,
  type Options,
  on,
  openDatabase,
  refused,
  temporaryDirectory,
} from "./fixture.js";
import { MemoryLog } from "./memory-log.js";

/** States soon what is durable, and fills segments fast. */
const writing = { log: { noteAfterMs: 5, segmentBytes: 4096 } };
/** Looks when it is told to. */
const reading = { readOnly: true, refreshMs: 0 };

/** Long enough for a machine that is busy with other things. */
const patience = { timeout: 60_000 };

/** Looks until the reader shows all that the writer has made durable. */
async function catchUp(reader: Database<unknown>, writer: Database<unknown>): Promise<void> {
  await expect.poll(() => reader.refresh(), patience).toBe(writer.endOffset);
}

async function pair(options: Options = {}): Promise<{ writer: Database; reader: Database }> {
  const writer = await openDatabase(freshPath(), writing);
  const reader = await openDatabase(writer.directory, { ...reading, ...options });
  return { writer, reader };
}

describe("a follower", () => {
  test("shows what the writer has done once it looks, and keeps its views", async () => {
    const { writer, reader } = await pair();
    await writer.batch([
      { type: "put", key: "a", value: 1 },
      { type: "put", key: "b", value: 2 },
    ]);
    await catchUp(reader, writer);
    const view = reader.snapshot();
    await writer.del("a");
    await writer.mark("half");
    await writer.put("c", { deep: [3] }, { ttl: 60_000 });
    await writer.clear({ gte: "b", lt: "c" });
    expect(contents(reader)).toEqual(contents(view));
    await catchUp(reader, writer);
    expect(contents(reader)).toEqual([["c", { deep: [3] }]]);
    expect(reader.getEntry("c")).toEqual(writer.getEntry("c"));
    expect(reader.marks()).toEqual(writer.marks());
    expect(contents(view)).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
    expect(contents(await reader.at({ mark: "half" }))).toEqual([["b", 2]]);
    expect(contents(await reader.at({ offset: 0 }))).toEqual(contents(view));
    for await (const { offset } of reader.changes({ since: 1 })) {
      expect(offset).toBe(2);
      break;
    }
  });

  test("looks by itself", async () => {
    const { writer, reader } = await pair({ refreshMs: 5 });
    await writer.put("a", 1);
    await expect.poll(() => reader.get("a"), patience).toBe(1);
    await writer.put("a", 2);
    await expect.poll(() => reader.get("a"), patience).toBe(2);
  });

  test("goes on from a snapshot file where what came next has been removed", async () => {
    const options = {
      ...writing,
      history: { maxBytes: 0 },
      checkpointBytes: Number.POSITIVE_INFINITY,
    };
    const writer = await openDatabase(freshPath(), options);
    await writer.put("gone", 1);
    await writer.mark("early");
    const reader = await openDatabase(writer.directory, reading);
    await catchUp(reader, writer);
    const view = reader.snapshot();
    await writer.del("gone");
    for (let n = 0; n < 60; n++) {
      await writer.put(`k${n % 7}`, "v".repeat(300));
      if (n % 20 === 19) await writer.checkpoint();
    }
    await expect
      .poll(() => writer.stats().log.startOffset, patience)
      .toBeGreaterThan(reader.endOffset);
    await catchUp(reader, writer);
    expect(contents(reader)).toEqual(contents(writer));
    expect(reader.marks()).toEqual(writer.marks());
    expect(contents(view)).toEqual([["gone", 1]]);
  });

  /** A writer that keeps as little history as it can, and a follower; what the latter opens can be held up. */
  async function forgetful() {
    const options = {
      ...writing,
      history: { maxBytes: 0 },
      checkpointBytes: Number.POSITIVE_INFINITY,
    };
    const disk = new FaultyDisk();
    const writer = await openDatabase(freshPath(), options);
    const reader = await openDatabase(writer.directory, { ...reading, ...on(disk) });
    /** Writes until the log begins above an offset. */
    const removeUpTo = async (offset: number) => {
      while (writer.stats().log.startOffset <= offset) {
        for (let n = 0; n < 20; n++) await writer.put(`k${n}`, `${offset}${"v".repeat(300)}`);
        await writer.checkpoint();
      }
    };
    /** Has all snapshot files replaced by new ones, with hardly a commit. */
    const replaceFiles = async () => {
      for (let n = 0; n < 3; n++) {
        await writer.put("k0", n);
        await writer.checkpoint();
        // Of nothing new, it waits for the retention before it.
        await writer.checkpoint();
      }
    };
    return { disk, writer, reader, removeUpTo, replaceFiles };
  }

  test("begins again where the writer removes even the file that it was about to begin from", async () => {
    const { disk, writer, reader, removeUpTo } = await forgetful();
    await removeUpTo(0);
    const { endOffset } = writer;
    const opening = disk.hold({ call: "open", path: /\.snapshot$/ });
    const look = reader.refresh();
    await opening.reached;
    await removeUpTo(endOffset);
    opening.release();
    expect(await look).toBeGreaterThan(endOffset);
    await catchUp(reader, writer);
    expect(contents(reader)).toEqual(contents(writer));
  });

  test("begins again where files have gone and others come, but no segment of the log has gone", async () => {
    const { disk, writer, reader, removeUpTo, replaceFiles } = await forgetful();
    await removeUpTo(0);
    await replaceFiles();
    const { startOffset } = writer.stats().log;
    const opening = disk.hold({ call: "open", path: /\.snapshot$/ });
    const look = reader.refresh();
    await opening.reached;
    await replaceFiles();
    expect(writer.stats().log.startOffset).toBe(startOffset);
    opening.release();
    expect(await look).toBeGreaterThan(startOffset);
    await catchUp(reader, writer);
    expect(contents(reader)).toEqual(contents(writer));
  });

  test.each(["replaceFiles", "removeUpTo"] as const)(
    "takes what the writer has removed for that, and for no damage, where it begins a history (%s)",
    async (remove) => {
      const { disk, writer, reader, [remove]: removeSome, removeUpTo } = await forgetful();
      await removeUpTo(0);
      await catchUp(reader, writer);
      await writer.put("k0", "last");
      await catchUp(reader, writer);
      const opening = disk.hold({ call: "open", path: /\.snapshot$/ });
      const { first } = reader.stats().history;
      const from = { offset: first ?? -1 };
      const versions = [{}, { from }].map((range) => reader.history("k0", range).next());
      const outcomes = Promise.allSettled(versions);
      await opening.reached;
      await removeSome(writer.endOffset);
      opening.release();
      for (const outcome of await outcomes) {
        const code = outcome.status === "rejected" ? outcome.reason.code : undefined;
        expect([undefined, "KV_TARGET_OUT_OF_RANGE"]).toContain(code);
      }
    },
  );

  test.each(["replaceFiles", "removeUpTo"] as const)(
    "backs up what is durable, though the writer removes what it was about to copy (%s)",
    async (remove) => {
      const { disk, writer, reader, [remove]: removeSome, removeUpTo } = await forgetful();
      await removeUpTo(0);
      await catchUp(reader, writer);
      const { endOffset } = writer;
      const opening = disk.hold({ call: "open", path: /\.snapshot$/ });
      const path = freshPath();
      const backup = reader.backup(path);
      await opening.reached;
      await removeSome(endOffset);
      await setTimeout(50);
      opening.release();
      expect((await backup).offset).toBe(writer.endOffset - 1);
      expect(contents(await openDatabase(path))).toEqual(contents(writer));
    },
  );

  test("shows what is left where the end of the log was cut by a repair", async () => {
    const { writer, reader } = await pair();
    for (let n = 0; n < 10; n++) await writer.put(`k${n}`, n);
    await catchUp(reader, writer);
    await writer.close();
    const log = await Log.open(join(writer.directory, "log"), writing.log);
    await log.truncateFrom(5);
    await log.close();
    const next = await openDatabase(writer.directory, writing);
    for (let n = 0; n < 10; n++) await next.put(`n${n}`, n);
    await catchUp(reader, next);
    expect(contents(reader)).toEqual(contents(next));
  });

  test("shows nothing of a commit of which it has read a part", async () => {
    const { writer, reader } = await pair();
    await writer.put("a", 1);
    await catchUp(reader, writer);
    const value = "v".repeat(100);
    const operations = Array.from({ length: 200_000 }, (_, n) => ({
      type: "put" as const,
      key: `k${n}`,
      value,
    }));
    await writer.batch(operations);
    await setTimeout(50);
    let done = false;
    const looking = catchUp(reader, writer).finally(() => {
      done = true;
    });
    const sizes = new Map<number, number>();
    while (!done) {
      sizes.set(reader.size, (sizes.get(reader.size) ?? 0) + 1);
      await setImmediate();
    }
    await looking;
    expect([...sizes.keys()].filter((size) => size !== 1 && size !== 200_001)).toEqual([]);
    // It could be seen many times in the middle of it.
    expect(sizes.get(1)).toBeGreaterThan(10);
    expect(reader.size).toBe(200_001);
  });

  test("stays what it was while it cannot read, says so once, and goes on after", async () => {
    const disk = new FaultyDisk();
    const reports: DatabaseReport[] = [];
    const onReport = (report: DatabaseReport) => reports.push(report);
    const { writer, reader } = await pair({ ...on(disk), refreshMs: 2, onReport });
    await writer.put("a", 1);
    await expect.poll(() => reader.get("a"), patience).toBe(1);
    const heal = disk.fail({ call: "read", path: /MANIFEST$/ }, "EIO");
    await expect.poll(() => reports.length, patience).toBe(1);
    await refused("KV_IO", () => reader.refresh());
    await writer.put("a", 2);
    await setTimeout(30);
    expect(reader.get("a")).toBe(1);
    expect(reports).toMatchObject([{ kind: "refresh", message: expect.stringContaining("EIO") }]);
    heal();
    await expect.poll(() => reader.get("a"), patience).toBe(2);
  });

  test("refuses what makes no sense, and nothing looks any more once it is closed", async () => {
    const { writer, reader } = await pair();
    await refused("KV_INVALID_ARGUMENT", () => writer.refresh());
    await refused("KV_INVALID_ARGUMENT", () => openDatabase(freshPath(), { refreshMs: 5 }));
    for (const refreshMs of [-1, 0.5, 2 ** 31]) {
      const open = () => Databases.open(writer.directory, { readOnly: true, refreshMs });
      await refused("KV_INVALID_ARGUMENT", open);
    }
    const looks = [reader.refresh(), reader.refresh(), reader.refresh()];
    const closed = reader.close();
    for (const look of await Promise.allSettled(looks)) {
      if (look.status === "rejected") expect(look.reason).toMatchObject({ code: "KV_CLOSED" });
    }
    await closed;
    await refused("KV_CLOSED", () => reader.refresh());
  });

  test("takes nothing back where a successor's log proves less for a moment", async () => {
    const log = new MemoryLog(() => 1000);
    const source = {
      fileSystem: new SimulatedDisk(),
      log,
      snapshots: "/snapshots",
      keys: "string" as const,
      pins: new Pins(),
    };
    const present = new Present(new State(), log, 0);
    const work = new Work();
    const states = pastStates();
    const report = () => undefined;
    const parts = { source, log, present, states, work, refreshMs: 0, report };
    const follower = new Follower(parts);
    const writer = new CommitWriter();
    for (const key of ["a", "b"]) {
      writer.begin(1);
      writer.put(key, 1);
      await log.append(writer.payload());
    }
    expect(await follower.refresh()).toBe(2);
    log.acknowledgedOffset = 1;
    expect(await follower.refresh()).toBe(2);
    expect(present.state.size(() => 1000)).toBe(2);
  });

  test("tells that another database has taken the place of its own", async () => {
    const { writer, reader } = await pair();
    await writer.put("a", 1);
    await catchUp(reader, writer);
    await writer.close();
    renameSync(writer.directory, join(temporaryDirectory(), "away"));
    const other = await openDatabase(writer.directory, writing);
    await other.put("b", 2);
    await refused("KV_NOT_FOUND", () => reader.refresh());
    expect(contents(reader)).toEqual([["a", 1]]);
  });
});

describe("beside a writer in another process that is killed now and then", () => {
  const SCRIPT = fileURLToPath(new URL("ledger-writer.mjs", import.meta.url));

  /** A writer under way, and the last offset that it was told is durable. */
  function startWriter(directory: string): { child: ChildProcess; acknowledged: { last: number } } {
    const child = spawn(process.execPath, [SCRIPT, directory], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const acknowledged = { last: -1 };
    createInterface({ input: child.stdout }).on("line", (line) => {
      acknowledged.last = Number(line);
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    return { child, acknowledged };
  }

  function expectWhole(reader: Database<number>, moves: number): number {
    let sum = 0;
    let count = 0;
    for (const [key, value] of reader.entries()) {
      if (key === "moves") continue;
      sum += value;
      count += 1;
    }
    expect([count, sum]).toEqual([50, 5000]);
    const shown = reader.get("moves") ?? -1;
    expect(shown).toBeGreaterThanOrEqual(moves);
    expect(reader.endOffset).toBe(shown + 1);
    return shown;
  }

  test("each state shown is whole, none goes back, and the last is all that was acknowledged", async () => {
    const directory = freshPath();
    const reports: DatabaseReport[] = [];
    let reader: Database<number> | undefined;
    let moves = 0;
    for (let life = 0; life < 4; life++) {
      const { child, acknowledged } = startWriter(directory);
      await expect.poll(() => acknowledged.last, patience).toBeGreaterThan(moves);
      reader ??= await openDatabase<number>(directory, {
        readOnly: true,
        refreshMs: 1,
        onReport: (report) => reports.push(report),
      });
      const until = acknowledged.last + 150;
      while (acknowledged.last < until) {
        moves = expectWhole(reader, moves);
        if (life % 2 === 0) await reader.refresh();
        await setTimeout(1);
      }
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
      await reader.refresh();
      expect(reader.endOffset).toBeGreaterThan(acknowledged.last);
      moves = expectWhole(reader, moves);
      // By now the writer has removed where another reader would have begun.
      const late = await openDatabase<number>(directory, { readOnly: true });
      expect(contents(late)).toEqual(contents(reader));
      await late.close();
    }
    expect(reader?.stats().log.startOffset).toBeGreaterThan(0);
    expect(reports).toEqual([]);
  });
});

describe("on a simulated disk", () => {
  type Step =
    | "put"
    | "batch"
    | "clear"
    | "mark"
    | "checkpoint"
    | "look"
    | "kill"
    | "close"
    | "late";
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<Step>("put", "batch", "look") },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Step>("checkpoint", "clear", "mark", "kill", "close", "late"),
    },
  );

  test("whatever the writer does, a follower shows one of its states, and in the end the last", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const scene = await Scene.begin();
        for (const taken of steps) await scene.take(taken);
        await scene.end();
      }),
      { numRuns: 40 },
    );
  });

  /** A writer and a follower, each a process of its own, and what the writer held after each commit. */
  class Scene {
    readonly #states = new Map<number, string>([[0, "[]"]]);
    #disk: SimulatedDisk;
    #writer: Database;
    readonly #reader: Database;
    #n = 0;

    private constructor(disk: SimulatedDisk, writer: Database, reader: Database) {
      this.#disk = disk;
      this.#writer = writer;
      this.#reader = reader;
    }

    static async begin(): Promise<Scene> {
      const machine = new SimulatedDisk();
      const disk = machine.startProcess();
      const writer = await Scene.write(disk);
      const reader = await openOn(machine.startProcess(), reading);
      return new Scene(disk, writer, reader);
    }

    static write(disk: SimulatedDisk): Promise<Database> {
      return openOn(disk, {
        history: { maxBytes: 2000 },
        checkpointBytes: Number.POSITIVE_INFINITY,
      });
    }

    async take(taken: Step): Promise<void> {
      if (taken === "look") return this.#look();
      if (taken === "late") return this.#openLate();
      if (taken === "kill" || taken === "close") return this.#succeed(taken);
      this.#n += 1;
      await this.#change(taken);
      this.#states.set(this.#writer.endOffset, stateOf(this.#writer));
    }

    async #change(taken: Step): Promise<void> {
      const n = this.#n;
      const writer = this.#writer;
      if (taken === "put") await writer.put(`k${n % 5}`, "v".repeat((n * 37) % 600));
      else if (taken === "clear") await writer.clear({ gte: "k2" });
      else if (taken === "mark") await writer.mark(`m${n}`);
      else if (taken === "checkpoint") await writer.checkpoint();
      else {
        await writer.batch([
          { type: "put", key: "k1", value: n },
          { type: "del", key: "k2" },
          { type: "put", key: `z${n % 3}`, value: [n] },
        ]);
      }
    }

    async #look(): Promise<void> {
      const before = this.#reader.endOffset;
      await this.#reader.refresh();
      expect(this.#reader.endOffset).toBeGreaterThanOrEqual(before);
      this.#check(this.#reader);
    }

    #check(reader: Database): void {
      expect(stateOf(reader)).toBe(this.#states.get(reader.endOffset));
    }

    async #openLate(): Promise<void> {
      const late = await openOn(this.#disk.startProcess(), reading);
      this.#check(late);
      await late.close();
    }

    /** The writer ends one way or the other, and another process takes its place. */
    async #succeed(how: "kill" | "close"): Promise<void> {
      if (how === "close") await this.#writer.close();
      else this.#disk.kill();
      await this.#look();
      this.#disk = this.#disk.startProcess();
      this.#writer = await Scene.write(this.#disk);
    }

    async end(): Promise<void> {
      const { endOffset } = this.#writer;
      await this.#writer.close();
      await this.#look();
      expect(this.#reader.endOffset).toBe(endOffset);
      await this.#reader.close();
    }
  }

  async function openOn(fileSystem: SimulatedDisk, options: Options): Promise<Database> {
    const log = { fileSystem, noteAfterMs: 0, segmentBytes: 4096 };
    const database = await Databases.open("/database", { log, ...options });
    onTestFinished(() => letGo(database));
    return database;
  }

  function stateOf(database: Database): string {
    return JSON.stringify([...database.entries(), ...database.marks()]);
  }
});
