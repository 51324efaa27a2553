// The simulated disk itself: what it forgets, what it keeps, and that each of its crash states can be had again.

import { type File, FileSystemError, writeFully } from "@tidemark/wal";
import { type CrashProfile, SimulatedDisk } from "@tidemark/wal/testing";
import { describe, expect, test } from "vitest";

const FILE = "/folder/file";

/** A disk with an empty file whose name is durable. */
async function diskWithFile(): Promise<{ disk: SimulatedDisk; file: File }> {
  const disk = new SimulatedDisk();
  await disk.makeDirectory("/folder");
  const file = await disk.create(FILE);
  await disk.syncDirectory("/folder");
  return { disk, file };
}

function filled(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

/** What the states hold in the file, each as the first byte of its sectors, in order and without doubles. */
function states(disk: SimulatedDisk, profile: CrashProfile, path = FILE): string[] {
  const seen = new Set<string>();
  for (const state of disk.crashStates(profile)) {
    const bytes = state.disk.paths().includes(path) ? state.disk.bytesOf(path) : undefined;
    const sectors = bytes === undefined ? ["none"] : [...bytes.filter((_, at) => at % 512 === 0)];
    seen.add(sectors.join(" "));
  }
  return [...seen].sort();
}

test.each(["file", "folder"])(
  "a sync's error that comes one sync late comes to a %s's copies and after a kill too",
  async (kind) => {
    const { disk, file } = await diskWithFile();
    await file.write(filled(512, 1), 0);
    const path = kind === "file" ? FILE : "/folder";
    const sync = async (of: SimulatedDisk) => {
      if (kind === "folder") return of.syncDirectory(path);
      return (await of.open(path, "write")).sync();
    };
    disk.fail({ call: ["sync", "syncDirectory"], manner: "late", times: 1 });
    await sync(disk);
    for (const copy of [disk.fork(), disk.crash({ profile: "P0" }), disk])
      await expect(sync(copy)).rejects.toMatchObject({ code: "EIO" });
  },
);

describe("what was written", () => {
  test("is there after a crash only once it was synced", async () => {
    const { disk, file } = await diskWithFile();
    await writeFully(file, filled(512, 1), 0);
    await file.datasync();
    await file.write(filled(512, 2), 0);
    expect(disk.bytesOf(FILE)[0]).toBe(2);
    expect(states(disk, "P1")).toEqual(["1", "2"]);
    await file.datasync();
    expect(states(disk, "P3")).toEqual(["2"]);
  });

  test("arrives sector by sector in P3, page by page in P2, in order in P1, and whole in P0", async () => {
    const { disk, file } = await diskWithFile();
    await writeFully(file, filled(1024, 1), 0);
    await file.datasync();
    await file.write(filled(1024, 2), 0);
    expect(states(disk, "P3")).toEqual(["1 1", "1 2", "2 1", "2 2"]);
    expect(states(disk, "P2")).toEqual(["1 1", "2 2"]);
    expect(states(disk, "P1")).toEqual(["1 1", "2 1", "2 2"]);
    expect(states(disk, "P0")).toEqual(["2 2"]);
  });

  test("arrives apart from the size that it made, with garbage in the gap only in P3", async () => {
    const { disk, file } = await diskWithFile();
    await file.write(filled(512, 7), 0);
    expect(states(disk, "P2")).toEqual(["", "0", "7"]);
    expect(states(disk, "P3").length).toBe(4);
  });

  test("twice in one sector never arrives as the second write without the first", async () => {
    const { disk, file } = await diskWithFile();
    await writeFully(file, filled(512, 1), 0);
    await file.sync();
    await file.write(filled(8, 2), 0);
    await file.write(filled(8, 3), 8);
    const seen = [...disk.crashStates("P3")].map(({ disk: left }) => left.bytesOf(FILE));
    expect(seen.map((bytes) => [bytes[0], bytes[8]])).toEqual([
      [1, 1],
      [2, 3],
      [2, 1],
    ]);
  });

  test("is cut off in the middle of a write by a kill, and only then", async () => {
    const { disk, file } = await diskWithFile();
    const during: string[] = [];
    disk.watch({
      after: ({ call }) => {
        if (call === "write") during.push(...states(disk, "P0"));
      },
    });
    await file.write(filled(1024, 9), 0);
    expect(during).toEqual(["", "9", "9 9"]);
    expect(states(disk, "P0")).toEqual(["9 9"]);
  });
});

describe("a truncation", () => {
  test("may come undone until it is synced", async () => {
    const { disk, file } = await diskWithFile();
    await writeFully(file, filled(1024, 1), 0);
    await file.sync();
    await file.truncate(512);
    expect(states(disk, "P1")).toEqual(["1", "1 1"]);
    await file.sync();
    expect(states(disk, "P3")).toEqual(["1"]);
  });

  test("leaves zeros where the file grows again", async () => {
    const { disk, file } = await diskWithFile();
    await writeFully(file, filled(1024, 1), 0);
    await file.truncate(100);
    await file.truncate(1024);
    expect(disk.bytesOf(FILE).subarray(90, 110)).toEqual(
      Uint8Array.from({ length: 20 }, (_, at) => (at < 10 ? 1 : 0)),
    );
  });
});

describe("a name", () => {
  test("is durable once its directory is synced, whatever becomes of the file", async () => {
    const { disk } = await diskWithFile();
    const file = await disk.create("/folder/new");
    await writeFully(file, filled(512, 1), 0);
    await file.sync();
    expect(states(disk, "P2", "/folder/new")).toEqual(["1", "none"]);
    await disk.syncDirectory("/folder");
    expect(states(disk, "P2", "/folder/new")).toEqual(["1"]);
  });

  test("means the old file or the new one after a rename, which is one change", async () => {
    const { disk, file } = await diskWithFile();
    await writeFully(file, filled(512, 1), 0);
    await file.sync();
    const next = await disk.create("/folder/next");
    await writeFully(next, filled(512, 2), 0);
    await next.sync();
    await disk.syncDirectory("/folder");
    await disk.rename("/folder/next", FILE);
    const seen = [...disk.crashStates("P2")].map(({ disk: left }) => left.paths());
    expect(seen).toEqual([[FILE, "/folder/next"], [FILE]]);
    expect(states(disk, "P2")).toEqual(["1", "2"]);
  });

  test("of an unlinked file may come back, and an open one stays readable", async () => {
    const { disk, file } = await diskWithFile();
    await writeFully(file, filled(512, 1), 0);
    await file.sync();
    await disk.unlink(FILE);
    expect(file.readSync(new Uint8Array(1), 0)).toBe(1);
    expect(states(disk, "P2")).toEqual(["1", "none"]);
  });
});

describe("a sync that fails", () => {
  async function failing(manner: "keeps" | "late" | "reverts" | "lies") {
    const { disk, file } = await diskWithFile();
    await writeFully(file, filled(512, 1), 0);
    await file.sync();
    await file.write(filled(512, 2), 0);
    disk.fail({ call: "datasync", times: 1, manner });
    return { disk, file };
  }

  test("keeps the bytes in memory, and the next one succeeds without writing them", async () => {
    const { disk, file } = await failing("keeps");
    await expect(file.datasync()).rejects.toMatchObject({ code: "EIO", call: "datasync" });
    await file.datasync();
    expect(disk.bytesOf(FILE)[0]).toBe(2);
    expect(states(disk, "P4")).toEqual(["1", "2"]);
  });

  test("writes them once they are written again", async () => {
    const { disk, file } = await failing("keeps");
    await expect(file.datasync()).rejects.toBeInstanceOf(FileSystemError);
    await file.write(filled(512, 2), 0);
    await file.datasync();
    expect(states(disk, "P4")).toEqual(["2"]);
  });

  test("tells of it one sync late", async () => {
    const { disk, file } = await failing("late");
    await file.datasync();
    expect(states(disk, "P4")).toEqual(["1", "2"]);
    await expect(file.datasync()).rejects.toMatchObject({ code: "EIO" });
  });

  test("falls back to what the disk has", async () => {
    const { disk, file } = await failing("reverts");
    await expect(file.datasync()).rejects.toMatchObject({ code: "EIO" });
    expect(disk.bytesOf(FILE)[0]).toBe(1);
  });

  test("lies, and says nothing", async () => {
    const { disk, file } = await failing("lies");
    await file.datasync();
    expect(states(disk, "P3")).toEqual(["1", "2"]);
  });
});

describe("calls that fail", () => {
  test("fail at their turn and so often", async () => {
    const { disk } = await diskWithFile();
    const fault = disk.fail({ call: "create", after: 1, times: 1, code: "EMFILE" });
    await disk.create("/folder/a");
    await expect(disk.create("/folder/b")).rejects.toMatchObject({ code: "EMFILE" });
    await disk.create("/folder/b");
    expect(fault.hits).toBe(1);
  });

  test("of a write leave half, or say that it was short", async () => {
    const { disk, file } = await diskWithFile();
    disk.fail({ call: "write", times: 1, manner: "half" });
    await expect(file.write(filled(100, 1), 0)).rejects.toMatchObject({ code: "EIO" });
    expect(disk.bytesOf(FILE).length).toBe(50);
    disk.fail({ call: "write", times: 1, manner: "short" });
    expect(await file.write(filled(100, 1), 0)).toBe(50);
  });

  test("come when the disk is full, and go when there is room", async () => {
    const { disk, file } = await diskWithFile();
    disk.capacityBytes = 4096;
    await writeFully(file, filled(4096, 1), 0);
    await expect(file.write(filled(512, 1), 4096)).rejects.toMatchObject({ code: "ENOSPC" });
    await file.write(filled(512, 2), 0);
    disk.capacityBytes = 8192;
    expect(await file.write(filled(512, 1), 4096)).toBe(512);
  });
});

describe("damage", () => {
  test("flips, swaps, zeroes, and makes unreadable what was durable", async () => {
    const { disk, file } = await diskWithFile();
    await writeFully(file, filled(1024, 1), 0);
    await file.sync();
    await writeFully(file, filled(512, 2), 512);
    await file.sync();
    const after = (what: Parameters<SimulatedDisk["damage"]>[0]) => {
      const copy = disk.fork();
      copy.damage(what);
      return copy.bytesOf(FILE);
    };
    expect(after({ kind: "flip", path: FILE, position: 3, bit: 1 })[3]).toBe(3);
    expect(after({ kind: "stale", path: FILE, sector: 1 })[512]).toBe(1);
    expect(after({ kind: "zeroed", path: FILE, sector: 1 })[512]).toBe(0);
    expect(after({ kind: "misdirected", path: FILE, sector: 1, onto: 0 })[0]).toBe(2);
    disk.damage({ kind: "unreadable", path: FILE, sector: 1 });
    expect(file.readSync(new Uint8Array(512), 0)).toBe(512);
    expect(() => file.readSync(new Uint8Array(513), 0)).toThrow("EIO");
  });
});

describe("processes", () => {
  test("share files, and a lock is one process's until it is killed", async () => {
    const { disk, file } = await diskWithFile();
    const other = disk.startProcess();
    const theirs = await other.open(FILE, "write");
    expect(file.tryLock()).toBe("locked");
    expect(theirs.tryLock()).toBe("busy");
    await file.write(filled(4, 5), 0);
    expect(theirs.sizeSync()).toBe(4);
    expect(other.processExists(disk.identity().pid)).toBe(true);
    disk.kill();
    expect(other.processExists(disk.identity().pid)).toBe(false);
    expect(theirs.tryLock()).toBe("locked");
    await expect(file.write(filled(4, 6), 0)).rejects.toMatchObject({ code: "EKILLED" });
    expect(other.bytesOf(FILE)[0]).toBe(5);
  });

  test("know after a power cut that the machine was started again", async () => {
    const { disk } = await diskWithFile();
    const boot = disk.identity().bootId;
    expect(disk.crash({ profile: "P0" }).identity().bootId).toBe(boot);
    expect(disk.crash({ profile: "P3" }).identity().bootId).not.toBe(boot);
  });
});

describe("crash states", () => {
  async function busyDisk(): Promise<SimulatedDisk> {
    const { disk, file } = await diskWithFile();
    for (let at = 0; at < 30; at++) await file.write(filled(700, at + 1), at * 700);
    await disk.rename(FILE, "/folder/renamed");
    return disk;
  }

  test.each(["P0", "P1", "P2", "P3", "P4", "P5"] as const)(
    "of %s are had again by their choice",
    async (profile) => {
      const disk = await busyDisk();
      let count = 0;
      for (const { choice, digest } of disk.crashStates(profile, { budget: 200, seed: 3 })) {
        expect(disk.crash({ profile, choice }).digest).toBe(digest);
        count += 1;
      }
      expect(count).toBeGreaterThan(0);
    },
  );

  test("are the same for the same seed", async () => {
    const disk = await busyDisk();
    const choices = (seed: number) =>
      [...disk.crashStates("P3", { budget: 50, seed })].map(({ choice }) => choice);
    expect(choices(1)).toEqual(choices(1));
    expect(choices(1)).not.toEqual(choices(2));
    expect(disk.crash({ profile: "P3", seed: 5 }).digest).toBe(
      disk.crash({ profile: "P3", seed: 5 }).digest,
    );
  });

  test("have none of what was on its way and all of it among those chosen of many", async () => {
    const disk = await busyDisk();
    const chosen = [...disk.crashStates("P3", { limit: 100, samples: 10 })];
    const digests = chosen.map(({ digest }) => digest);
    expect(digests[0]).toBe(disk.crash({ profile: "P1", choice: "0" }).digest);
    expect(digests[1]).toBe(disk.digest);
    expect(new Set(digests).size).toBe(digests.length);
    expect(digests.length).toBeGreaterThan(500);
  });

  test.each(["P1", "P2", "P3", "P4"] as const)(
    "of %s have none and all of it among two of those that are numbered in full",
    async (profile) => {
      const { disk } = await diskWithFile();
      for (const name of ["a", "b", "c", "d"]) await (await disk.create(`/folder/${name}`)).close();
      const synced = disk.crash({ profile: "P1", choice: "0" }).digest;
      const two = [...disk.crashStates(profile, { budget: 2, seed: 3 })];
      expect(two.map(({ digest }) => digest)).toEqual([synced, disk.digest]);
      const all = [...disk.crashStates(profile)].map(({ digest }) => digest);
      expect(all.length).toBe(profile === "P1" ? 5 : 16);
    },
  );

  test("leave the disk as it was", async () => {
    const disk = await busyDisk();
    const { digest } = disk;
    for (const state of disk.crashStates("P3", { budget: 20 })) {
      const file = await state.disk.create("/folder/other").catch(() => undefined);
      await file?.write(filled(10, 1), 0);
    }
    expect(disk.digest).toBe(digest);
  });
});

test("the order of calls under way follows from the seed", async () => {
  const order = async (orderSeed: number) => {
    const disk = new SimulatedDisk({ orderSeed });
    await disk.makeDirectory("/folder");
    const done: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        await disk.create(`/folder/${at}`);
        done.push(at);
      }),
    );
    return done;
  };
  expect(await order(1)).toEqual(await order(1));
  expect(await order(1)).not.toEqual(await order(2));
});

test("an empty directory is another state than none", async () => {
  const disk = new SimulatedDisk();
  const digests: string[] = [];
  disk.watch({
    before: ({ call }) => {
      if (call !== "syncDirectory") return;
      for (const { digest } of disk.crashStates("P2")) digests.push(digest);
    },
  });
  await disk.makeDirectory("/made");
  expect(new Set(digests).size).toBe(2);
});
