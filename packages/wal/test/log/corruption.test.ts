// Damage to acknowledged bytes: refused where it is proved, named, and never cut off or passed over.

import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendBatchOf,
  appendEach,
  closedLog,
  contentsIn,
  copyOf,
  expectNumbered,
  expectRefused,
  expectUnreadable,
  filesIn,
  killedLog,
  nameDeadHolder,
  numberOf,
  offsets,
  openLog,
  openReader,
  payloadOf,
  refusal,
  temporaryDirectory,
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
  rewriteHeader,
  type StoredBatch,
  zero,
} from "./store-bytes.js";

const STORE = "00000001.log";

/** Ways in which a log is left with its first records proved: by the floor, or by a later header. */
const LEFT = [
  { left: "after a close in order", leave: closedLog },
  { left: "after a kill", leave: killedLog },
];

/** Batches of one and of three records, twelve in all. */
async function leaveTwelve(leave: typeof closedLog): Promise<string> {
  return leave(async (log) => {
    for (let round = 0; round < 6; round++) {
      await appendEach(log, 1);
      await appendBatchOf(log, 3);
    }
  });
}

/** The batches that a later one proves, or the floor. */
function provedBatches(directory: string): StoredBatch[] {
  return batchesOf(join(directory, STORE)).slice(0, -1);
}

/** The refusal names the damaged batch. */
async function expectDamaged(directory: string, batch: StoredBatch): Promise<void> {
  const { position, header } = batch;
  await expectRefused(directory, "LOG_CORRUPT", {
    file: STORE,
    position,
    offset: header.firstOffset,
  });
}

test("fault 9: a damaged or missing header of the active segment is refused", async () => {
  for (const { leave } of LEFT) {
    const image = await leaveTwelve(leave);
    for (let position = 0; position < 64; position++) {
      const directory = copyOf(image);
      flip(join(directory, STORE), position, position % 8);
      await expectRefused(directory, "LOG_CORRUPT", { file: STORE, position: 0, offset: 0 });
    }
    const zeroed = copyOf(image);
    zero(join(zeroed, STORE), 0, 64);
    await expectRefused(zeroed, "LOG_CORRUPT", { file: STORE, position: 0 });
  }
});

for (const { left, leave } of LEFT) {
  describe(`${left},`, () => {
    test("fault 11: a bit flipped in a body mid-log is refused", async () => {
      const image = await leaveTwelve(leave);
      for (const batch of provedBatches(image).slice(0, 4)) {
        for (let position = batch.position + 48; position < batch.end; position += 5) {
          const directory = copyOf(image);
          flip(join(directory, STORE), position, position % 8);
          await expectDamaged(directory, batch);
        }
      }
    });

    const FIELDS = [
      { field: "marker", at: 0, to: 4 },
      { field: "checksum", at: 4, to: 8 },
      { field: "length", at: 8, to: 12 },
      { field: "count", at: 12, to: 16 },
      { field: "offset", at: 16, to: 24 },
      { field: "time", at: 24, to: 30 },
      { field: "flags", at: 30, to: 32 },
      { field: "durable offset", at: 32, to: 40 },
      { field: "body checksum", at: 40, to: 44 },
      { field: "reserved bytes", at: 44, to: 48 },
    ];

    test.each(FIELDS)(
      "fault 12: a bit flipped in the $field of a header is refused",
      async ({ at, to }) => {
        const image = await leaveTwelve(leave);
        for (const batch of [pick(provedBatches(image), 0), pick(provedBatches(image), 5)]) {
          for (let position = batch.position + at; position < batch.position + to; position++) {
            const directory = copyOf(image);
            flip(join(directory, STORE), position, (position * 3) % 8);
            await expectDamaged(directory, batch);
          }
        }
      },
    );

    test("fault 16: valid batches at each other's positions are refused", async () => {
      const directory = await leaveTwelve(leave);
      const store = join(directory, STORE);
      const [first, second] = [pick(batchesOf(store), 4), pick(batchesOf(store), 6)];
      const [a, b] = [first, second].map(({ position, end }) => bytesOf(store, position, end));
      if (a === undefined || b === undefined) throw new Error("there are no batches");
      patch(store, first.position, b);
      patch(store, second.position, a);
      await expectDamaged(directory, first);
    });

    test("fault 16: a stale copy of an earlier batch over a later one is refused", async () => {
      const directory = await leaveTwelve(leave);
      const store = join(directory, STORE);
      const [earlier, later] = [pick(batchesOf(store), 0), pick(batchesOf(store), 8)];
      patch(store, later.position, bytesOf(store, earlier.position, earlier.end));
      await expectDamaged(directory, later);
    });

    test("fault 17: a duplicate of the last batch behind it is refused", async () => {
      const directory = await leaveTwelve(leave);
      const store = join(directory, STORE);
      const last = pick(batchesOf(store), -1);
      patch(store, last.end, bytesOf(store, last.position, last.end));
      await expectRefused(directory, "LOG_CORRUPT", {
        file: STORE,
        position: last.end,
        offset: 24,
      });
    });

    test.each([0, 5, 23, 25, 1000])(
      "fault 17: a valid batch that states offset %i where 24 is due is refused",
      async (firstOffset) => {
        const directory = await leaveTwelve(leave);
        const store = join(directory, STORE);
        const position = endOfBatches(store);
        const { time } = pick(batchesOf(store), -1).header;
        const fields = { firstOffset, time, durableOffset: 0 };
        patch(store, position, batchBytes(headerOf(store).marker, fields, [payloadOf(1)]));
        await expectRefused(directory, "LOG_CORRUPT", { file: STORE, position, offset: 24 });
      },
    );

    test("fault 18: a zeroed sector mid-log is refused, whichever it is", async () => {
      const image = await leave((log) => appendEach(log, 40));
      const end = endOfBatches(join(image, STORE));
      const batches = batchesOf(join(image, STORE));
      for (let sector = 512; sector + 1024 < end; sector += 512) {
        const directory = copyOf(image);
        zero(join(directory, STORE), sector, sector + 512);
        const hit = batches.find((batch) => batch.end > sector);
        await expectDamaged(directory, hit ?? pick(batches, 0));
      }
    });
  });
}

test("fault 11: a bit flipped at the end of a segment is refused by what the next one states, sealed or not", async () => {
  const fileSystem = new FaultyFileSystem();
  const gate = fileSystem.hold({ call: "truncate", file: /^00000001\.log$/ });
  const log = await openLog(temporaryDirectory(), { fileSystem });
  await appendEach(log, 30);
  // A manifest that names the next segment only once this one is full has a floor behind it, which is proof enough.
  await until(() => manifestOf(log.directory).segments.length === 2);
  await appendEach(log, 30);
  await gate.reached;
  const directory = copyOf(log.directory);
  nameDeadHolder(directory);
  gate.release();
  const { floor, segments } = manifestOf(directory);
  expect(segments.map(({ state }) => state)).not.toContain("sealed");
  const last = pick(batchesOf(join(directory, STORE)), -1);
  expect(floor.offset).toBeLessThan(last.header.firstOffset);
  expect(batchesOf(join(directory, "00000002.log")).length).toBeGreaterThan(1);
  flip(join(directory, STORE), last.end - 1);
  await expectRefused(directory, "LOG_CORRUPT", {
    file: STORE,
    position: last.position,
    offset: last.header.firstOffset,
  });
});

describe("fault 12: a header with right checksums, but", () => {
  test("a smaller count than its body holds is refused", async () => {
    const image = await leaveTwelve(killedLog);
    const store = join(image, STORE);
    const batch = pick(batchesOf(store), 3);
    rewriteHeader(store, batch, { count: 2 });
    await expectDamaged(image, batch);
  });

  test("a length that ends elsewhere is refused", async () => {
    const image = await leaveTwelve(killedLog);
    const batch = pick(batchesOf(join(image, STORE)), 3);
    for (const bodyLength of [12, 95, 97, 144, 400]) {
      const directory = copyOf(image);
      rewriteHeader(join(directory, STORE), batch, { bodyLength });
      await expectDamaged(directory, batch);
    }
  });

  test("a time before that of the batch before it is refused", async () => {
    const image = await leaveTwelve(killedLog);
    const store = join(image, STORE);
    const batch = pick(batchesOf(store), 3);
    rewriteHeader(store, batch, { time: headerOf(store).createdAt - 1 });
    await expectDamaged(image, batch);
    rewriteHeader(store, batch, { time: pick(batchesOf(store), 5).header.time + 60_000 });
    await expectRefused(image, "LOG_CORRUPT", { file: STORE });
  });
});

describe("fault 13: a bit flipped in a sealed segment", () => {
  test("is refused when it is read, and the other records are read", async () => {
    const image = await closedLog((log) => appendEach(log, 120));
    expect(manifestOf(image).segments.map(({ state }) => state)).toEqual([
      "sealed",
      "sealed",
      "unsealed",
    ]);
    const batches = batchesOf(join(image, STORE));
    for (const batch of [pick(batches, 0), pick(batches, 20), pick(batches, -1)]) {
      for (let position = batch.position; position < batch.end; position += 7) {
        const directory = copyOf(image);
        flip(join(directory, STORE), position, position % 8);
        const place = { file: STORE, position: batch.position, offset: batch.header.firstOffset };
        await expectUnreadable(directory, "LOG_CORRUPT", place);
        const log = await openLog(directory);
        const error = await refusal(() => log.read(batch.header.firstOffset));
        expect(error).toMatchObject({
          code: "LOG_CORRUPT",
          position: batch.position,
          offset: batch.header.firstOffset,
        });
        const others = offsets(0, 120).filter((offset) => offset !== batch.header.firstOffset);
        for (const offset of others) expect(numberOf(log.read(offset).payload)).toBe(offset);
        await appendEach(log, 1);
        await log.close();
      }
    }
  });

  test("at its header is refused when the segment is read", async () => {
    const image = await closedLog((log) => appendEach(log, 120));
    for (let position = 0; position < 64; position += 3) {
      const directory = copyOf(image);
      flip(join(directory, STORE), position, position % 8);
      await expectUnreadable(directory, "LOG_CORRUPT", { file: STORE, position: 0 });
    }
  });
});

test("fault 14: damage to the last batch after a close in order is refused, at any of its bytes", async () => {
  const image = await leaveTwelve(closedLog);
  const last = pick(batchesOf(join(image, STORE)), -1);
  for (let position = last.position; position < last.end; position++) {
    const directory = copyOf(image);
    flip(join(directory, STORE), position, position % 8);
    await expectDamaged(directory, last);
  }
});

test("fault 14: a last batch that is cut off after a close in order is refused", async () => {
  const image = await leaveTwelve(closedLog);
  const store = join(image, STORE);
  const last = pick(batchesOf(store), -1);
  for (const from of [last.position, last.position + 20, last.end - 1]) {
    const directory = copyOf(image);
    zero(join(directory, STORE), from, last.end);
    await expectRefused(directory, "LOG_CORRUPT", { file: STORE });
  }
});

test("fault 16: another batch of the same length in the place of the last one is refused after a close in order", async () => {
  // What an older copy of the store would hold, from before a rejection was cut back.
  const directory = await leaveTwelve(closedLog);
  const store = join(directory, STORE);
  const last = pick(batchesOf(store), -1);
  const { firstOffset, time, durableOffset } = last.header;
  const payloads = [21, 22, 23].map((number) => payloadOf(100 + number));
  const other = batchBytes(headerOf(store).marker, { firstOffset, time, durableOffset }, payloads);
  patch(store, last.position, other);
  if (other.length !== last.end - last.position) throw new Error("the lengths differ");
  await expectRefused(directory, "LOG_CORRUPT", { file: STORE, offset: 24 });
});

describe("fault 19: an I/O error while reading", () => {
  test("is LOG_IO at every read of an opening, which changes nothing, and passes", async () => {
    const image = await killedLog((log) => appendEach(log, 70));
    flip(join(image, "00000002.log"), endOfBatches(join(image, "00000002.log")) - 1);
    for (const readOnly of [true, false]) {
      const sound = new FaultyFileSystem();
      const directory = copyOf(image);
      await (await openLog(directory, { fileSystem: sound, readOnly })).close();
      const reads = sound.count({ call: "read" });
      expect(reads).toBeGreaterThan(5);
      for (let after = 0; after < reads; after++) {
        const fileSystem = new FaultyFileSystem();
        const copy = copyOf(image);
        // A writer may have begun to write what is not proved durable again, the same bytes in place.
        const see = readOnly ? filesIn : contentsIn;
        const before = see(copy);
        fileSystem.fail({ call: "read" }, "EIO", { after, times: 1 });
        const error = await refusal(() => openLog(copy, { fileSystem, readOnly }));
        expect(error).toMatchObject({ code: "LOG_IO", file: expect.any(String) });
        // Once the torn bytes are being set aside, a copy of them may be there.
        for (const [name, file] of before) expect(see(copy).get(name) === file, name).toBe(true);
        expect(fileSystem.leftOpen, `read ${after}, readOnly ${readOnly}`).toEqual([]);
        const again = await openLog(copy, { fileSystem, readOnly });
        expectNumbered(again, 0, 69);
        await again.close();
      }
    }
  });

  test("is LOG_IO for the call that meets it, and nothing else", async () => {
    const fileSystem = new FaultyFileSystem();
    const directory = await closedLog((log) => appendEach(log, 120));
    const log = await openLog(directory, { fileSystem });
    const fault = fileSystem.fail({ call: "read", file: /^00000002\.log$/ }, "EIO");
    const error = await refusal(() => log.read(70));
    expect(error).toMatchObject({ code: "LOG_IO", file: join(directory, "00000002.log") });
    expect(await refusal(() => [...log.records()])).toMatchObject({ code: "LOG_IO" });
    expect(numberOf(log.read(3).payload)).toBe(3);
    expect(numberOf(log.read(119).payload)).toBe(119);
    await appendEach(log, 1);
    expect(log.failure).toBeUndefined();
    fault.lift();
    expectNumbered(log, 0, 121);
  });

  test("ends a follower with LOG_IO, not with an end", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(await closedLog((made) => appendEach(made, 10)), { fileSystem });
    const follower = log.follow();
    await follower.next();
    await follower.return?.();
    fileSystem.fail({ call: "read", file: /\.log$/ }, "EIO");
    expect(await refusal(() => log.follow().next())).toMatchObject({ code: "LOG_IO" });
  });
});

describe("fault 20: damage after opening", () => {
  test("is refused by the read that meets it, and the others go on", async () => {
    const directory = await closedLog((log) => appendEach(log, 70));
    const log = await openLog(directory);
    const active = join(directory, "00000002.log");
    flip(join(directory, STORE), pick(batchesOf(join(directory, STORE)), 7).end - 2);
    flip(active, pick(batchesOf(active), 2).end - 2);
    const damaged = [7, pick(batchesOf(active), 2).header.firstOffset];
    for (const offset of offsets(0, 70)) {
      if (!damaged.includes(offset)) expect(numberOf(log.read(offset).payload)).toBe(offset);
      else
        expect(await refusal(() => log.read(offset))).toMatchObject({
          code: "LOG_CORRUPT",
          offset,
        });
    }
    expect([...log.records({ from: 8, to: damaged[1] ?? 0 })]).toHaveLength((damaged[1] ?? 0) - 8);
    expect(await refusal(() => [...log.records()])).toMatchObject({
      code: "LOG_CORRUPT",
      offset: 7,
    });
    await appendEach(log, 5);
    expect(numberOf(log.read(74).payload)).toBe(74);
    expect(log.failure).toBeUndefined();
  });

  test("is met by a reader and by a follower beside the writer", async () => {
    const directory = await closedLog((log) => appendEach(log, 20));
    const log = await openLog(directory);
    const reader = await openReader(directory);
    flip(join(directory, STORE), pick(batchesOf(join(directory, STORE)), 3).position + 50);
    expect(await refusal(() => reader.read(3))).toMatchObject({ code: "LOG_CORRUPT", offset: 3 });
    const seen: number[] = [];
    const error = await refusal(async () => {
      for await (const record of log.follow()) seen.push(record.offset);
    });
    expect(error).toMatchObject({ code: "LOG_CORRUPT", offset: 3 });
    expect(seen).toEqual([0, 1, 2]);
  });

  test("of an open segment that shrank is refused, not taken for its end", async () => {
    const directory = await closedLog((log) => appendEach(log, 70));
    const log = await openLog(directory);
    expect(numberOf(log.read(40).payload)).toBe(40);
    zero(join(directory, STORE), 2000, 4000);
    const error = await refusal(() => [...log.records({ to: 50 })]);
    expect(error).toMatchObject({ code: "LOG_CORRUPT", file: join(directory, STORE) });
  });
});
