// What verifyLog tells besides the damage: the records that are whole, those that are gone, and what else lies in
// the directory. And the lock for whoever works on a log's files.

import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Log, LogError, lockLog, repairLog, verifyLog } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { encodeSegmentHeader } from "../../src/segment-header.js";
import {
  appendEach,
  closedLog,
  expectNumbered,
  numberOf,
  offsets,
  openLog,
  refusal,
  storeNames,
  temporaryDirectory,
} from "./fixture.js";
import { batchesOf, flip, headerOf, manifestOf, patch, pick } from "./store-bytes.js";

const COUNT = 160;

/** A closed log of several segments with numbered records, a batch each. */
function filled(): Promise<string> {
  return closedLog((log) => appendEach(log, COUNT));
}

function store(directory: string, index: number): string {
  return join(directory, pick(storeNames(directory), index));
}

/** Damages a record in its segment; returns its offset. */
function flipRecord(path: string, index: number): number {
  const { position, header } = pick(batchesOf(path), index);
  flip(path, position + 60);
  return header.firstOffset;
}

async function visited(directory: string): Promise<number[]> {
  const numbers: number[] = [];
  await verifyLog(directory, {
    visit: () => (record) => {
      expect(numberOf(record.payload)).toBe(record.offset);
      numbers.push(record.offset);
      return undefined;
    },
  });
  return numbers;
}

describe("verifyLog", () => {
  test("visits every whole record in order, also behind damage, and says which those are", async () => {
    const directory = await filled();
    const lost = [flipRecord(store(directory, 0), 7), flipRecord(store(directory, 2), 4)];
    const [first = 0, second = 0] = lost;
    expect(await visited(directory)).toEqual(
      offsets(0, COUNT).filter((offset) => !lost.includes(offset)),
    );
    const report = await verifyLog(directory);
    expect(report.whole).toEqual([
      { from: 0, to: first },
      { from: first + 1, to: second },
      { from: second + 1, to: COUNT },
    ]);
    expect(report).toMatchObject({ knownEnd: COUNT, endOffset: first, startOffset: 0 });
  });

  test("shows segment by segment where the damage lies, and where it ends", async () => {
    const directory = await filled();
    const lost = flipRecord(store(directory, 0), 7);
    flip(store(directory, 1), 10);
    rmSync(store(directory, 2));
    const { segments, damage } = await verifyLog(directory);
    expect(segments.map(({ file }) => file)).toEqual(
      manifestOf(directory).segments.map(({ id }) => join(directory, `0000000${id}.log`)),
    );
    const [bad, next] = batchesOf(store(directory, 0)).slice(7);
    const [first, second, third] = segments;
    expect(first).toMatchObject({
      state: "sealed",
      from: 0,
      whole: [{ from: 0, to: lost }, { from: lost + 1 }],
      damaged: [{ from: bad?.position, to: next?.position }],
    });
    expect(second).toMatchObject({ damage: [{ position: 0 }], damaged: [{ from: 0, to: 64 }] });
    expect(second?.records).toBeGreaterThan(0);
    expect(third).toMatchObject({ bytes: 0, records: 0, damaged: [] });
    expect(third?.damage[0]?.message).toContain("missing");
    expect(segments.flatMap((segment) => segment.damage)).toEqual(damage);
  });

  test("shows a store that was cut short as damaged at its end alone", async () => {
    const directory = await filled();
    const path = store(directory, 0);
    const { position } = pick(batchesOf(path), -1);
    truncateSync(path, position + 20);
    const { segments } = await verifyLog(directory);
    expect(segments[0]).toMatchObject({ damaged: [{ from: position }] });
  });

  test("knows how far the log went when its last segments are gone", async () => {
    const directory = await filled();
    const end = batchesOf(store(directory, 0)).length;
    for (const name of storeNames(directory).slice(1)) rmSync(join(directory, name));
    const report = await verifyLog(directory);
    expect(report.whole).toEqual([{ from: 0, to: end }]);
    expect(report.knownEnd).toBeGreaterThan(end);
  });

  test("judges the rest by the segments where the manifest is missing", async () => {
    const directory = await filled();
    const { logId } = await verifyLog(directory);
    rmSync(join(directory, "MANIFEST"));
    const lost = flipRecord(store(directory, 1), 3);
    const report = await verifyLog(directory);
    expect(report).toMatchObject({ ok: false, logId, knownEnd: COUNT });
    expect(report.damage[0]?.file).toBe(join(directory, "MANIFEST"));
    expect(report.whole).toEqual([
      { from: 0, to: lost },
      { from: lost + 1, to: COUNT },
    ]);
    for (const name of storeNames(directory)) rmSync(join(directory, name));
    expect(await refusal(() => verifyLog(directory))).toMatchObject({ code: "LOG_NOT_FOUND" });
  });

  test("finds a segment that claims to be younger than its records, which nobody could read", async () => {
    const directory = await filled();
    const path = store(directory, 1);
    const { baseOffset } = pick(manifestOf(directory).segments, 1);
    patch(path, 0, encodeSegmentHeader({ ...headerOf(path), createdAt: 2 ** 47 }));
    const { damage, whole } = await verifyLog(directory);
    expect(damage).toMatchObject([{ file: path, position: 64, offset: baseOffset }]);
    expect(whole[0]).toEqual({ from: 0, to: baseOffset });
    await repairLog(directory);
    const log = await openLog(directory);
    expectNumbered(log, 0, baseOffset);
    expect(await verifyLog(directory)).toMatchObject({ ok: true, damage: [] });
  });

  test("waits for what a visitor has under way, and ends with what it throws", async () => {
    const directory = await filled();
    let busy = false;
    const visit = () => async () => {
      expect(busy).toBe(false);
      busy = true;
      await new Promise((resolve) => setImmediate(resolve));
      busy = false;
    };
    expect((await verifyLog(directory, { visit })).ok).toBe(true);
    const reason = new Error("seen enough");
    const tired = () => () => Promise.reject(reason);
    await expect(verifyLog(directory, { visit: tired })).rejects.toBe(reason);
  });

  test("names leftovers and what is foreign", async () => {
    const directory = await filled();
    writeFileSync(join(directory, "MANIFEST.new"), "half");
    writeFileSync(join(directory, "notes.txt"), "mine");
    mkdirSync(join(directory, "repair-1"));
    const report = await verifyLog(directory);
    expect(report).toMatchObject({ ok: true, leftovers: ["MANIFEST.new"] });
    expect([...report.foreign].sort()).toEqual(["notes.txt", "repair-1"]);
  });
});

describe("lockLog", () => {
  test("keeps writers and repairs out until it is released, also of a directory that is renamed", async () => {
    const directory = await filled();
    const lock = await lockLog(directory);
    expect(await refusal(() => Log.open(directory))).toMatchObject({ code: "LOG_LOCKED" });
    expect(await refusal(() => repairLog(directory))).toMatchObject({ code: "LOG_LOCKED" });
    const renamed = join(temporaryDirectory(), "renamed");
    renameSync(directory, renamed);
    expect(await refusal(() => Log.open(renamed))).toMatchObject({ code: "LOG_LOCKED" });
    await lock.release();
    expect((await openLog(renamed)).endOffset).toBe(COUNT);
  });

  test("is refused while a writer is there, and where there is no directory", async () => {
    const directory = temporaryDirectory();
    await openLog(directory);
    expect(await refusal(() => lockLog(directory))).toMatchObject({ code: "LOG_LOCKED" });
    const error = await refusal(() => lockLog(join(directory, "none")));
    expect(error).toBeInstanceOf(LogError);
    expect(error).toMatchObject({ code: "LOG_NOT_FOUND" });
  });
});
