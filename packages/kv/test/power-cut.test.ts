// What the database promises of stable storage, on a disk that forgets: power cuts at each call that makes a
// database, a snapshot file or a copy.

import { Database, restore } from "@tidemark/kv";
import { SimulatedDisk } from "@tidemark/wal/testing";
import { describe, expect, test } from "vitest";

const DIRECTORY = "/database";

function open(disk: SimulatedDisk, directory = DIRECTORY): Promise<Database> {
  return Database.open(directory, { log: { fileSystem: disk, noteAfterMs: 0 } });
}

/** Opens what is left, which must hold these keys and values, and lets go of it. */
async function expectHeld(
  disk: SimulatedDisk,
  wanted: readonly (readonly [string, unknown])[],
  directory = DIRECTORY,
): Promise<Database["recovery"]> {
  const database = await open(disk, directory);
  expect([...database.entries()]).toEqual(wanted);
  const { recovery } = database;
  await database.close();
  return recovery;
}

/** The disk as it is right before each changing call of some work. */
async function momentsOf(
  disk: SimulatedDisk,
  work: () => Promise<unknown>,
): Promise<SimulatedDisk[]> {
  const moments: SimulatedDisk[] = [];
  const unwatch = disk.watch({ before: () => moments.push(disk.fork()) });
  await work();
  unwatch();
  return moments;
}

/** The disks that a power cut can leave: all of them where they are few. */
function* cutsOf(disk: SimulatedDisk): Generator<SimulatedDisk> {
  for (const profile of ["P2", "P3"] as const) {
    const effort = { limit: 100, samples: 20, budget: 12 };
    for (const { disk: left } of disk.crashStates(profile, effort)) yield left;
  }
}

async function filled(disk: SimulatedDisk) {
  const database = await open(disk);
  const wanted: [string, number][] = [];
  for (let number = 10; number < 30; number++) {
    await database.put(`key ${number}`, number);
    wanted.push([`key ${number}`, number]);
  }
  return { database, wanted };
}

test("a power cut at any call of a creation leaves nothing in its way, and none loses what was acknowledged", async () => {
  const disk = new SimulatedDisk();
  const moments = await momentsOf(disk, () => open(disk));
  for (const moment of moments) {
    for (const left of cutsOf(moment)) await expectHeld(left, []);
  }
  const fresh = new SimulatedDisk();
  const database = await open(fresh);
  await database.put("key", 1);
  for (const left of cutsOf(fresh)) await expectHeld(left, [["key", 1]]);
});

describe("faults 34 to 36: a power cut at any call of a checkpoint", () => {
  test("leaves every commit, and a file of that name only if it is whole", async () => {
    const disk = new SimulatedDisk();
    const { database, wanted } = await filled(disk);
    for (const moment of await momentsOf(disk, () => database.checkpoint())) {
      for (const left of cutsOf(moment)) {
        expect((await expectHeld(left, wanted)).skipped).toEqual([]);
      }
    }
  });

  test("and after it leaves its file", async () => {
    const disk = new SimulatedDisk();
    const { database, wanted } = await filled(disk);
    const { file } = await database.checkpoint();
    for (const left of cutsOf(disk)) expect((await expectHeld(left, wanted)).snapshot).toBe(file);
  });
});

describe("fault 37: a crash at any call of retention", () => {
  const small = { segmentBytes: 4096, noteAfterMs: 0 };

  /** A database that retention has something of to remove, what it held after each commit, and what it is opened with. */
  async function outgrown(disk: SimulatedDisk) {
    const options = {
      log: { ...small, fileSystem: disk },
      checkpointBytes: Number.POSITIVE_INFINITY,
    };
    const states: [string, unknown][][] = [];
    const database = await Database.open(DIRECTORY, options);
    for (let number = 0; number < 40; number++) {
      await database.put(`key ${number % 7}`, `${number} ${"v".repeat(400)}`);
      states.push([...database.entries()]);
      if (number % 10 === 7) await database.checkpoint();
    }
    await database.close();
    return { states, options };
  }

  /** Everything from a commit on can be gone back to, if not more, and goes on. */
  async function expectStates(
    disk: SimulatedDisk,
    states: readonly [string, unknown][][],
    from: number,
  ) {
    const database = await Database.open(DIRECTORY, { log: { ...small, fileSystem: disk } });
    const { first = Number.NaN } = database.stats().history;
    expect(first).toBeLessThanOrEqual(from);
    for (const [offset, state] of states.entries()) {
      if (offset < first) continue;
      expect([...(await database.at({ offset })).entries()]).toEqual(state);
    }
    expect(await database.put("more", 1)).toBe(states.length);
    await database.close();
  }

  test("leaves every state of the window, and the files for it", async () => {
    const disk = new SimulatedDisk();
    const { states, options } = await outgrown(disk);
    let first = 0;
    const moments = await momentsOf(disk, async () => {
      const database = await Database.open(DIRECTORY, { ...options, history: { maxBytes: 5000 } });
      await expect.poll(() => database.stats().log.startOffset).toBeGreaterThan(0);
      await database.checkpoint();
      first = database.stats().history.first ?? Number.NaN;
      await database.close();
    });
    expect(first).toBe(27);
    expect(moments.length).toBeGreaterThan(15);
    for (const moment of [...moments, disk]) {
      const killed = moment.crash({ profile: "P0" });
      for (const left of [killed, ...cutsOf(moment)]) await expectStates(left, states, first);
    }
  });

  test("does so where the names of the newest files were not durable when it was opened", async () => {
    const disk = new SimulatedDisk();
    const { states, options } = await outgrown(disk);
    let left = disk;
    // Each time killed between the rename of a snapshot file and the sync of its name.
    for (let kill = 0; kill < 2; kill++) {
      const { log } = options;
      const database = await Database.open(DIRECTORY, {
        ...options,
        log: { ...log, fileSystem: left },
      });
      await database.put("killed", kill, { sync: true });
      states.push([...database.entries()]);
      const killed = (await momentsOf(left, () => database.checkpoint())).at(-1);
      if (killed === undefined) throw new Error("the last call of a checkpoint syncs its name");
      left = killed.crash({ profile: "P0" });
    }
    const log = { ...options.log, fileSystem: left };
    const again = await Database.open(DIRECTORY, { ...options, log, history: { maxBytes: 0 } });
    await expect.poll(() => again.stats().log.startOffset).toBeGreaterThan(0);
    const { first = Number.NaN } = again.stats().history;
    expect(first).toBe(40);
    for (const cut of cutsOf(left)) await expectStates(cut, states, first);
  });
});

test("fault 40: a power cut after a restore leaves the whole of it", async () => {
  const disk = new SimulatedDisk();
  const { database, wanted } = await filled(disk);
  await database.close();
  await restore(DIRECTORY, "/copy", { offset: 9 }, { fileSystem: disk });
  for (const left of cutsOf(disk)) await expectHeld(left, wanted.slice(0, 10), "/copy");
});

describe("fault 40: a restore that ends between the rename to its destination and the sync of that name", () => {
  /** A database with ten commits and more, closed, and its process's disk. */
  async function closed() {
    const disk = new SimulatedDisk();
    const { database, wanted } = await filled(disk);
    await database.close();
    return { disk, wanted: wanted.slice(0, 10) };
  }

  test("is a database whose name lasts, once it was opened and before it is written", async () => {
    const { disk, wanted } = await closed();
    const work = () => restore(DIRECTORY, "/copy", { offset: 9 }, { fileSystem: disk });
    const killed = (await momentsOf(disk, work)).at(-1)?.crash({ profile: "P0" });
    if (killed === undefined) throw new Error("the last call of a restore syncs its name");
    const copy = await open(killed, "/copy");
    await copy.put("key 99", 99);
    for (const left of cutsOf(killed)) await expectHeld(left, [...wanted, ["key 99", 99]], "/copy");
  });

  test("because that fails leaves no part of it, and nothing that opens as an empty database", async () => {
    const { disk, wanted } = await closed();
    disk.fail({ call: "syncDirectory", path: /^\/$/, after: 2, times: 1 });
    const moments = await momentsOf(disk, async () => {
      const restored = restore(DIRECTORY, "/copy", { offset: 9 }, { fileSystem: disk });
      await expect(restored).rejects.toMatchObject({ code: "KV_IO" });
    });
    for (const left of [...moments, disk].flatMap((moment) => [...cutsOf(moment)])) {
      for (const { name } of left.listSync("/").filter((entry) => entry.name.startsWith("copy"))) {
        const opened = Database.open(`/${name}`, {
          createIfMissing: false,
          log: { fileSystem: left },
        });
        const held = await opened
          .then((database) => [...database.entries()])
          .catch(() => undefined);
        expect(held ?? wanted).toEqual(wanted);
        if (name === "copy") expect(held).toBeDefined();
      }
    }
  });
});
