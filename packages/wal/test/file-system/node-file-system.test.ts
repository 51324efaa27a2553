// What Node's file system promises to those who stand on the seam.

import { execFileSync } from "node:child_process";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { File } from "../../dist/file-system.js";
import { FileSystemError, writeFully, writeFullySync } from "../../dist/file-system.js";
import { nodeFileSystem } from "../../dist/node/node-file-system.js";
import { smallDisk, temporaryDirectory } from "./temporary.js";

const bytes = (...values: number[]) => Uint8Array.from(values);

function refusal(call: string, code: string, path: string): object {
  return expect.objectContaining({ name: "FileSystemError", call, code, path });
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

function withUmask(mask: number): void {
  const before = process.umask(mask);
  onTestFinished(() => {
    process.umask(before);
  });
}

async function newFile(content: Uint8Array = bytes()): Promise<File> {
  const file = await nodeFileSystem.create(join(temporaryDirectory(), "file"));
  writeFullySync(file, content, 0);
  return file;
}

/** Opens in all three ways; each must refuse what is no regular file, and at once. */
async function expectRefused(path: string): Promise<void> {
  const notRegular = refusal("open", "ENOTREG", path);
  await expect(nodeFileSystem.open(path, "read")).rejects.toEqual(notRegular);
  await expect(nodeFileSystem.open(path, "write")).rejects.toEqual(notRegular);
  expect(thrownBy(() => nodeFileSystem.openSync(path))).toEqual(notRegular);
  expect(thrownBy(() => nodeFileSystem.sizeSync(path))).toEqual(refusal("stat", "ENOTREG", path));
  await expect(nodeFileSystem.create(path)).rejects.toEqual(refusal("create", "EEXIST", path));
}

describe("opening", () => {
  test("fault 60: a symbolic link is refused, whether or not it leads anywhere", async () => {
    const directory = temporaryDirectory();
    const target = join(directory, "target");
    const link = join(directory, "link");
    symlinkSync(target, link);
    await expectRefused(link);
    expect(() => lstatSync(target)).toThrow("ENOENT");
    writeFileSync(target, "content");
    await expectRefused(link);
    expect(readFileSync(target, "utf8")).toBe("content");
  });

  test("fault 61: a FIFO is refused and blocks nobody", async (context) => {
    if (process.platform === "win32") context.skip("no FIFOs on Windows");
    const path = join(temporaryDirectory(), "fifo");
    execFileSync("mkfifo", [path]);
    await expectRefused(path);
  });

  test("fault 61: a device is refused", async (context) => {
    if (process.platform === "win32") context.skip("no device files on Windows");
    await expectRefused("/dev/null");
    await expectRefused("/dev/zero");
  });

  test("fault 61: a socket is refused", async (context) => {
    if (process.platform === "win32") context.skip("no socket files on Windows");
    const path = join(temporaryDirectory(), "socket");
    const server = createServer().listen(path);
    onTestFinished(() => {
      server.close();
    });
    await new Promise((resolve) => server.once("listening", resolve));
    await expectRefused(path);
  });

  test("a directory is refused", async () => {
    await expectRefused(temporaryDirectory());
  });

  test("what does not exist is ENOENT, with the system's error as its cause", async () => {
    const path = join(temporaryDirectory(), "missing");
    await expect(nodeFileSystem.open(path, "read")).rejects.toMatchObject({
      call: "open",
      code: "ENOENT",
      path,
      cause: { syscall: "open", code: "ENOENT" },
    });
    expect(thrownBy(() => nodeFileSystem.openSync(path))).toEqual(refusal("open", "ENOENT", path));
  });

  test("a path with a NUL is refused like any other failure", async () => {
    await expect(nodeFileSystem.open("a\0b", "read")).rejects.toBeInstanceOf(FileSystemError);
    expect(thrownBy(() => nodeFileSystem.openSync("a\0b"))).toBeInstanceOf(FileSystemError);
  });

  test("a refused opening keeps no descriptor", async (context) => {
    if (process.platform !== "linux") context.skip("counts descriptors in /proc");
    const directory = temporaryDirectory();
    const before = readdirSync("/proc/self/fd").length;
    for (let round = 0; round < 20; round += 1) {
      await expect(nodeFileSystem.open(directory, "read")).rejects.toThrow("ENOTREG");
      expect(() => nodeFileSystem.openSync(directory)).toThrow("ENOTREG");
    }
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 1);
  });

  test("a file opened for reading cannot be written", async () => {
    const { path } = await newFile(bytes(1));
    const file = await nodeFileSystem.open(path, "read");
    await expect(file.write(bytes(2), 0)).rejects.toEqual(refusal("write", "EBADF", path));
    await file.close();
  });
});

describe("creating", () => {
  test("fault 62: files are 0600 and directories 0700 under any umask", async (context) => {
    if (process.platform === "win32") context.skip("no modes on Windows");
    withUmask(0);
    const directory = join(temporaryDirectory(), "a", "b");
    await nodeFileSystem.makeDirectory(directory);
    const file = await nodeFileSystem.create(join(directory, "file"));
    await file.close();
    expect(statSync(join(directory, "..")).mode & 0o7777).toBe(0o700);
    expect(statSync(directory).mode & 0o7777).toBe(0o700);
    expect(statSync(file.path).mode & 0o7777).toBe(0o600);
  });

  test("never opens what is there", async () => {
    const { path } = await newFile(bytes(1, 2, 3));
    await expect(nodeFileSystem.create(path)).rejects.toEqual(refusal("create", "EEXIST", path));
    expect(nodeFileSystem.sizeSync(path)).toBe(3);
  });

  test("of many at the same time one creates", async () => {
    const path = join(temporaryDirectory(), "file");
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => nodeFileSystem.create(path)),
    );
    const created = outcomes.filter(({ status }) => status === "fulfilled");
    expect(created).toHaveLength(1);
  });

  test("a directory that exists is EEXIST, and a file among the parents is an error", async () => {
    const directory = temporaryDirectory();
    await expect(nodeFileSystem.makeDirectory(directory)).rejects.toEqual(
      refusal("mkdir", "EEXIST", directory),
    );
    writeFileSync(join(directory, "file"), "");
    await expect(nodeFileSystem.makeDirectory(join(directory, "file", "x"))).rejects.toMatchObject({
      code: "ENOTDIR",
    });
  });

  test("two makers of directories with the same parents both succeed", async () => {
    const directory = temporaryDirectory();
    await Promise.all([
      nodeFileSystem.makeDirectory(join(directory, "p", "q", "one")),
      nodeFileSystem.makeDirectory(join(directory, "p", "q", "two")),
    ]);
    expect(readdirSync(join(directory, "p", "q")).sort()).toEqual(["one", "two"]);
  });
});

describe("directories", () => {
  test("entries come with their kinds, links as other", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "file"), "");
    mkdirSync(join(directory, "directory"));
    symlinkSync("file", join(directory, "link"));
    const expected = [
      { name: "directory", kind: "directory" },
      { name: "file", kind: "file" },
      { name: "link", kind: "other" },
    ];
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
    expect((await nodeFileSystem.list(directory)).sort(byName)).toEqual(expected);
    expect(nodeFileSystem.listSync(directory).sort(byName)).toEqual(expected);
  });

  test("listing, syncing and removing a missing one fail by name", async () => {
    const path = join(temporaryDirectory(), "missing");
    await expect(nodeFileSystem.list(path)).rejects.toEqual(refusal("list", "ENOENT", path));
    expect(thrownBy(() => nodeFileSystem.listSync(path))).toEqual(refusal("list", "ENOENT", path));
    await expect(nodeFileSystem.syncDirectory(path)).rejects.toEqual(
      refusal("syncDirectory", "ENOENT", path),
    );
    await expect(nodeFileSystem.removeDirectory(path)).rejects.toEqual(
      refusal("rmdir", "ENOENT", path),
    );
    await expect(nodeFileSystem.unlink(path)).rejects.toEqual(refusal("unlink", "ENOENT", path));
    await expect(nodeFileSystem.rename(path, `${path}2`)).rejects.toEqual(
      refusal("rename", "ENOENT", `${path}2`),
    );
  });

  test("a rename replaces, an unlink leaves open files readable, a sync succeeds", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "old"), "old");
    writeFileSync(join(directory, "new"), "new");
    const old = nodeFileSystem.openSync(join(directory, "old"));
    await nodeFileSystem.rename(join(directory, "new"), join(directory, "old"));
    await nodeFileSystem.syncDirectory(directory);
    expect(readFileSync(join(directory, "old"), "utf8")).toBe("new");
    await nodeFileSystem.unlink(join(directory, "old"));
    const content = new Uint8Array(3);
    expect(old.readSync(content, 0)).toBe(3);
    expect(new TextDecoder().decode(content)).toBe("old");
    old.closeSync();
    await nodeFileSystem.removeDirectory(directory);
    expect(() => lstatSync(directory)).toThrow("ENOENT");
  });
});

describe("an open file", () => {
  test("reads what was written, fewer bytes only at its end", async () => {
    const file = await newFile();
    await writeFully(file, bytes(1, 2, 3, 4), 2);
    file.writeSync(bytes(9), 0);
    const into = new Uint8Array(10);
    expect(file.readSync(into, 0)).toBe(6);
    expect(into).toEqual(bytes(9, 0, 1, 2, 3, 4, 0, 0, 0, 0));
    expect(file.readSync(into.subarray(0, 2), 3)).toBe(2);
    expect(into.subarray(0, 2)).toEqual(bytes(2, 3));
    expect(file.readSync(into, 6)).toBe(0);
    expect(file.readSync(into, 2 ** 40)).toBe(0);
    await file.close();
  });

  test("positions beyond 4 GiB are places in the file, and truncation adds zeros", async () => {
    const file = await newFile(bytes(1));
    const far = 5 * 2 ** 30 + 7;
    await file.truncate(far);
    await writeFully(file, bytes(42), far);
    expect(file.sizeSync()).toBe(far + 1);
    const into = new Uint8Array(2).fill(9);
    expect(file.readSync(into, far - 1)).toBe(2);
    expect(into).toEqual(bytes(0, 42));
    await file.truncate(1);
    await file.datasync();
    await file.sync();
    expect(nodeFileSystem.sizeSync(file.path)).toBe(1);
    await file.close();
  });

  test("fault 42: a short write is told by its length, and looping ends with the real error", async (context) => {
    const disk = smallDisk(64 * 1024);
    if (disk === undefined) return context.skip("no small file system can be mounted here");
    const file = await nodeFileSystem.create(join(disk, "file"));
    const written = await file.write(new Uint8Array(100_000).fill(7), 0);
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(100_000);
    expect(file.sizeSync()).toBe(written);
    await expect(writeFully(file, new Uint8Array(100_000), 0)).rejects.toEqual(
      refusal("write", "ENOSPC", file.path),
    );
    expect(thrownBy(() => writeFullySync(file, new Uint8Array(100_000), 0))).toEqual(
      refusal("write", "ENOSPC", file.path),
    );
    await file.truncate(0);
    await writeFully(file, new Uint8Array(1000), 0);
    await file.close();
  });

  test("once closed, nothing reaches the descriptor that may be another file's now", async () => {
    const file = await newFile(bytes(1));
    const { path } = file;
    await file.close();
    const other = await newFile(bytes(5));
    await expect(file.write(bytes(2), 0)).rejects.toEqual(refusal("write", "EBADF", path));
    await expect(file.datasync()).rejects.toEqual(refusal("datasync", "EBADF", path));
    await expect(file.close()).rejects.toEqual(refusal("close", "EBADF", path));
    for (const [call, run] of [
      ["write", () => file.writeSync(bytes(2), 0)],
      ["read", () => file.readSync(bytes(0), 0)],
      ["stat", () => file.sizeSync()],
      ["lock", () => file.tryLock()],
      ["read", () => file.map()],
      ["close", () => file.closeSync()],
    ] as const) {
      expect(thrownBy(run)).toEqual(refusal(call, "EBADF", path));
    }
    expect(other.map().bytes).toEqual(bytes(5));
    await other.close();
  });

  test("closing waits for the calls under way", async () => {
    const file = await newFile();
    const content = new Uint8Array(8 * 2 ** 20).fill(3);
    const order: string[] = [];
    const calls = [
      file.write(content, 0).then((length) => order.push(`wrote ${length}`)),
      file.datasync().then(() => order.push("synced")),
    ];
    expect(() => file.closeSync()).toThrow("while a call on it is under way");
    await file.close().then(() => order.push("closed"));
    await Promise.all(calls);
    expect(order).toHaveLength(3);
    expect(order.at(-1)).toBe("closed");
    expect(nodeFileSystem.sizeSync(file.path)).toBe(content.length);
  });

  test("the kernel's lock is for one open file at a time, in one process too", async () => {
    const first = await newFile();
    expect(first.tryLock()).toBe("locked");
    const second = await nodeFileSystem.open(first.path, "write");
    expect(second.tryLock()).toBe("busy");
    // Closing some other descriptor of the file would drop a POSIX lock.
    linkSync(first.path, `${first.path}2`);
    nodeFileSystem.openSync(`${first.path}2`).closeSync();
    expect(second.tryLock()).toBe("busy");
    await first.close();
    expect(second.tryLock()).toBe("locked");
    await second.close();
  });

  test("a file that shrinks while it is read ends where it ends", async () => {
    const file = await newFile(new Uint8Array(100).fill(1));
    truncateSync(file.path, 10);
    expect(file.readSync(new Uint8Array(100), 0)).toBe(10);
    await file.close();
  });
});

describe("identity", () => {
  test("names this process, and is the same at each call", () => {
    const identity = nodeFileSystem.identity();
    expect(identity.pid).toBe(process.pid);
    expect(identity.host.length).toBeGreaterThan(0);
    expect(nodeFileSystem.identity()).toEqual(identity);
  });

  test("knows on Linux which start of the machine and which pid namespace it is in", (context) => {
    if (process.platform !== "linux") context.skip("Linux alone tells");
    const { bootId, pidNamespace } = nodeFileSystem.identity();
    expect(bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(pidNamespace).toMatch(/^pid:\[\d+\]$/);
  });

  test("a process exists, whoever's it is, until it has ended", () => {
    expect(nodeFileSystem.processExists(process.pid)).toBe(true);
    expect(nodeFileSystem.processExists(1)).toBe(true);
    const ended = Number(
      execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }),
    );
    expect(nodeFileSystem.processExists(ended)).toBe(false);
  });
});
