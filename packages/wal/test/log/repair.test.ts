// repairLog and verifyLog: what they find, keep, set aside and say, and that a repair cut off at any step can be
// done again. Damage of every kind is in corruption.test.ts and files.test.ts; here it is what comes after.

import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { type RepairOptions, type RepairReport, repairLog, verifyLog } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendEach,
  closedLog,
  contentsIn,
  copyOf,
  expectNumbered,
  filesIn,
  openLog,
  refusal,
  storeNames,
} from "./fixture.js";
import { batchesOf, flip, pick, resize, zero } from "./store-bytes.js";

const COUNT = 160;

/** A closed log of several sealed segments, numbered records, a batch each. */
function damagedBy(damage: (directory: string) => void): Promise<string> {
  return closedLog((log) => appendEach(log, COUNT)).then((directory) => {
    damage(directory);
    return directory;
  });
}

function store(directory: string, index: number): string {
  return join(directory, storeNames(directory).at(index) ?? "none");
}

/** Flips a bit in the body of a segment's n-th batch; its offset is returned. */
function flipBody(path: string, batch: number): number {
  const found = batchesOf(path)[batch];
  if (found === undefined) throw new Error("no such batch");
  flip(path, found.position + 60);
  return found.header.firstOffset;
}

/** The log opens, holds these records, and takes more. */
async function expectRepaired(directory: string, from: number, to: number): Promise<void> {
  expect((await verifyLog(directory)).damage).toEqual([]);
  const log = await openLog(directory);
  expectNumbered(log, from, to);
  expect(log.endOffset).toBe(to);
  await appendEach(log, 3);
  await log.close();
  const again = await openLog(directory);
  expectNumbered(again, from, to + 3);
  await again.close();
}

/** Files set aside hold the bytes that they had before the repair. */
function expectAside(
  report: RepairReport,
  before: ReadonlyMap<string, string>,
  names: string[],
): void {
  if (report.aside === undefined) throw new Error("nothing was set aside");
  expect(readdirSync(report.aside).sort()).toEqual([...names].sort());
  for (const name of names) {
    expect(readFileSync(join(report.aside, name), "latin1") === before.get(name), name).toBe(true);
  }
}

describe("repairLog", () => {
  test("leaves a whole log as it is", async () => {
    const directory = await damagedBy(() => undefined);
    const before = filesIn(directory);
    const report = await repairLog(directory);
    expect(report).toMatchObject({ changed: false, damage: [], lost: undefined, aside: undefined });
    expect(report.kept).toEqual({ from: 0, to: COUNT });
    expect(filesIn(directory)).toEqual(before);
  });

  test("keeps the records before damage in a body, and says what was lost and is still whole", async () => {
    let offset = 0;
    const directory = await damagedBy((path) => {
      offset = flipBody(store(path, 1), 7);
    });
    const before = contentsIn(directory);
    const names = [...before.keys()].filter(
      (name) => (name > "00000002" && name !== "SPARE") || name === "MANIFEST",
    );
    const report = await repairLog(directory);
    expect(report.kept).toEqual({ from: 0, to: offset });
    expect(report.lost).toEqual({ from: offset, to: COUNT });
    expect(report.intact).toEqual([{ from: offset + 1, to: COUNT }]);
    expectAside(report, before, names);
    await expectRepaired(directory, 0, offset);
  });

  test("tells all of it beforehand, without a change, with dryRun", async () => {
    const directory = await damagedBy((path) => {
      flipBody(store(path, 1), 7);
    });
    const before = filesIn(directory);
    const plan = await repairLog(directory, { dryRun: true });
    expect(filesIn(directory)).toEqual(before);
    const report = await repairLog(directory);
    expect({ ...report, aside: undefined, changed: false }).toEqual(plan);
  });

  test("writes a damaged segment header anew and loses nothing", async () => {
    const directory = await damagedBy((path) => flip(store(path, 1), 50));
    const report = await repairLog(directory);
    expect(report).toMatchObject({ changed: true, lost: undefined });
    await expectRepaired(directory, 0, COUNT);
  });

  test.each([
    ["sealed", 1],
    ["active", -1],
  ])(
    "of a %s segment whose header is damaged keeps no more than the records that are there",
    async (_, index) => {
      let offset = 0;
      const directory = await damagedBy((path) => {
        const damaged = store(path, index);
        const last = pick(batchesOf(damaged), -2);
        offset = last.header.firstOffset;
        zero(damaged, last.position, statSync(damaged).size);
        flip(damaged, 50);
      });
      const report = await repairLog(directory);
      expect(report.kept).toEqual({ from: 0, to: offset });
      expect(report.lost).toEqual({ from: offset, to: COUNT });
      await expectRepaired(directory, 0, offset);
    },
  );

  test("rebuilds a lost manifest from the stores", async () => {
    const directory = await damagedBy((path) => rmSync(join(path, "MANIFEST")));
    const report = await repairLog(directory);
    expect(report).toMatchObject({ changed: true, manifestRebuilt: true, lost: undefined });
    await expectRepaired(directory, 0, COUNT);
  });

  test("rebuilds a damaged manifest, and keeps the old one aside", async () => {
    const directory = await damagedBy((path) => flip(join(path, "MANIFEST"), 90));
    const before = contentsIn(directory);
    const report = await repairLog(directory);
    expect(report.manifestRebuilt).toBe(true);
    expectAside(report, before, ["MANIFEST"]);
    await expectRepaired(directory, 0, COUNT);
  });

  test("rebuilds a manifest after a truncation from the newer of two segments with the same offsets", async () => {
    const directory = await damagedBy(() => undefined);
    const old = copyOf(directory);
    const log = await openLog(directory);
    await log.truncateFrom(50);
    await appendEach(log, 5);
    await log.close();
    // As if the unlinks of the truncation had not been durable when the manifest was lost.
    for (const name of storeNames(old)) {
      if (!existsSync(join(directory, name))) cpSync(join(old, name), join(directory, name));
    }
    rmSync(join(directory, "MANIFEST"));
    expect((await repairLog(directory)).kept).toEqual({ from: 0, to: 55 });
    await expectRepaired(directory, 0, 55);
  });

  test("keeps what is behind the damage when asked to", async () => {
    const directory = await damagedBy((path) => rmSync(store(path, 0)));
    const next = batchesOf(store(directory, 0))[0]?.header.firstOffset ?? 0;
    const report = await repairLog(directory, { keep: "after" });
    expect(report.lost).toEqual({ from: 0, to: next });
    await expectRepaired(directory, next, COUNT);
  });

  test("asks which side to keep where nothing is before the damage", async () => {
    const directory = await damagedBy((path) => rmSync(store(path, 0)));
    const before = filesIn(directory);
    expect((await refusal(() => repairLog(directory))).code).toBe("LOG_INVALID_ARGUMENT");
    expect(filesIn(directory)).toEqual(before);
    expect((await repairLog(directory, { keep: "before" })).kept).toEqual({ from: 0, to: 0 });
    await expectRepaired(directory, 0, 0);
  });

  test.each<[string, (directory: string) => void]>([
    ["a middle segment that is missing", (directory) => rmSync(store(directory, 1))],
    ["the active segment missing", (directory) => rmSync(store(directory, -1))],
    ["a sealed segment cut short", (directory) => resize(store(directory, 1), 2000)],
    [
      "damage in the last batch",
      (directory) => flipBody(store(directory, -1), -1 + batchesOf(store(directory, -1)).length),
    ],
  ])("mends %s", async (_name, damage) => {
    const directory = await damagedBy(damage);
    const verified = await verifyLog(directory);
    expect(verified.ok).toBe(false);
    const report = await repairLog(directory);
    expect(report.kept).toEqual({ from: 0, to: verified.endOffset });
    expect(report.lost?.from).toBe(verified.endOffset);
    await expectRepaired(directory, 0, verified.endOffset);
  });

  test("refuses to choose where segments are unknown to the manifest", async () => {
    const directory = await damagedBy(() => undefined);
    const manifest = readFileSync(join(directory, "MANIFEST"));
    const log = await openLog(directory);
    await appendEach(log, 100);
    await log.close();
    writeFileSync(join(directory, "MANIFEST"), manifest);
    const before = filesIn(directory);
    expect((await refusal(() => repairLog(directory))).code).toBe("LOG_CORRUPT");
    expect(filesIn(directory)).toEqual(before);
    rmSync(join(directory, "MANIFEST"));
    await repairLog(directory);
    await expectRepaired(directory, 0, COUNT + 100);
  });

  test("is refused while a writer has the log, and where there is none", async () => {
    const directory = await damagedBy(() => undefined);
    const log = await openLog(directory);
    expect((await refusal(() => repairLog(directory))).code).toBe("LOG_LOCKED");
    await log.close();
    expect((await refusal(() => repairLog(join(directory, "none")))).code).toBe("LOG_NOT_FOUND");
  });
});

describe("fault 39: a repair that is cut off", () => {
  const cases: [string, RepairOptions, (directory: string) => void][] = [
    ["keeping what is before", {}, (path) => void flipBody(store(path, 1), 7)],
    ["keeping what is behind", { keep: "after" }, (path) => rmSync(store(path, 0))],
    ["mending a header", {}, (path) => flip(store(path, 1), 50)],
    ["rebuilding the manifest", {}, (path) => rmSync(join(path, "MANIFEST"))],
  ];

  test.each(cases)(
    "at any call, %s, ends the same when it is done again",
    async (_name, options, damage) => {
      const damaged = await damagedBy(damage);
      const whole = copyOf(damaged);
      const counting = new FaultyFileSystem();
      const expected = await repairLog(whole, { ...options, fileSystem: counting });
      const changing = [
        "create",
        "mkdir",
        "rename",
        "unlink",
        "write",
        "sync",
        "syncDirectory",
      ] as const;
      const calls = counting.count({ call: changing });
      expect(calls).toBeGreaterThan(5);
      for (let after = 0; after < calls; after++) {
        for (const how of ["undone", "done"] as const) {
          const directory = copyOf(damaged);
          const fileSystem = new FaultyFileSystem();
          // From there on nothing works: the process is as good as dead.
          fileSystem.fail({ call: changing }, "EIO", { after, how });
          await repairLog(directory, { ...options, fileSystem }).catch(() => undefined);
          const second = await repairLog(directory, options);
          if (second.changed) expect(second.kept).toEqual(expected.kept);
          const log = await openLog(directory);
          expectNumbered(log, expected.kept.from, expected.kept.to);
          await log.close();
          rmSync(directory, { recursive: true });
        }
      }
    },
  );
});

describe("verifyLog", () => {
  test("lists damage in several places, past the first", async () => {
    const places: [string, number][] = [];
    const directory = await damagedBy((path) => {
      for (const [index, batch] of [
        [0, 3],
        [1, 2],
        [1, 9],
        [-1, 0],
      ] as const) {
        const file = store(path, index);
        places.push([basename(file), flipBody(file, batch)]);
      }
    });
    const before = filesIn(directory);
    const report = await verifyLog(directory);
    expect(report.damage.map(({ file, offset }) => [basename(file), offset])).toEqual(places);
    expect(report).toMatchObject({ ok: false, endOffset: places[0]?.[1], torn: undefined });
    expect(report.records).toBe(COUNT - places.length);
    expect(filesIn(directory)).toEqual(before);
  });

  test("names indexes that are missing or wrong, which is no damage", async () => {
    const directory = await damagedBy((path) => {
      rmSync(join(path, "00000001.idx"));
      flip(join(path, "00000002.idx"), 70);
    });
    const report = await verifyLog(directory);
    expect(report).toMatchObject({ ok: true, staleIndexes: ["00000001.idx", "00000002.idx"] });
  });

  test("finds nothing wrong beside a writer that rotates, cuts and retains", async () => {
    const directory = await damagedBy(() => undefined);
    const log = await openLog(directory, { retention: { maxBytes: 30_000 } });
    let stop = false;
    const writing = (async () => {
      for (let round = 0; !stop; round++) {
        await appendEach(log, 20);
        if (round % 5 === 4) await log.truncateFrom(log.endOffset - 7);
      }
    })();
    for (let run = 0; run < 20; run++) {
      const report = await verifyLog(directory);
      expect(report.damage).toEqual([]);
    }
    stop = true;
    await writing;
    await log.close();
  });

  test("tells progress, and stops when told to", async () => {
    const directory = await closedLog(
      (log) => log.appendBatch(Array.from({ length: 3000 }, () => new Uint8Array(20_000))),
      { segmentBytes: 2 ** 27 },
    );
    const seen: number[] = [];
    await verifyLog(directory, {
      onProgress: ({ bytesDone, bytesTotal }) => seen.push(bytesDone / bytesTotal),
    });
    expect(seen.every((share) => share >= 0 && share <= 1)).toBe(true);
    const reason = new Error("enough");
    await expect(verifyLog(directory, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
