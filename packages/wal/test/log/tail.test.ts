// What a crash leaves at the end of a log: told from damage, cut off, set aside, reported.

import { randomBytes } from "node:crypto";
import { copyFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { Log, TornTail } from "@tidemark/wal";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
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
  filesIn,
  killedLog,
  killImage,
  openKillable,
  openLog,
  openReader,
  payloadOf,
  storeNames,
  until,
} from "./fixture.js";
import {
  batchBytes,
  batchesOf,
  bytesOf,
  endOfBatches,
  flip,
  headerOf,
  manifestOf,
  patch,
  pick,
  resize,
  writeManifest,
  zero,
} from "./store-bytes.js";

const STORE = "00000001.log";
const SECTOR = 512;

/** Ten batches of one record each, killed: the last one is proved by nothing. */
const tenRecords = () => killedLog((log) => appendEach(log, 10));

/** The tear that both ways of opening report at this place; a reader cuts nothing. */
async function expectTear(
  directory: string,
  place: { file?: string; position: number; offset: number },
): Promise<TornTail> {
  const expected = { ambiguous: true, position: place.position, offset: place.offset };
  const before = filesIn(directory);
  const reader = await openReader(directory);
  expect(reader.recovery).toMatchObject({ orderly: false, torn: { ...expected, trimmed: [] } });
  expectNumbered(reader, 0, place.offset);
  await reader.close();
  expect(filesIn(directory)).toEqual(before);
  const log = await openLog(directory);
  expect(log.recovery).toMatchObject({ orderly: false, torn: expected });
  expectNumbered(log, 0, place.offset);
  await expectGoesOn(log);
  const torn = tornOf(log);
  expect(basename(torn.file)).toBe(place.file ?? STORE);
  return torn;
}

function tornOf({ recovery }: Log): TornTail {
  if (recovery.torn === undefined) throw new Error("nothing is torn");
  return recovery.torn;
}

/** Appends after a recovery survive, and the next opening finds nothing to do. */
async function expectGoesOn(log: Log): Promise<void> {
  const end = log.endOffset;
  await appendEach(log, 2);
  await log.close();
  const again = await openLog(log.directory);
  expect(again.recovery).toMatchObject({ orderly: true, torn: undefined, rewrittenBytes: 0 });
  expectNumbered(again, 0, end + 2);
  await again.close();
}

/** Bytes without the zeros behind them. */
function withoutZeros(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
}

/** The only copy that was set aside. */
function setAside(torn: TornTail): Uint8Array {
  expect(torn.trimmed).toHaveLength(1);
  const { bytes, quarantine } = pick(torn.trimmed, 0);
  if (quarantine === undefined) throw new Error("nothing was set aside");
  expect(quarantine.bytes).toBe(bytes);
  return bytesOf(quarantine.file);
}

test("fault 1: a torn batch header is trimmed, set aside and reported", async () => {
  const image = await tenRecords();
  const last = pick(batchesOf(join(image, STORE)), -1);
  // The marker is not 0, so four bytes of it are no clean end.
  for (let length = 4; length < 48; length += 2) {
    for (const padded of [true, false]) {
      const directory = copyOf(image);
      const store = join(directory, STORE);
      const remaining = bytesOf(store, last.position, last.position + length);
      if (padded) zero(store, last.position + length, last.end);
      else resize(store, last.position + length);
      const torn = await expectTear(directory, { position: last.position, offset: 9 });
      expect(setAside(torn)).toEqual(withoutZeros(remaining));
    }
  }
});

test("fault 2: a torn batch body is trimmed, set aside and reported", async () => {
  const image = await tenRecords();
  const last = pick(batchesOf(join(image, STORE)), -1);
  for (let length = 48; length < last.end - last.position; length += 3) {
    for (const padded of [true, false]) {
      const directory = copyOf(image);
      const store = join(directory, STORE);
      const remaining = bytesOf(store, last.position, last.position + length);
      if (padded) zero(store, last.position + length, last.end);
      else resize(store, last.position + length);
      const torn = await expectTear(directory, { position: last.position, offset: 9 });
      expect(setAside(torn)).toEqual(withoutZeros(remaining));
    }
  }
});

test("fault 3: any subset of the last group's sectors missing rolls back whole batches of that group alone", async () => {
  const image = await killedLog(async (log) => {
    await appendEach(log, 6);
    await Promise.all([1, 2, 3, 4, 5].map((count) => appendBatchOf(log, count, 150)));
  });
  const batches = batchesOf(join(image, STORE));
  const group = batches.slice(6);
  const ends = [6, ...group.map(({ header }) => header.firstOffset + header.count)];
  const first = Math.floor(pick(group, 0).position / SECTOR);
  const sectors = Math.ceil(pick(group, -1).end / SECTOR) - first;
  expect(sectors).toBeGreaterThan(4);
  for (let missing = 1; missing < 2 ** sectors; missing++) {
    const directory = copyOf(image);
    const store = join(directory, STORE);
    for (let sector = 0; sector < sectors; sector++) {
      if ((missing & (1 << sector)) === 0) continue;
      const from = Math.max((first + sector) * SECTOR, pick(group, 0).position);
      zero(store, from, (first + sector + 1) * SECTOR);
    }
    const whole = batches.filter(({ position, end }) =>
      Buffer.from(bytesOf(store, position, end)).equals(bytesOf(join(image, STORE), position, end)),
    );
    const log = await openLog(directory);
    const lost = batches.findIndex((batch) => !whole.includes(batch));
    const expected = lost < 6 ? 6 : pick(ends, lost - 6);
    expect(log.endOffset).toBe(lost === -1 ? pick(ends, -1) : expected);
    expectNumbered(log, 0, log.endOffset);
    await log.close();
  }
});

describe("fault 4: a tail of zeros", () => {
  test("after a kill is a clean end", async () => {
    const image = await tenRecords();
    const log = await openLog(image);
    expect(log.recovery.torn).toBeUndefined();
    expectNumbered(log, 0, 10);
    expect(readdirSync(image).filter((name) => name.endsWith(".torn"))).toEqual([]);
    await expectGoesOn(log);
  });

  test("of any length after a close in order is a clean end", async () => {
    for (const length of [1, 47, 48, 49, 511, 4096, 300_000]) {
      const directory = await closedLog((log) => appendEach(log, 10));
      const store = join(directory, STORE);
      resize(store, bytesOf(store).length + length);
      const log = await openLog(directory);
      expect(log.recovery).toMatchObject({ orderly: true, torn: undefined });
      expectNumbered(log, 0, 10);
      await expectGoesOn(log);
    }
  });
});

test("fault 5: a garbage tail is trimmed, set aside and reported, after a kill and after a close in order", async () => {
  for (const leave of [killedLog, closedLog]) {
    for (const length of [1, 47, 48, 200, 5000]) {
      const directory = await leave((log) => appendEach(log, 10));
      const store = join(directory, STORE);
      const position = endOfBatches(store);
      const garbage = Uint8Array.from(randomBytes(length)).fill(7, length - 1);
      patch(store, position, garbage);
      const torn = await expectTear(directory, { position, offset: 10 });
      expect(setAside(torn)).toEqual(garbage);
    }
  }
});

test("fault 5: garbage behind zeros is trimmed as well, never skipped", async () => {
  const directory = await closedLog((log) => appendEach(log, 10));
  const store = join(directory, STORE);
  const position = endOfBatches(store);
  patch(store, position + 1000, Uint8Array.of(1));
  const torn = await expectTear(directory, { position, offset: 10 });
  expect(setAside(torn)).toEqual(Uint8Array.from([...new Uint8Array(1000), 1]));
});

test("fault 6: a size that grew without its bytes is a clean end", async () => {
  const directory = await tenRecords();
  const store = join(directory, STORE);
  resize(store, endOfBatches(store));
  resize(store, 1_000_000);
  const log = await openLog(directory);
  expect(log.recovery.torn).toBeUndefined();
  expectNumbered(log, 0, 10);
  await expectGoesOn(log);
});

describe("fault 7: stale bytes at the tail", () => {
  test("of another segment of this log are no records", async () => {
    const directory = await killedLog((log) => appendEach(log, 70));
    const [sealed, active] = storeNames(directory).map((name) => join(directory, name));
    if (sealed === undefined || active === undefined) throw new Error("there is one segment");
    const position = endOfBatches(active);
    const stale = bytesOf(sealed, 64);
    patch(active, position, stale);
    const torn = await expectTear(directory, { file: basename(active), position, offset: 70 });
    expect(setAside(torn)).toEqual(stale);
  });

  test("of another log, with the very offset that is due, are no records", async () => {
    const directory = await tenRecords();
    const store = join(directory, STORE);
    const other = await killedLog((log) => appendEach(log, 20));
    const stale = bytesOf(join(other, STORE), pick(batchesOf(join(other, STORE)), 10).position);
    patch(store, endOfBatches(store), stale);
    await expectTear(directory, { position: endOfBatches(store), offset: 10 });
  });
});

describe("fault 8: an empty active segment", () => {
  test("after a rotation is valid", async () => {
    // The next segment is prepared; a crash right after the manifest says that it is in use leaves this.
    const directory = await killedPrepared();
    const manifest = manifestOf(directory);
    const segments = manifest.segments.map((segment) =>
      segment.state === "prepared"
        ? { ...segment, state: "unsealed" as const, baseOffset: 40 }
        : segment,
    );
    expect(segments.map(({ state }) => state)).toEqual(["unsealed", "unsealed"]);
    writeManifest(directory, { ...manifest, segments });
    for (const size of [4096, 64]) {
      const copy = copyOf(directory);
      resize(join(copy, "00000002.log"), size);
      const log = await openLog(copy);
      expect(log.recovery.torn).toBeUndefined();
      expectNumbered(log, 0, 40);
      await expectGoesOn(log);
    }
  });

  test("of a new log, or of one that was truncated to nothing, is valid", async () => {
    for (const fill of [
      () => Promise.resolve(),
      (log: Log) => appendEach(log, 5).then(() => log.truncateFrom(0)),
    ]) {
      for (const leave of [killedLog, closedLog]) {
        const log = await openLog(await leave(fill));
        expect(log.recovery.torn).toBeUndefined();
        expectNumbered(log, 0, 0);
        await expectGoesOn(log);
      }
    }
  });
});

describe("fault 10: a trim", () => {
  test("that goes through two unsealed segments keeps the bytes of both aside", async () => {
    // Two unsealed segments of one group that was never acknowledged: what a crash in a rotation leaves.
    const directory = await twoUnsealed();
    const [first = "", second = ""] = ["00000001.log", "00000002.log"].map((name) =>
      join(directory, name),
    );
    const torn = pick(batchesOf(first), -1);
    const before = [bytesOf(first, torn.position), bytesOf(second, 64)].map(withoutZeros);
    flip(first, torn.end - 1);
    const log = await openLog(directory);
    const { trimmed } = tornOf(log);
    expect(trimmed.map(({ file, position }) => [basename(file), position])).toEqual([
      ["00000001.log", torn.position],
      ["00000002.log", 64],
    ]);
    const kept = trimmed.map(({ quarantine }) => bytesOf(quarantine?.file ?? ""));
    expect(kept[0]?.length).toBe(before[0]?.length);
    expect(kept[0]?.subarray(0, -1)).toEqual(before[0]?.subarray(0, -1));
    expect(kept[1]).toEqual(before[1]);
    expectNumbered(log, 0, torn.header.firstOffset);
    await expectGoesOn(log);
  });

  test("after another keeps both, the newest sixteen at the most", async () => {
    const directory = await closedLog((log) => appendEach(log, 3));
    const torn: Uint8Array[] = [];
    for (let round = 0; round < 20; round++) {
      const garbage = Uint8Array.from(randomBytes(30)).fill(7, 29);
      torn.push(garbage);
      const store = join(directory, activeName(directory));
      patch(store, endOfBatches(store), garbage);
      const log = await openLog(directory);
      expect(setAside(tornOf(log))).toEqual(garbage);
      await appendEach(log, 1);
      await log.close();
    }
    const copies = readdirSync(directory).filter((name) => name.endsWith(".torn"));
    expect(copies).toHaveLength(16);
    const kept = copies.map((name) => Buffer.from(bytesOf(join(directory, name))).toString("hex"));
    const newest = torn.slice(-16).map((bytes) => Buffer.from(bytes).toString("hex"));
    expect(kept.sort()).toEqual(newest.sort());
  });

  test("that finds its copy made already, by a recovery that died, keeps one", async () => {
    const directory = await tenRecords();
    const store = join(directory, STORE);
    patch(store, endOfBatches(store), Buffer.from("not a batch"));
    const interrupted = copyOf(directory);
    const log = await openLog(directory);
    await log.close();
    // The copy was set aside, and the store not cut yet.
    const copy = readdirSync(directory).filter((name) => name.endsWith(".torn"));
    expect(copy).toHaveLength(1);
    for (const name of copy) copyFileSync(join(directory, name), join(interrupted, name));
    const again = await openLog(interrupted);
    expectNumbered(again, 0, 10);
    expect(readdirSync(interrupted).filter((name) => name.endsWith(".torn"))).toEqual(copy);
  });
});

test("a whole batch behind a torn one is cut with it, and does not come back behind one of the same length", async () => {
  const directory = await killedLog(
    async (log) => {
      await appendEach(log, 3);
      await log.sync();
      await appendEach(log, 2);
    },
    { durability: "os" },
  );
  const store = join(directory, STORE);
  flip(store, pick(batchesOf(store), -2).end - 1);
  const log = await openKillable(directory, { durability: "os" });
  expect(log.endOffset).toBe(3);
  await appendEach(log, 1);
  const again = await openLog(await killImage(log));
  expect(again.recovery.torn).toBeUndefined();
  expectNumbered(again, 0, 4);
});

describe("fault 15: damage to the last batch without a close in order", () => {
  test("at any of its bytes is trimmed and reported as ambiguous", async () => {
    const image = await tenRecords();
    const last = pick(batchesOf(join(image, STORE)), -1);
    for (let position = last.position; position < last.end; position++) {
      const directory = copyOf(image);
      flip(join(directory, STORE), position, position % 8);
      const log = await openLog(directory);
      expect(log.recovery.torn).toMatchObject({
        ambiguous: true,
        position: last.position,
        offset: 9,
      });
      expectNumbered(log, 0, 9);
      await log.close();
    }
  });

  test("is refused once a note has stated that it was durable", async () => {
    const noted = await killedLog(
      async (log) => {
        await appendEach(log, 10);
        const { commits } = log.stats();
        while (log.stats().commits === commits) await new Promise((done) => setTimeout(done, 2));
      },
      { noteAfterMs: 1 },
    );
    const [last, note] = batchesOf(join(noted, STORE)).slice(-2);
    expect(note?.header).toMatchObject({ count: 0, firstOffset: 10, durableOffset: 10 });
    if (last === undefined) throw new Error("there are no batches");
    for (let position = last.position; position < last.end; position += 3) {
      const directory = copyOf(noted);
      flip(join(directory, STORE), position);
      await expectRefused(directory, "LOG_CORRUPT", {
        file: STORE,
        position: last.position,
        offset: 9,
      });
    }
  });
});

test("a recovery that is done again changes nothing, and what it recovered is durable", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 400 }), async (cut) => {
      const image = await killedLog((log) => appendTogether(log, 5, 60));
      const store = join(image, STORE);
      resize(store, Math.max(64, endOfBatches(store) - cut));
      const log = await openKillable(image);
      const recovered = await killImage(log);
      expect(log.durableOffset).toBe(log.endOffset);
      const { endOffset } = log;
      await log.close();
      const before = contentsIn(recovered);
      const again = await openLog(recovered);
      expect(again.endOffset).toBe(endOffset);
      expect(again.recovery.torn).toBeUndefined();
      expect(contentsIn(recovered)).toEqual(before);
      await again.close();
    }),
    { numRuns: 25 },
  );
});

/** Forty records, and the next segment prepared. */
function killedPrepared(): Promise<string> {
  return killedLog(async (log) => {
    await appendEach(log, 40);
    await until(() => manifestOf(log.directory).segments.length === 2);
  });
}

/** Two unsealed segments, the second of which begins in the same group as the last batch of the first. */
async function twoUnsealed(): Promise<string> {
  const directory = await killedPrepared();
  const manifest = manifestOf(directory);
  expect(manifest.segments.map(({ state }) => state)).toEqual(["unsealed", "prepared"]);
  const first = join(directory, "00000001.log");
  const second = join(directory, "00000002.log");
  const time = pick(batchesOf(first), -1).header.time;
  const batch = (store: string, firstOffset: number) =>
    batchBytes(headerOf(store).marker, { firstOffset, time, durableOffset: 40 }, [
      payloadOf(firstOffset),
    ]);
  patch(first, endOfBatches(first), batch(first, 40));
  patch(second, 64, Buffer.concat([batch(second, 41), batch(second, 42)]));
  return directory;
}
