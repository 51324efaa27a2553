// Bytes, names and kinds of files that someone made to do harm, and formats that are not known here.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Log } from "@tidemark/wal";
import { describe, expect, onTestFinished, test } from "vitest";
import { BatchIndex } from "../../src/batch-index.js";
import { crc32 } from "../../src/checksum.js";
import { writeU16, writeU32 } from "../../src/fields.js";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendEach,
  closedLog,
  copyOf,
  expectNumbered,
  expectRefused,
  filesIn,
  killedLog,
  openLog,
  openReader,
  payloadOf,
  refusal,
  temporaryDirectory,
} from "./fixture.js";
import {
  batchBytes,
  batchesOf,
  bytesOf,
  endOfBatches,
  headerOf,
  manifestOf,
  patch,
  pick,
} from "./store-bytes.js";

const STORE = "00000001.log";

/** Changes a batch's header in place and makes its checksum right. */
function forge(store: string, position: number, change: (header: Uint8Array) => void): void {
  const header = bytesOf(store, position, position + 48);
  change(header);
  writeU32(header, 4, crc32(header.subarray(8), headerOf(store).marker));
  patch(store, position, header);
}

describe("fault 54: a batch that claims", () => {
  const LENGTHS = [0xffffffff, 0x80000000, 0x7fffffff, 100_000_000];

  test.each(LENGTHS)("%i bytes at the end is a torn tail, bounded by the file", async (length) => {
    const directory = await killedLog((log) => appendEach(log, 10));
    const store = join(directory, STORE);
    const last = pick(batchesOf(store), -1);
    forge(store, last.position, (header) => writeU32(header, 8, length));
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(directory, { fileSystem });
    expect(fileSystem.bytesRead).toBeLessThan(100_000);
    expectNumbered(log, 0, 9);
  });

  test.each(LENGTHS)("%i bytes mid-log is refused, bounded by the file", async (length) => {
    for (const leave of [killedLog, closedLog]) {
      const directory = await leave((log) => appendEach(log, 10));
      const store = join(directory, STORE);
      const { position } = pick(batchesOf(store), 4);
      forge(store, position, (header) => writeU32(header, 8, length));
      await expectRefused(directory, "LOG_CORRUPT", { file: STORE, position, offset: 4 });
    }
  });

  test.each(LENGTHS)("%i bytes in a sealed segment is refused when read", async (length) => {
    const directory = await closedLog((log) => appendEach(log, 70));
    const store = join(directory, STORE);
    const { position } = pick(batchesOf(store), 4);
    forge(store, position, (header) => writeU32(header, 8, length));
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(directory, { fileSystem });
    for (const read of [() => log.read(4), () => [...log.records()]]) {
      expect(await refusal(read)).toMatchObject({ code: "LOG_CORRUPT", position, offset: 4 });
    }
    expect(fileSystem.bytesRead).toBeLessThan(200_000);
  });

  test("2^32 - 1 records is refused before anything is made for them", async () => {
    const directory = await killedLog((log) => appendEach(log, 10));
    const store = join(directory, STORE);
    const { position } = pick(batchesOf(store), 4);
    forge(store, position, (header) => writeU32(header, 12, 0xffffffff));
    await expectRefused(directory, "LOG_CORRUPT", { file: STORE, position, offset: 4 });
  });

  test("a manifest, a lock or an index of the size of a disk is not read whole", async () => {
    for (const name of ["MANIFEST", "00000001.idx", "LOCK"]) {
      const directory = await closedLog((log) => appendEach(log, 70));
      // Without blocks on the disk.
      patch(join(directory, name), 2 ** 40, Uint8Array.of(1));
      if (name === "MANIFEST") await expectRefusedWhole(directory);
      else {
        const log = await openLog(directory);
        expectNumbered(log, 0, 70);
        await log.close();
      }
    }
  });
});

/** As `expectRefused`, without reading what stands in the directory. */
async function expectRefusedWhole(directory: string): Promise<void> {
  for (const readOnly of [true, false]) {
    const error = await refusal(() => Log.open(directory, { readOnly }));
    expect(error).toMatchObject({ code: "LOG_CORRUPT", file: join(directory, "MANIFEST") });
  }
}

describe("fault 54: a payload full of markers and headers", () => {
  /** Headers that are right in everything, for this segment: what a payload that knows the marker can hold. */
  function hostilePayload(store: string, durableOffset: number, length: number): Uint8Array {
    const { marker, createdAt } = headerOf(store);
    const note = batchBytes(marker, { firstOffset: 2 ** 40, time: createdAt, durableOffset }, []);
    const bare = new Uint8Array(48);
    for (let at = 0; at < 48; at += 4) writeU32(bare, at, marker);
    const pattern = Buffer.concat([note, bare]);
    const payload = Buffer.alloc(length);
    for (let at = 0; at < length; at += pattern.length) pattern.copy(payload, at);
    return payload;
  }

  test("in a torn batch costs time and reads that are linear in its length", async () => {
    const segmentBytes = 64 * 2 ** 20;
    const directory = await killedLog((log) => appendEach(log, 10), { segmentBytes });
    const store = join(directory, STORE);
    const payload = hostilePayload(store, 0, 16 * 2 ** 20);
    const { createdAt, marker } = headerOf(store);
    const fields = { firstOffset: 10, time: createdAt + 1000, durableOffset: 10 };
    const batch = batchBytes(marker, fields, [payload]);
    patch(store, endOfBatches(store), batch.subarray(0, batch.length - 1));
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(directory, { fileSystem, segmentBytes });
    expectNumbered(log, 0, 10);
    expect(log.recovery.torn?.offset).toBe(10);
    expect(fileSystem.bytesRead).toBeLessThan(6 * payload.length);
  });

  test("in whole batches is a payload like any other, and takes no part in the verdict on a tail", async () => {
    const directory = await killedLog(async (log) => {
      const store = join(log.directory, STORE);
      for (let round = 0; round < 5; round++) await log.append(hostilePayload(store, 0, 500));
    });
    const log = await openLog(directory);
    expect(log.endOffset).toBe(5);
    expect(Buffer.from(log.read(3).payload)).toEqual(
      Buffer.from(hostilePayload(join(directory, STORE), 0, 500)),
    );
  });
});

describe("fault 59: a name", () => {
  test("with a NUL, or none at all, is refused", async () => {
    for (const name of ["", "\0", "log\0/../other", "log\0"]) {
      const error = await refusal(() => Log.open(name));
      expect(error.code).toBe("LOG_INVALID_ARGUMENT");
    }
  });

  test("with .. or a separator in the directory is foreign, wherever it leads", async () => {
    const parent = temporaryDirectory();
    const directory = join(parent, "log");
    const log = await openLog(directory);
    await appendEach(log, 3);
    await log.close();
    writeFileSync(join(parent, "victim.log"), "of somebody else");
    for (const name of ["..", "...log", "..%2f00000001.log", "\\..\\00000009.log"]) {
      if (name !== "..") writeFileSync(join(directory, name), "x");
    }
    const again = await openLog(join(directory, "..", "log"));
    await appendEach(again, 100);
    expectNumbered(again, 0, 103);
    await again.close();
    expect(readFileSync(join(parent, "victim.log"), "utf8")).toBe("of somebody else");
    expect(readdirSync(parent).sort()).toEqual(["log", "victim.log"]);
  });
});

describe("fault 60: a symbolic link in the place of", () => {
  test.each(["MANIFEST", STORE, "00000002.log"])(
    "%s is refused, whether or not it leads anywhere",
    async (name) => {
      for (const leads of [true, false]) {
        const directory = await closedLog((log) => appendEach(log, 70));
        const elsewhere = join(temporaryDirectory(), name);
        renameSync(join(directory, name), elsewhere);
        symlinkSync(elsewhere, join(directory, name));
        if (!leads) rmSync(elsewhere);
        const before = filesIn(directory);
        for (const readOnly of [true, false]) {
          const error = await refusal(() => Log.open(directory, { readOnly }));
          expect(["LOG_IO", "LOG_CORRUPT"]).toContain(error.code);
          expect(error.file).toBe(join(directory, name));
          expect(filesIn(directory)).toEqual(before);
        }
        if (leads) expect(statSync(elsewhere).size).toBeGreaterThan(0);
      }
    },
  );

  test("an index or a file under construction is never followed", async () => {
    const victim = join(temporaryDirectory(), "victim");
    writeFileSync(victim, "of somebody else");
    const directory = await closedLog((log) => appendEach(log, 70));
    rmSync(join(directory, "00000001.idx"));
    for (const name of ["00000001.idx", "MANIFEST.new", "00000002.idx.new", "00000003.log.new"]) {
      symlinkSync(victim, join(directory, name));
    }
    const log = await openLog(directory);
    expectNumbered(log, 0, 70);
    await appendEach(log, 100);
    await log.close();
    expect(readFileSync(victim, "utf8")).toBe("of somebody else");
    const again = await openLog(directory);
    expectNumbered(again, 0, 170);
  });

  test("the directory itself is a way to reach it", async () => {
    const directory = await closedLog((log) => appendEach(log, 3));
    const link = join(temporaryDirectory(), "link");
    symlinkSync(directory, link);
    const log = await openLog(link);
    expectNumbered(log, 0, 3);
    expect((await refusal(() => Log.open(directory))).code).toBe("LOG_LOCKED");
  });
});

describe("fault 61: in the place of a file of ours", () => {
  test.each(["MANIFEST", STORE, "00000002.log"])(
    "a FIFO as %s is refused and blocks nobody",
    async (name) => {
      const directory = await closedLog((log) => appendEach(log, 70));
      rmSync(join(directory, name));
      const made = spawnSync("mkfifo", [join(directory, name)]);
      expect(made.status).toBe(0);
      await expectKindRefused(directory, name);
    },
  );

  test("a FIFO as an index blocks nobody, and the index is rebuilt in memory", async () => {
    const directory = await closedLog((log) => appendEach(log, 70));
    rmSync(join(directory, "00000001.idx"));
    expect(spawnSync("mkfifo", [join(directory, "00000001.idx")]).status).toBe(0);
    const log = await openLog(directory);
    expectNumbered(log, 0, 70);
  });

  test.each(["MANIFEST", STORE, "00000002.log"])("a directory as %s is refused", async (name) => {
    const directory = await closedLog((log) => appendEach(log, 70));
    rmSync(join(directory, name));
    mkdirSync(join(directory, name));
    await expectKindRefused(directory, name);
  });

  test("a device is refused", async (context) => {
    const directory = await closedLog((log) => appendEach(log, 70));
    rmSync(join(directory, STORE));
    const made = spawnSync("mknod", [join(directory, STORE), "c", "1", "5"]);
    if (made.status !== 0) return context.skip("this user may not make devices");
    await expectKindRefused(directory, STORE);
  });

  async function expectKindRefused(directory: string, name: string): Promise<void> {
    for (const readOnly of [true, false]) {
      const error = await refusal(() => Log.open(directory, { readOnly }));
      expect(["LOG_IO", "LOG_CORRUPT"]).toContain(error.code);
      expect(error.file).toBe(join(directory, name));
    }
  }
});

test("fault 61: a file where the directory should be is refused", async () => {
  const path = join(temporaryDirectory(), "file");
  writeFileSync(path, "of somebody");
  for (const readOnly of [true, false]) {
    expect((await refusal(() => Log.open(path, { readOnly }))).code).toBe("LOG_IO");
  }
  expect((await refusal(() => Log.open(join(path, "log")))).code).toBe("LOG_IO");
  expect(readFileSync(path, "utf8")).toBe("of somebody");
});

test("fault 62: every file is 0600 and every directory 0700, under any umask", async () => {
  const umask = process.umask(0);
  onTestFinished(() => {
    process.umask(umask);
  });
  const parent = temporaryDirectory();
  const directory = join(parent, "a", "b");
  const log = await openLog(directory);
  await appendEach(log, 130);
  await log.truncateFrom(120);
  await log.truncateBefore(60);
  await appendEach(log, 10);
  await log.close();
  patch(join(directory, pick(logNames(directory), -1)), 4000, Buffer.from("torn"));
  await (await openLog(directory)).close();
  const names = readdirSync(directory);
  expect(names.some((name) => name.endsWith(".torn"))).toBe(true);
  expect(names.some((name) => name.endsWith(".idx"))).toBe(true);
  for (const name of names) expect(lstatSync(join(directory, name)).mode & 0o777).toBe(0o600);
  for (const made of [directory, join(parent, "a")]) {
    expect(lstatSync(made).mode & 0o777).toBe(0o700);
  }
});

test("fault 62: files that others made readable are left as they are", async () => {
  const directory = await closedLog((log) => appendEach(log, 3));
  chmodSync(join(directory, STORE), 0o640);
  await (await openLog(directory)).close();
  expect(lstatSync(join(directory, STORE)).mode & 0o777).toBe(0o640);
});

function logNames(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".log"))
    .sort();
}

describe("fault 63: a newer format", () => {
  /** Rewrites a structure's version or flags with a right checksum. */
  function reseal(path: string, length: number, change: (bytes: Uint8Array) => void): void {
    const bytes = bytesOf(path, 0, length);
    change(bytes);
    writeU32(bytes, length - 4, crc32(bytes.subarray(0, length - 4)));
    patch(path, 0, bytes);
  }

  test("of the manifest, by its version or its flags, is refused and untouched", async () => {
    for (const leave of [closedLog, killedLog]) {
      const image = await leave((log) => appendEach(log, 70));
      const { size } = statSync(join(image, "MANIFEST"));
      for (const change of [
        (bytes: Uint8Array) => writeU32(bytes, 8, 2),
        (bytes: Uint8Array) => writeU32(bytes, 8, 0xffffffff),
        (bytes: Uint8Array) => writeU32(bytes, 116, 2),
      ]) {
        const directory = copyOf(image);
        reseal(join(directory, "MANIFEST"), size, change);
        await expectRefused(directory, "LOG_UNSUPPORTED_VERSION", { file: "MANIFEST" });
      }
    }
  });

  test("of a manifest that has another length and checksum is refused by its version alone", async () => {
    const directory = await closedLog((log) => appendEach(log, 3));
    const bytes = bytesOf(join(directory, "MANIFEST"));
    writeU32(bytes, 8, 2);
    writeFileSync(join(directory, "MANIFEST"), Buffer.concat([bytes, Buffer.alloc(100, 5)]));
    await expectRefused(directory, "LOG_UNSUPPORTED_VERSION", { file: "MANIFEST" });
  });

  test("of the active segment, by its version or its flags, is refused and untouched", async () => {
    for (const leave of [closedLog, killedLog]) {
      const image = await leave((log) => appendEach(log, 20));
      for (const [at, value] of [
        [8, 2],
        [12, 1],
      ] as const) {
        const directory = copyOf(image);
        reseal(join(directory, STORE), 64, (bytes) => writeU32(bytes, at, value));
        await expectRefused(directory, "LOG_UNSUPPORTED_VERSION", { file: STORE });
      }
    }
  });

  test("of a sealed segment is refused when it is read, and untouched", async () => {
    const directory = await closedLog((log) => appendEach(log, 70));
    reseal(join(directory, STORE), 64, (bytes) => writeU32(bytes, 8, 2));
    const before = filesIn(directory);
    const reader = await openReader(directory);
    for (const read of [() => reader.read(3), () => [...reader.records()]]) {
      expect(await refusal(read)).toMatchObject({
        code: "LOG_UNSUPPORTED_VERSION",
        file: join(directory, STORE),
      });
    }
    expect(filesIn(directory)).toEqual(before);
  });

  test("of a batch in the active segment, by its flags, is refused and untouched", async () => {
    for (const index of [0, 5, 19]) {
      const directory = await killedLog((log) => appendEach(log, 20));
      const store = join(directory, STORE);
      const { position } = pick(batchesOf(store), index);
      forge(store, position, (header) => writeU16(header, 30, 1));
      await expectRefused(directory, "LOG_UNSUPPORTED_VERSION", { file: STORE, position });
    }
  });

  test("of a batch in a sealed segment, by its flags, is refused when it is read", async () => {
    const directory = await closedLog((log) => appendEach(log, 70));
    const store = join(directory, STORE);
    const { position } = pick(batchesOf(store), 5);
    forge(store, position, (header) => writeU16(header, 30, 1));
    const reader = await openReader(directory);
    for (const read of [() => reader.read(5), () => [...reader.records()]]) {
      expect(await refusal(read)).toMatchObject({ code: "LOG_UNSUPPORTED_VERSION", position });
    }
    expectPayload(reader, 4);
    expectPayload(reader, 6);
  });

  function expectPayload(log: Log, offset: number): void {
    expect(Buffer.from(log.read(offset).payload)).toEqual(Buffer.from(payloadOf(offset)));
  }
});

describe("fault 65: an index with right checksums", () => {
  interface Entry {
    readonly offset: number;
    readonly position: number;
    readonly time: number;
  }

  /** A log of batches one ms apart, and what the index of its first segment is made to say; their times. */
  async function withForgedIndex(
    change: (entry: Entry, createdAt: number) => Entry | undefined,
  ): Promise<{ directory: string; times: number[] }> {
    let now = 1_000_000;
    const directory = await closedLog((log) => appendEach(log, 70), { clock: () => now++ });
    const store = join(directory, STORE);
    const { createdAt, marker } = headerOf(store);
    const forged = BatchIndex.empty(0, createdAt);
    const times: number[] = [];
    for (const { header, position } of batchesOf(store)) {
      times.push(header.time);
      const entry = change({ offset: header.firstOffset, position, time: header.time }, createdAt);
      if (entry !== undefined) forged.append(entry.offset, entry.position, entry.time);
    }
    const { endOffset, size: storeSize } = pick(manifestOf(directory).segments, 0);
    const bytes = forged.encode({ segmentId: 1, marker, endOffset, storeSize });
    writeFileSync(join(directory, "00000001.idx"), bytes);
    return { directory, times };
  }

  async function expectNotFollowed(directory: string, times: readonly number[]): Promise<void> {
    // Each question first, to an index that nothing else has had rebuilt.
    const ask: ((log: Log) => unknown)[] = [
      (log) => log.read(20).offset,
      (log) => [...log.records({ from: 20, to: 21 })].map(({ offset }) => offset)[0],
      (log) => log.offsetAt(times[20] ?? 0),
    ];
    for (const question of ask) {
      const log = await openReader(directory);
      expect(question(log)).toBe(20);
      expectNumbered(log, 0, 70);
      for (const [offset, time] of times.entries()) expect(log.offsetAt(time)).toBe(offset);
      await log.close();
    }
  }

  test("that points outside its store is rebuilt", async () => {
    const directory = await closedLog((log) => appendEach(log, 70));
    const index = join(directory, "00000001.idx");
    for (const value of [0, 63, 0xffffffff, statSync(join(directory, STORE)).size - 10]) {
      const copy = copyOf(directory);
      const bytes = bytesOf(index);
      writeU32(bytes, 64 + 12 * 20 + 4, value);
      writeU32(bytes, 56, crc32(bytes.subarray(64)));
      writeU32(bytes, 60, crc32(bytes.subarray(0, 60)));
      writeFileSync(join(copy, "00000001.idx"), bytes);
      const log = await openLog(copy);
      for (const offset of [19, 20, 21]) expect(log.read(offset).offset).toBe(offset);
      expectNumbered(log, 0, 70);
      await log.close();
    }
  });

  test("that points into the middle of batches is rebuilt", async () => {
    const { directory, times } = await withForgedIndex((entry) => ({
      ...entry,
      position: entry.position + (entry.offset > 0 && entry.offset < 40 ? 20 : 0),
    }));
    await expectNotFollowed(directory, times);
  });

  test("that leaves batches out is rebuilt", async () => {
    const { directory, times } = await withForgedIndex((entry) =>
      entry.offset < 18 || entry.offset > 22 ? entry : undefined,
    );
    await expectNotFollowed(directory, times);
  });

  test("that gives batches the offsets of others is rebuilt", async () => {
    const { directory, times } = await withForgedIndex((entry) => {
      if (entry.offset === 39) return undefined;
      return entry.offset < 10 || entry.offset > 39
        ? entry
        : { ...entry, offset: entry.offset + 1 };
    });
    await expectNotFollowed(directory, times);
  });

  test("that gives batches other times is rebuilt", async () => {
    const { directory, times } = await withForgedIndex((entry, createdAt) => ({
      ...entry,
      time: createdAt + Math.floor((entry.time - createdAt) / 2),
    }));
    await expectNotFollowed(directory, times);
  });
});
