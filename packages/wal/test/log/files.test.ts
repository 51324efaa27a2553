// The files of a log, missing, renamed, foreign, stale: held against the manifest, never guessed at.

import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { LogError } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  activeName,
  appendBatchOf,
  appendEach,
  appendTogether,
  closedLog,
  contentsIn,
  copyOf,
  expectNumbered,
  expectRefused,
  expectUnreadable,
  filesIn,
  killedLog,
  openLog,
  openReader,
  refusal,
  storeNames,
  temporaryDirectory,
  until,
} from "./fixture.js";
import {
  batchesOf,
  bytesOf,
  flip,
  headerOf,
  manifestOf,
  pick,
  resize,
  writeHeader,
} from "./store-bytes.js";

/** Three segments of 50 records each, or nearly. */
const threeSegments = (leave: typeof closedLog) => leave((log) => appendEach(log, 130));

async function expectMissingRefused(leave: typeof closedLog, id: number): Promise<void> {
  const directory = await threeSegments(leave);
  const file = `0000000${id}.log`;
  const { baseOffset } = pick(manifestOf(directory).segments, id - 1);
  rmSync(join(directory, file));
  const error = await expectRefused(directory, "LOG_CORRUPT", { file, offset: baseOffset });
  expect(error.message).toContain("missing");
  expect(error.message).toContain(String(baseOffset));
}

for (const { left, leave } of [
  { left: "a close in order", leave: closedLog },
  { left: "a kill", leave: killedLog },
]) {
  describe(`after ${left},`, () => {
    test("fault 21: a missing middle segment is refused and the gap is named", () =>
      expectMissingRefused(leave, 2));

    test("fault 22: a missing first segment is refused and the gap is named", () =>
      expectMissingRefused(leave, 1));

    test("fault 23: a missing active segment is refused and the gap is named", () =>
      expectMissingRefused(leave, 3));

    test("fault 26: a renamed segment is refused", async () => {
      for (const id of [1, 2, 3]) {
        for (const target of ["00000009.log", "00000000.log", `0000000${id}.log.bak`]) {
          const directory = await threeSegments(leave);
          const file = `0000000${id}.log`;
          renameSync(join(directory, file), join(directory, target));
          await expectRefused(directory, "LOG_CORRUPT", { file });
        }
      }
    });

    test("fault 26: segments under each other's names are refused, at the latest when read", async () => {
      for (const [a, b] of [
        [1, 2],
        [2, 3],
        [1, 3],
      ]) {
        const directory = await threeSegments(leave);
        const [first, second] = [a, b].map((id) => join(directory, `0000000${id}.log`));
        if (first === undefined || second === undefined) throw new Error("two names are needed");
        renameSync(first, `${first}.bak`);
        renameSync(second, first);
        renameSync(`${first}.bak`, second);
        const before = filesIn(directory);
        const error = await refusal(async () => {
          const log = await openReader(directory);
          return [...log.records()];
        });
        expect(error).toMatchObject({ code: "LOG_CORRUPT", file: expect.any(String) });
        expect(filesIn(directory)).toEqual(before);
      }
    });
  });
}

test("a segment whose header is right, and another one's, is refused", async () => {
  const image = await threeSegments(closedLog);
  const other = { logId: "0b5c1f9e-8a34-4d27-9c6f-2e71d3a85b40" };
  for (const id of [1, 3]) {
    const file = `0000000${id}.log`;
    for (const change of [{ id: id + 1 }, { id: 77 }, { marker: 77 }, other]) {
      const directory = copyOf(image);
      const store = join(directory, file);
      writeHeader(store, { ...headerOf(store), ...change });
      if (id === 3) await expectRefused(directory, "LOG_CORRUPT", { file, position: 0 });
      else await expectUnreadable(directory, "LOG_CORRUPT", { file, position: 0 });
    }
  }
});

test("a sealed segment of another size is refused at opening", async () => {
  for (const change of [-1, 1, 4096]) {
    const directory = await threeSegments(closedLog);
    const store = join(directory, "00000002.log");
    resize(store, statSync(store).size + change);
    await expectRefused(directory, "LOG_CORRUPT", { file: "00000002.log" });
  }
});

describe("fault 24: a segment that the manifest does not know", () => {
  test("without records is removed by a writer, and by nobody else", async () => {
    for (const extra of [Buffer.alloc(0), Buffer.alloc(4000)]) {
      const directory = await threeSegments(closedLog);
      const store = join(directory, "00000007.log");
      writeFileSync(
        store,
        Buffer.concat([readFileSync(join(directory, "00000001.log")).subarray(0, 64), extra]),
      );
      writeHeader(store, { ...headerOf(store), id: 7, marker: 77 });
      const before = filesIn(directory);
      const reader = await openReader(directory);
      expectNumbered(reader, 0, 130);
      await reader.close();
      expect(filesIn(directory)).toEqual(before);
      const log = await openLog(directory);
      expect(log.recovery.removed).toEqual(["00000007.log"]);
      expect(storeNames(directory)).not.toContain("00000007.log");
      // Its id is never given to another segment.
      await appendEach(log, 200);
      expect(storeNames(directory)).not.toContain("00000007.log");
      expectNumbered(log, 0, 330);
    }
  });

  test("with records of this log is refused", async () => {
    const directory = await threeSegments(closedLog);
    const store = join(directory, "00000007.log");
    copyFileSync(join(directory, "00000001.log"), store);
    await expectRefused(directory, "LOG_CORRUPT", { file: "00000007.log" });
    writeHeader(store, { ...headerOf(store), id: 7 });
    await expectRefused(directory, "LOG_CORRUPT", { file: "00000007.log" });
  });

  test("of another log is foreign and stays", async () => {
    const directory = await threeSegments(closedLog);
    const other = await threeSegments(closedLog);
    copyFileSync(join(other, "00000001.log"), join(directory, "00000009.log"));
    const foreign = readFileSync(join(directory, "00000009.log"));
    const log = await openLog(directory);
    await appendEach(log, 60);
    await log.truncateBefore(100);
    await log.close();
    expect(readFileSync(join(directory, "00000009.log"))).toEqual(foreign);
    const reader = await openReader(directory);
    expect(reader.endOffset).toBe(190);
  });

  test("that is no segment at all is foreign and stays", async () => {
    const directory = await threeSegments(closedLog);
    writeFileSync(join(directory, "00000009.log"), "notes of somebody\n");
    writeFileSync(join(directory, "00000011.log"), "");
    const log = await openLog(directory);
    await appendEach(log, 400);
    expectNumbered(log, 0, 530);
    await log.close();
    expect(readFileSync(join(directory, "00000009.log"), "utf8")).toBe("notes of somebody\n");
    expect(statSync(join(directory, "00000011.log")).size).toBe(0);
  });
});

test("fault 25: foreign files and directories are never touched", async () => {
  const directory = temporaryDirectory();
  await (await openLog(directory)).close();
  const FOREIGN = [
    "README.txt",
    "00000001.log.bak",
    "1.log",
    "00000001.LOG",
    "000000001.log",
    "00000000.log",
    "99999999999.log",
    "00000001.torn",
    "manifest",
    "MANIFEST.bak",
    ".hidden",
    "x.new",
    "..log",
    "00000001.log\n",
    "LOCK.old",
  ];
  for (const name of FOREIGN) writeFileSync(join(directory, name), `of ${name}`);
  for (const name of ["00000042.log", "00000042.idx", "folder", "00000043.log.new"]) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, "file"), "content");
  }
  const foreign = () =>
    [...filesIn(directory)].filter(
      ([name]) => FOREIGN.includes(name) || statSync(join(directory, name)).isDirectory(),
    );
  const before = foreign();
  expect(before).toHaveLength(FOREIGN.length + 4);
  const log = await openLog(directory, { retention: { maxBytes: 40_000 } });
  // Ids 42 and 43 come up, and are passed over.
  await appendEach(log, 120, 3000);
  await log.truncateFrom(115);
  await log.truncateBefore(110);
  await appendEach(log, 3);
  await log.close();
  const again = await openLog(directory);
  expect(again.endOffset).toBe(118);
  await again.close();
  expect(foreign()).toEqual(before);
});

describe("fault 27: an index", () => {
  /** Does something to the index of the first, sealed segment; records and times are found nevertheless. */
  async function expectRebuilt(spoil: (index: string, directory: string) => void): Promise<void> {
    let now = 1_000_000;
    const directory = await closedLog((log) => appendEach(log, 130), { clock: () => now++ });
    const sound = await openReader(directory);
    const times = [...sound.records()].map(({ time }) => time);
    await sound.close();
    spoil(join(directory, "00000001.idx"), directory);
    for (const readOnly of [true, false]) {
      const log = await openLog(directory, { readOnly });
      expect(log.offsetAt(times[20] ?? 0)).toBe(20);
      expectNumbered(log, 0, 130);
      for (const offset of [0, 1, 20, 49, 129]) {
        expect(log.read(offset).time).toBe(times[offset]);
        expect(log.offsetAt(times[offset] ?? 0)).toBe(offset);
      }
      await log.close();
    }
  }

  test("that is missing is rebuilt", () => expectRebuilt((index) => rmSync(index)));

  test("that is empty is rebuilt", () => expectRebuilt((index) => resize(index, 0)));

  test("that is too short is rebuilt", async () => {
    for (const less of [1, 11, 12, 100]) {
      await expectRebuilt((index) => resize(index, statSync(index).size - less));
    }
  });

  test("that is longer than its store is rebuilt", async () => {
    for (const more of [1, 12, 1200]) {
      await expectRebuilt((index) => resize(index, statSync(index).size + more));
    }
  });

  test("that is damaged anywhere is rebuilt", async () => {
    for (let position = 0; position < 120; position += 7) {
      await expectRebuilt((index) => flip(index, position, position % 8));
    }
  });

  test("of another segment is rebuilt", () =>
    expectRebuilt((index, directory) => copyFileSync(join(directory, "00000002.idx"), index)));

  test("of another log is rebuilt", async () => {
    const other = await closedLog((log) => appendEach(log, 130));
    await expectRebuilt((index) => copyFileSync(join(other, "00000001.idx"), index));
  });

  test("that is a directory is rebuilt in memory", () =>
    expectRebuilt((index) => {
      rmSync(index);
      mkdirSync(index);
    }));
});

describe("fault 28: a missing manifest", () => {
  test("beside segments with records is refused and never made anew", async () => {
    for (const leave of [closedLog, killedLog]) {
      const directory = await threeSegments(leave);
      rmSync(join(directory, "MANIFEST"));
      const before = filesIn(directory);
      for (const options of [{}, { createIfMissing: true }, { createIfMissing: false }]) {
        const error = await refusal(() => openLog(directory, options));
        expect(error).toMatchObject({ code: "LOG_CORRUPT", file: join(directory, "MANIFEST") });
        expect(error.message).toContain("repairLog");
        expect(filesIn(directory)).toEqual(before);
      }
      const error = await refusal(() => openReader(directory));
      expect(error.code).toBe("LOG_CORRUPT");
      expect(filesIn(directory)).toEqual(before);
    }
  });

  test("beside a single segment without records is refused too: the manifest comes first of all files", async () => {
    const directory = await closedLog(() => Promise.resolve());
    rmSync(join(directory, "MANIFEST"));
    const before = filesIn(directory);
    expect((await refusal(() => openLog(directory))).code).toBe("LOG_CORRUPT");
    expect(filesIn(directory)).toEqual(before);
  });

  test("in an otherwise empty directory is a new log", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "LOCK"), "");
    writeFileSync(join(directory, "MANIFEST.new"), "half a manif");
    const log = await openLog(directory);
    expect(log.recovery.created).toBe(true);
    await appendEach(log, 3);
    expectNumbered(log, 0, 3);
    expect(readdirSync(directory)).not.toContain("MANIFEST.new");
  });
});

describe("fault 29: a manifest", () => {
  test("that is torn anywhere is refused", async () => {
    const image = await threeSegments(closedLog);
    const { size } = statSync(join(image, "MANIFEST"));
    for (let length = 0; length < size; length += 5) {
      for (const padded of [false, true]) {
        const directory = copyOf(image);
        resize(join(directory, "MANIFEST"), length);
        if (padded) resize(join(directory, "MANIFEST"), size);
        if (contentsIn(directory).get("MANIFEST") === contentsIn(image).get("MANIFEST")) continue;
        await expectRefused(directory, "LOG_CORRUPT", { file: "MANIFEST" });
      }
    }
  });

  test("that is damaged at any byte is refused", async () => {
    const image = await threeSegments(closedLog);
    const { size } = statSync(join(image, "MANIFEST"));
    for (let position = 0; position < size; position += 3) {
      const directory = copyOf(image);
      flip(join(directory, "MANIFEST"), position, position % 8);
      await expectRefused(directory, "LOG_CORRUPT", { file: "MANIFEST", position: 0 });
    }
  });

  test("of any earlier moment is refused, or shows all that there is", async () => {
    const fileSystem = new FaultyFileSystem();
    const manifests: Uint8Array[] = [];
    const directory = temporaryDirectory();
    const keep = () => manifests.push(bytesOf(join(directory, "MANIFEST")));
    const log = await openLog(directory, { fileSystem });
    keep();
    for (const work of [
      () => appendEach(log, 30),
      () => appendEach(log, 30),
      () => appendTogether(log, 60),
      () => log.truncateBefore(60),
      () => appendBatchOf(log, 10),
      () => log.truncateFrom(120),
      () => appendEach(log, 100),
      () => log.truncateFrom(150),
      () => log.truncateBefore(130),
      () => appendEach(log, 5),
      () => log.close(),
    ]) {
      await work();
      keep();
    }
    const [end, start] = [log.endOffset, log.startOffset];
    const current = contentsIn(directory);
    let refused = 0;
    for (const manifest of manifests) {
      const copy = copyOf(directory);
      writeFileSync(join(copy, "MANIFEST"), manifest);
      const before = filesIn(copy);
      for (const readOnly of [true, false]) {
        try {
          const old = await openLog(copy, { readOnly });
          expect([old.startOffset, old.endOffset]).toEqual([start, end]);
          expectNumbered(old, start, end);
          await old.close();
        } catch (error) {
          if (!(error instanceof LogError)) throw error;
          expect(error.code).toBe("LOG_CORRUPT");
          expect(filesIn(copy)).toEqual(before);
          refused += 1;
        }
      }
      for (const name of storeNames(directory)) {
        expect(contentsIn(copy).get(name)).toBe(current.get(name));
      }
    }
    expect(refused).toBeGreaterThan(10);
  });

  test("of another log is refused", async () => {
    const directory = await threeSegments(closedLog);
    const other = await threeSegments(closedLog);
    copyFileSync(join(other, "MANIFEST"), join(directory, "MANIFEST"));
    const before = filesIn(directory);
    const error = await refusal(async () => {
      const log = await openReader(directory);
      return [...log.records()];
    });
    expect(error.code).toBe("LOG_CORRUPT");
    expect((await refusal(() => openLog(directory))).code).toBe("LOG_CORRUPT");
    expect(filesIn(directory)).toEqual(before);
  });
});

test("what a crash left under construction is removed by a writer, and by nobody else", async () => {
  const directory = await threeSegments(closedLog);
  const NEW = [
    "MANIFEST.new",
    "00000004.log.new",
    "00000002.idx.new",
    "00000001-64-89abcdef.torn.new",
  ];
  for (const name of NEW)
    writeFileSync(join(directory, name), readFileSync(join(directory, "00000001.log")));
  const before = filesIn(directory);
  await (await openReader(directory)).close();
  expect(filesIn(directory)).toEqual(before);
  const log = await openLog(directory);
  expect([...log.recovery.removed].sort()).toEqual([...NEW].sort());
  expectNumbered(log, 0, 130);
  expect(readdirSync(directory).filter((name) => name.endsWith(".new"))).toEqual([]);
});

test("a segment that the manifest lists as being dropped is removed, whatever it holds, and never read", async () => {
  const fileSystem = new FaultyFileSystem();
  const directory = temporaryDirectory();
  const log = await openLog(directory, { fileSystem });
  await appendEach(log, 130);
  const fault = fileSystem.fail({ call: "unlink", file: /^\d+\.(log|idx)$/ }, "EIO");
  await log.truncateBefore(60);
  expect(fault.hits).toBeGreaterThan(0);
  expect(manifestOf(directory).dropping).toEqual([1]);
  expect(storeNames(directory)).toContain("00000001.log");
  await log.close();
  fault.lift();
  const reader = await openReader(directory);
  expect(storeNames(directory)).toContain("00000001.log");
  expectNumbered(reader, log.startOffset, 130);
  const again = await openLog(directory);
  expect(storeNames(directory)).not.toContain("00000001.log");
  expectNumbered(again, log.startOffset, 130);
});

test("a failed unlink is tried again with the next change, and the manifest forgets it then", async () => {
  const fileSystem = new FaultyFileSystem();
  const directory = temporaryDirectory();
  const log = await openLog(directory, { fileSystem });
  await appendEach(log, 130);
  fileSystem.fail({ call: "unlink", file: /^\d+\.(log|idx)$/ }, "EIO", { times: 1 });
  await log.truncateBefore(60);
  expect(storeNames(directory)).toContain("00000001.log");
  await log.truncateBefore(110);
  expect(storeNames(directory)).not.toContain("00000001.log");
  await appendEach(log, 60);
  await until(() => manifestOf(directory).dropping.length === 0);
});

test("segment ids are never used twice, not even those of a segment that was cut", async () => {
  const directory = temporaryDirectory();
  const log = await openLog(directory);
  const markers = new Set<number>();
  for (let round = 0; round < 5; round++) {
    await appendEach(log, 60);
    await log.truncateFrom(log.startOffset + 20);
    const ids = manifestOf(directory).segments.map(({ id }) => id);
    expect(Math.min(...ids)).toBeGreaterThan(round);
    for (const { marker } of manifestOf(directory).segments) markers.add(marker);
  }
  expect(markers.size).toBeGreaterThanOrEqual(5);
  expect(batchesOf(join(directory, activeName(directory)))).toHaveLength(20);
});

test("segment ids are never used twice, not even that of one that a close dropped unused", async () => {
  const directory = temporaryDirectory();
  const fileSystem = new FaultyFileSystem();
  for (let round = 0; round < 3; round++) {
    const log = await openLog(directory, { fileSystem });
    const isPrepared = () => manifestOf(directory).segments.at(-1)?.state === "prepared";
    while (!isPrepared()) await appendEach(log, 1);
    await log.close();
  }
  const created = fileSystem.calls.filter(({ call }) => call === "create").map(({ file }) => file);
  const stores = created.filter((file) => /^\d+\.log\.new$/.test(file));
  expect(stores.length).toBeGreaterThan(2);
  expect(new Set(stores).size).toBe(stores.length);
});
