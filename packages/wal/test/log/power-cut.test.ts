// What opening, repairing and replacing the manifest promise of stable storage, on a disk that forgets: kills and
// power cuts at each of their calls.

import { Log, type LogOptions, repairLog } from "@tidemark/wal";
import { type CrashProfile, SimulatedDisk } from "@tidemark/wal/testing";
import { describe, expect, test } from "vitest";
import { letGo, payloadOf } from "./fixture.js";

const DIRECTORY = "/log";
const STORE = "/log/00000001.log";

/** Nothing is decided by time. */
const OPTIONS: LogOptions = {
  segmentBytes: 4096,
  noteAfterMs: 0,
  syncIntervalMs: 2 ** 31 - 1,
  clock: () => 1_000_000,
};

function open(disk: SimulatedDisk, options: LogOptions = {}, directory = DIRECTORY): Promise<Log> {
  return Log.open(directory, { ...OPTIONS, ...options, fileSystem: disk });
}

/** The disk as it is right before each changing call of some work, and when that has come to its end. */
async function momentsOf(
  disk: SimulatedDisk,
  work: () => Promise<unknown>,
): Promise<SimulatedDisk[]> {
  const moments: SimulatedDisk[] = [];
  const unwatch = disk.watch({ before: () => moments.push(disk.fork()) });
  await work();
  unwatch();
  return [...moments, disk];
}

/** The disks that a crash can leave: all of them where they are few. */
function* crashesOf(disk: SimulatedDisk, profile: CrashProfile): Generator<SimulatedDisk> {
  const effort = { limit: 200, samples: 20, budget: 30 };
  for (const { disk: left } of disk.crashStates(profile, effort)) yield left;
}

/** A disk at rest whose log ends in a group of which a part did not arrive. */
async function tornDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const log = await open(disk, { durability: "os" });
  await log.append(payloadOf(0), { sync: true });
  await log.appendBatch([payloadOf(1, 900), payloadOf(2, 700)]);
  for (const left of disk.fork().crashStates("P3")) {
    const { recovery } = await open(left.disk.fork(), { readOnly: true });
    if (recovery.torn !== undefined) return left.disk;
  }
  throw new Error("no crash tears the last group");
}

/** Whether some file holds these bytes, at any place. */
function holds(disk: SimulatedDisk, bytes: Uint8Array): boolean {
  const sought = Buffer.from(bytes);
  return disk.paths().some((path) => Buffer.from(disk.bytesOf(path)).includes(sought));
}

describe("fault 10: torn bytes outlast a power cut at any call of the recovery that sets them aside", () => {
  test.each(["P2", "P3"] as const)("%s", async (profile) => {
    const disk = await tornDisk();
    const before = Buffer.from(disk.bytesOf(STORE));
    let torn = before;
    const moments = await momentsOf(disk, async () => {
      const { recovery } = await open(disk);
      for (const { position, bytes } of recovery.torn?.trimmed ?? [])
        torn = before.subarray(position, position + bytes);
    });
    expect(torn.length).toBeLessThan(before.length);
    for (const moment of moments)
      for (const left of crashesOf(moment, profile)) expect(holds(left, torn)).toBe(true);
  });
});

test("fault 30: a directory that killed openers have made is durable once a record is", async () => {
  const first = new SimulatedDisk();
  const directory = "/a/b/log";
  for (const moment of await momentsOf(first, () => open(first, {}, directory))) {
    for (const killed of crashesOf(moment, "P0")) {
      const log = await open(killed, {}, directory);
      await log.append(payloadOf(0));
      for (const left of crashesOf(killed, "P2")) {
        expect((await open(left, {}, directory)).endOffset).toBe(1);
      }
    }
  }
});

test("fault 32: what truncateFrom leaves is durable when it resolves, also where it cuts nothing", async () => {
  for (const from of [0, 3, 60, 70]) {
    const disk = new SimulatedDisk();
    const log = await open(disk, { durability: "os" });
    for (let number = 0; number < 70; number++) await log.append(payloadOf(number));
    await log.truncateFrom(from);
    for (const left of crashesOf(disk, "P2")) expect((await open(left)).endOffset).toBe(from);
  }
});

test("fault 39: what a repair leaves out outlasts a power cut at any of its calls", async () => {
  const disk = new SimulatedDisk();
  const log = await open(disk);
  for (let number = 0; number < 20; number++) await log.append(payloadOf(number));
  await log.close();
  disk.damage({ kind: "flip", path: STORE, position: 700, bit: 1 });
  const damaged = disk.bytesOf(STORE);
  const moments = await momentsOf(disk, async () => {
    expect(await repairLog(DIRECTORY, { fileSystem: disk })).toMatchObject({ changed: true });
  });
  for (const moment of moments)
    for (const left of crashesOf(moment, "P2")) expect(holds(left, damaged)).toBe(true);
});

test("fault 43: what is shown by an opening after a failed sync outlasts a power cut", async () => {
  const disk = new SimulatedDisk();
  const log = await open(disk);
  await log.append(payloadOf(0));
  disk.fail({ call: "datasync", path: /\.log$/, times: 1, manner: "keeps" });
  // Tried again it would succeed: it is not.
  await expect(log.append(payloadOf(1))).rejects.toMatchObject({ code: "LOG_FAILED" });
  for (const killed of crashesOf(disk, "P0")) {
    const { endOffset } = await open(killed);
    for (const left of crashesOf(killed, "P3")) {
      expect((await open(left)).endOffset).toBe(endOffset);
    }
  }
});

describe("fault 29: a manifest that is replaced half way", () => {
  const cases = (["rename", "syncDirectory"] as const).flatMap((call) =>
    Array.from({ length: 6 }, (_, after) => ({ call, after })),
  );

  test.each(cases)(
    "at the $call after $after good ones leaves what was acknowledged, whenever the log is killed",
    async ({ call, after }) => {
      const disk = new SimulatedDisk();
      const log = await open(disk);
      disk.fail({
        call,
        path: call === "rename" ? /MANIFEST$/ : /log$/,
        after,
        times: 1,
        manner: "done",
      });
      let acknowledged = 0;
      const killed: { disk: SimulatedDisk; acknowledged: number }[] = [];
      disk.watch({ before: () => killed.push({ disk: disk.fork(), acknowledged }) });
      for (let number = 0; number < 120 && log.failure === undefined; number++) {
        acknowledged = await log.append(payloadOf(number)).then(
          (offset) => offset + 1,
          () => acknowledged,
        );
      }
      await letGo(log);
      killed.push({ disk, acknowledged });
      for (const moment of killed) {
        for (const left of crashesOf(moment.disk, "P0")) {
          expect((await open(left)).endOffset).toBeGreaterThanOrEqual(moment.acknowledged);
        }
      }
    },
  );
});
