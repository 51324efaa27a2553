// The writer's lock on Node's file system, in both ways: by the kernel, and by its text alone.

import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FileSystem } from "../../dist/file-system.js";
import { FileSystemError } from "../../dist/file-system.js";
import { acquireLock, describeHolder } from "../../dist/lock.js";
import { holderText } from "../../dist/lock-text.js";
import { LOCK_CLAIM } from "../../dist/names.js";
import { nodeFileSystem } from "../../dist/node/node-file-system.js";
import type { Way } from "./openers.js";
import { acquireInWorker, holderProcess, OpenerProcess } from "./openers.js";
import { temporaryDirectory, unwritableDirectory } from "./temporary.js";
import { withoutKernelLock } from "./without-kernel-lock.mjs";

const HERE = nodeFileSystem.identity();
const SINCE = "2020-02-02T02:02:02.000Z";
const WAYS: { way: Way; fileSystem: FileSystem }[] = [
  { way: "kernel", fileSystem: nodeFileSystem },
  { way: "text", fileSystem: withoutKernelLock(nodeFileSystem) },
];

function lockFile(directory: string): string {
  return join(directory, "LOCK");
}

function textOf(changes: Partial<Parameters<typeof holderText>[0]>): string {
  return holderText({ ...HERE, lock: "text", since: SINCE, ...changes });
}

/** A pid that no process has: of one that has ended. */
async function deadPid(): Promise<number> {
  const opener = await new OpenerProcess(temporaryDirectory(), "text").ready();
  await opener.kill();
  return opener.pid;
}

for (const { way, fileSystem } of WAYS) {
  const acquire = (directory: string) => acquireLock(fileSystem, directory, Date.now);

  describe(`lock by ${way}`, () => {
    test("is free again after its release, and leaves a blank file that is ours alone", async () => {
      const directory = temporaryDirectory();
      const first = await acquire(directory);
      expect(first.takenOver).toBeUndefined();
      await first.release();
      expect(readdirSync(directory)).toEqual(["LOCK"]);
      expect(readFileSync(lockFile(directory), "utf8").trim()).toBe("");
      expect(statSync(lockFile(directory)).mode & 0o777).toBe(0o600);
      const second = await acquire(directory);
      expect(second.takenOver).toBeUndefined();
      await second.release();
    });

    test("its text names the holder in one line", async () => {
      const directory = temporaryDirectory();
      const lock = await acquireLock(fileSystem, directory, () => Date.parse(SINCE));
      const text = readFileSync(lockFile(directory), "utf8");
      expect(JSON.parse(text)).toEqual({ ...HERE, lock: way, since: SINCE });
      expect(text.indexOf("\n")).toBe(text.length - 1);
      await lock.release();
    });

    test("fault 51: a second opener in the same process is refused", async () => {
      const directory = temporaryDirectory();
      const lock = await acquireLock(fileSystem, directory, () => Date.parse(SINCE));
      await expect(acquire(directory)).rejects.toMatchObject({
        code: "LOG_LOCKED",
        file: lockFile(directory),
        message: expect.stringContaining(
          `process ${process.pid} (this process) on ${HERE.host} since ${SINCE}`,
        ),
      });
      await lock.release();
      await (await acquire(directory)).release();
    });

    test("fault 51: of two openers of the same process at the same time one wins", async () => {
      const directory = temporaryDirectory();
      const outcomes = await Promise.allSettled([acquire(directory), acquire(directory)]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason.code).toBe("LOG_LOCKED");
        else await outcome.value.release();
      }
    });

    test("fault 51: a second opener in a worker thread is refused, and the other way round", async () => {
      const directory = temporaryDirectory();
      const lock = await acquire(directory);
      expect(await acquireInWorker(directory, way)).toMatch(/^LOG_LOCKED .*\(this process\)/);
      await lock.release();
      expect(await acquireInWorker(directory, way)).toBe("held");
      await expect(acquire(directory)).rejects.toMatchObject({ code: "LOG_LOCKED" });
    });

    test("fault 51: a second opener in another process is refused until the holder releases", async () => {
      const directory = temporaryDirectory();
      const holder = await holderProcess(directory, way);
      await expect(acquire(directory)).rejects.toMatchObject({
        code: "LOG_LOCKED",
        message: expect.stringContaining(`process ${holder.pid} on ${HERE.host} since `),
      });
      await holder.release();
      const lock = await acquire(directory);
      expect(lock.takenOver).toBeUndefined();
      await lock.release();
    });

    test("fault 52: the holder is killed, and the next opener succeeds at once and says whose lock it took", async () => {
      const directory = temporaryDirectory();
      const holder = await holderProcess(directory, way);
      await holder.kill();
      const lock = await acquire(directory);
      expect(JSON.parse(lock.takenOver ?? "")).toMatchObject({ pid: holder.pid, lock: way });
      expect(JSON.parse(readFileSync(lockFile(directory), "utf8")).pid).toBe(process.pid);
      await lock.release();
    });

    test("fault 53: fifty processes open at the same moment, one wins", async () => {
      const directory = temporaryDirectory();
      expect(await winnersAmong(50, directory, way)).toBe(1);
    });

    test("fault 53: twelve processes take over from a dead holder at the same moment, one wins", async () => {
      const directory = temporaryDirectory();
      await (await holderProcess(directory, way)).kill();
      expect(await winnersAmong(12, directory, way)).toBe(1);
    });

    test("a longer text of a dead holder is replaced whole", async () => {
      const directory = temporaryDirectory();
      writeFileSync(
        lockFile(directory),
        textOf({ pid: await deadPid(), since: SINCE.padEnd(300, "0") }),
      );
      const lock = await acquire(directory);
      expect(JSON.parse(readFileSync(lockFile(directory), "utf8")).pid).toBe(process.pid);
      await lock.release();
    });

    test("fault 60: a symbolic link in the lock's place is refused", async () => {
      const directory = temporaryDirectory();
      const target = join(directory, "elsewhere");
      symlinkSync(target, lockFile(directory));
      await expect(acquire(directory)).rejects.toMatchObject({
        code: "LOG_IO",
        cause: { code: "ENOTREG" },
      });
      expect(() => statSync(target)).toThrow("ENOENT");
    });

    test("fault 61: a directory in the lock's place is refused", async () => {
      const directory = temporaryDirectory();
      mkdirSync(lockFile(directory));
      await expect(acquire(directory)).rejects.toMatchObject({ code: "LOG_IO" });
    });

    test("a directory that may not be written is an I/O error that changes nothing", async (context) => {
      const directory = unwritableDirectory();
      if (directory === undefined)
        return context.skip("no read-only mount is to be had, and root may write");
      await expect(acquire(directory)).rejects.toMatchObject({
        code: "LOG_IO",
        cause: { code: expect.stringMatching(/^(EROFS|EACCES)$/) },
      });
      expect(readdirSync(directory)).toEqual([]);
    });
  });
}

/** Starts so many processes, lets them loose together, and counts those that hold the lock. */
async function winnersAmong(count: number, directory: string, way: Way): Promise<number> {
  const openers = Array.from({ length: count }, () => new OpenerProcess(directory, way));
  await Promise.all(openers.map((opener) => opener.ready()));
  const outcomes = await Promise.all(openers.map((opener) => opener.acquire()));
  const refused = outcomes.filter((outcome) => outcome.startsWith("LOG_LOCKED "));
  const winners = outcomes.filter((outcome) => outcome === "held");
  expect(refused.length + winners.length, outcomes.join("\n")).toBe(count);
  return winners.length;
}

describe("lock by kernel, what the text adds", () => {
  test("a damaged text is overwritten and reported", async () => {
    const directory = temporaryDirectory();
    writeFileSync(lockFile(directory), Buffer.from([0x7b, 0xff, 0x00, 0x1b, 0x5b, 0x41, 0x0a]));
    const lock = await acquireLock(nodeFileSystem, directory, Date.now);
    expect(lock.takenOver).toBe("{???[A");
    await lock.release();
  });

  test("a text of the size of a disk is not read whole", async () => {
    const directory = temporaryDirectory();
    writeFileSync(lockFile(directory), "x".repeat(100_000));
    const lock = await acquireLock(nodeFileSystem, directory, Date.now);
    expect(lock.takenOver).toHaveLength(400);
    expect(statSync(lockFile(directory)).size).toBeLessThan(1000);
    await lock.release();
  });

  test("a live holder without a kernel lock is respected", async () => {
    const directory = temporaryDirectory();
    const holder = await holderProcess(directory, "text");
    await expect(acquireLock(nodeFileSystem, directory, Date.now)).rejects.toMatchObject({
      code: "LOG_LOCKED",
      message: expect.stringContaining(`process ${holder.pid} `),
    });
    await holder.kill();
    const lock = await acquireLock(nodeFileSystem, directory, Date.now);
    expect(lock.takenOver).toContain(`"pid":${holder.pid}`);
    await lock.release();
  });

  test("a holder whose text is not there yet, or names a dead one, is respected", async () => {
    const directory = temporaryDirectory();
    const lock = await acquireLock(nodeFileSystem, directory, Date.now);
    for (const text of ["", textOf({ pid: await deadPid(), lock: "kernel" })]) {
      writeFileSync(lockFile(directory), text);
      await expect(acquireLock(nodeFileSystem, directory, Date.now)).rejects.toMatchObject({
        code: "LOG_LOCKED",
      });
      expect(readFileSync(lockFile(directory), "utf8")).toBe(text);
    }
    await lock.release();
  });

  test("a pid that came to life again does not keep the lock of a dead holder", async () => {
    const directory = temporaryDirectory();
    writeFileSync(lockFile(directory), textOf({ pid: process.pid, lock: "kernel" }));
    const lock = await acquireLock(nodeFileSystem, directory, Date.now);
    expect(lock.takenOver).toContain(SINCE);
    await lock.release();
  });

  test("a full disk keeps nobody from the lock, and leaves no name of somebody else", async () => {
    const directory = temporaryDirectory();
    writeFileSync(lockFile(directory), textOf({ pid: await deadPid() }));
    const full: FileSystem = {
      ...nodeFileSystem,
      open: async (path, access) => {
        const file = await nodeFileSystem.open(path, access);
        file.write = () => Promise.reject(new FileSystemError("write", path, "ENOSPC"));
        return file;
      },
    };
    const lock = await acquireLock(full, directory, Date.now);
    expect(statSync(lockFile(directory)).size).toBe(0);
    await expect(acquireLock(nodeFileSystem, directory, Date.now)).rejects.toThrow(
      "a holder that has not named itself yet",
    );
    await lock.release();
  });
});

describe("lock by text, judged", () => {
  const fileSystem = withoutKernelLock(nodeFileSystem);
  const acquire = (directory: string) => acquireLock(fileSystem, directory, Date.now);

  async function outcomeOf(text: string): Promise<string> {
    const directory = temporaryDirectory();
    writeFileSync(lockFile(directory), text);
    try {
      await (await acquire(directory)).release();
      return "taken";
    } catch (error) {
      expect(readFileSync(lockFile(directory), "utf8")).toBe(text);
      expect(readdirSync(directory)).toEqual(["LOCK"]);
      return String(error);
    }
  }

  const refused = /LogError: the log is locked by/;
  const doubtful = /empty this file and open again/;

  test("a process that exists holds it", async () => {
    expect(await outcomeOf(textOf({ pid: process.ppid }))).toMatch(refused);
  });

  test("a holder by the kernel is respected while its process exists", async () => {
    const directory = temporaryDirectory();
    const holder = await holderProcess(directory, "kernel");
    await expect(acquire(directory)).rejects.toMatchObject({ code: "LOG_LOCKED" });
    await holder.kill();
    await (await acquire(directory)).release();
  });

  test("an earlier start of this machine has no processes any more", async () => {
    expect(await outcomeOf(textOf({ pid: process.pid, bootId: "earlier" }))).toBe("taken");
  });

  test("a process that does not exist here may exist in another pid namespace", async () => {
    const pid = await deadPid();
    expect(await outcomeOf(textOf({ pid, pidNamespace: "pid:[1]" }))).toMatch(doubtful);
    expect(await outcomeOf(textOf({ pid, pidNamespace: undefined }))).toMatch(doubtful);
    expect(await outcomeOf(textOf({ pid }))).toBe("taken");
  });

  test("another machine's processes cannot be seen from here", async () => {
    const pid = await deadPid();
    expect(await outcomeOf(textOf({ pid, host: "elsewhere" }))).toMatch(doubtful);
    expect(await outcomeOf(textOf({ pid, host: "elsewhere", bootId: "b" }))).toMatch(doubtful);
    expect(await outcomeOf(textOf({ pid, bootId: undefined }))).toMatch(doubtful);
  });

  test("a text that names nobody is in doubt, and is quoted without control characters", async () => {
    for (const text of ["{", "null", "[]", "{}", "\0\0\0", textOf({ pid: -1 }), "\x1b[31mred"]) {
      const outcome = await outcomeOf(text);
      expect(outcome).toMatch(doubtful);
      expect([...outcome].every((character) => character >= " ")).toBe(true);
    }
  });

  test("an opener killed in the moment of taking it leaves a claim that is refused by name", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, LOCK_CLAIM), "");
    await expect(acquire(directory)).rejects.toMatchObject({
      code: "LOG_LOCKED",
      file: join(directory, LOCK_CLAIM),
      message: expect.stringContaining("delete this file and open again"),
    });
  });
});

describe("describeHolder", () => {
  test("nobody holds a directory without a lock, or with an empty one", async () => {
    const directory = temporaryDirectory();
    expect(describeHolder(nodeFileSystem, directory)).toBeUndefined();
    await (await acquireLock(nodeFileSystem, directory, Date.now)).release();
    expect(describeHolder(nodeFileSystem, directory)).toBeUndefined();
  });

  test("tells a live holder from a dead one, without taking the lock", async () => {
    const directory = temporaryDirectory();
    const holder = await holderProcess(directory, "kernel");
    expect(describeHolder(nodeFileSystem, directory)).toMatchObject({ alive: true });
    await holder.kill();
    const described = describeHolder(nodeFileSystem, directory);
    expect(described).toMatchObject({ alive: false });
    expect(described?.text).toContain(`"pid":${holder.pid}`);
  });

  test("is alive in doubt", () => {
    const directory = temporaryDirectory();
    for (const text of ["garbage", textOf({ host: "elsewhere", pid: 1 })]) {
      writeFileSync(lockFile(directory), text);
      expect(describeHolder(nodeFileSystem, directory)).toMatchObject({ alive: true });
    }
  });

  test("fault 60: does not follow a symbolic link", () => {
    const directory = temporaryDirectory();
    symlinkSync("/etc/hostname", lockFile(directory));
    expect(() => describeHolder(nodeFileSystem, directory)).toThrow(
      expect.objectContaining({ code: "LOG_IO" }),
    );
  });
});
