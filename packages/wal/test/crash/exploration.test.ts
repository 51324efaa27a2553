// The exploration itself, on a small store of one number: what it sees, what it prints, and that it can be shown again.

import { writeFully } from "@tidemark/wal";
import {
  type CrashEffort,
  type CrashPlace,
  CrashTally,
  CrashViolation,
  type CrashWorkload,
  exploreCrashes,
  replayCrash,
  SimulatedDisk,
} from "@tidemark/wal/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

/** What the store forgets. */
interface Mistakes {
  readonly unsyncedFile?: boolean;
  readonly unsyncedName?: boolean;
  readonly recoveryWrites?: boolean;
  readonly unsyncedGoOn?: boolean;
}

interface Facts {
  readonly asked: number;
  readonly acknowledged: number;
}

async function put(disk: SimulatedDisk, value: number, mistakes: Mistakes = {}): Promise<void> {
  const file = await disk.create("/value.new");
  await writeFully(file, Buffer.from(String(value)), 0);
  if (mistakes.unsyncedFile !== true) await file.sync();
  await file.close();
  await disk.rename("/value.new", "/value");
  if (mistakes.unsyncedName !== true) await disk.syncDirectory("/");
}

function valueOn(disk: SimulatedDisk): number {
  if (!disk.paths().includes("/value")) return 0;
  const text = Buffer.from(disk.bytesOf("/value")).toString();
  if (!/^\d+$/.test(text)) throw new Error(`a value of ${JSON.stringify(text)}`);
  return Number(text);
}

/** Puts values one after another; a negative one is a power cut. */
function storing(values: readonly number[], mistakes: Mistakes = {}): CrashWorkload<Facts, number> {
  return {
    async run(recorder) {
      let disk = new SimulatedDisk();
      let facts = { asked: 0, acknowledged: 0 };
      recorder.record(disk, () => facts);
      for (const value of values) {
        if (value < 0) {
          disk = disk.crash({ profile: "P3", seed: -value });
          recorder.record(disk, () => facts);
          continue;
        }
        facts = { ...facts, asked: value };
        await put(disk, value, mistakes);
        facts = { ...facts, acknowledged: value };
      }
    },
    async recover(disk) {
      if (disk.paths().includes("/value.new")) await disk.unlink("/value.new");
      const shown = valueOn(disk);
      // A killed process may have left a name in the page cache alone.
      if (mistakes.unsyncedName !== true) await disk.syncDirectory("/");
      if (mistakes.recoveryWrites === true) await put(disk, shown + 1);
      return {
        shown,
        async goOn() {
          const value = shown + 100;
          await put(disk, value, { unsyncedName: mistakes.unsyncedGoOn === true });
          return { asked: value, acknowledged: value };
        },
        close: () => Promise.resolve(),
      };
    },
    check(shown, { asked, acknowledged }) {
      if (shown === asked || shown === acknowledged) return undefined;
      return `holds ${shown}, neither ${acknowledged} nor ${asked}`;
    },
  };
}

async function violationOf(
  workload: CrashWorkload<Facts, number>,
  effort?: CrashEffort<Facts>,
): Promise<CrashViolation> {
  try {
    await exploreCrashes(workload, effort);
  } catch (error) {
    if (error instanceof CrashViolation) return error;
    throw error;
  }
  throw new Error("nothing was seen");
}

test("a store that is right is explored to the end, each image opened once", async () => {
  const tally = await exploreCrashes(storing([1, 2, 3]), { deepOneIn: 5 });
  expect(tally.moments).toBeGreaterThan(15);
  expect(tally.deep).toBeGreaterThan(5);
  expect(tally.opened).toBeLessThan(tally.states / 2);
});

test("tallies add up", async () => {
  const tally = new CrashTally();
  const once = { ...(await exploreCrashes(storing([1]), {}, tally)) };
  await exploreCrashes(storing([1]), {}, tally);
  expect(tally.states).toBe(once.states * 2);
});

test("the same seed looks at the same states", async () => {
  const effort = { seed: 5, budget: 3, deepOneIn: 4, momentsMax: 10 };
  const once = await exploreCrashes(storing([1, 2, 3]), effort);
  expect(await exploreCrashes(storing([1, 2, 3]), effort)).toEqual(once);
});

describe("it is seen, and seen again from what it prints,", () => {
  const cases: readonly (readonly [string, Mistakes, RegExp])[] = [
    ["that a file is renamed before it is synced", { unsyncedFile: true }, /a value of ""/],
    ["that a name is not synced", { unsyncedName: true }, /holds 0, neither 1 nor|showed 0, not 1/],
    ["that recovering again shows something else", { recoveryWrites: true }, /at call \d of \d/],
    [
      "that a commit after recovery does not last",
      { unsyncedGoOn: true },
      /a commit after recovery/,
    ],
  ];

  test.each(cases)("%s", async (_name, mistakes, text) => {
    const workload = storing([1, 2], mistakes);
    const violation = await violationOf(workload, { deepOneIn: 2 });
    expect(violation.text).toMatch(text);
    const printed = /to see it again: await replayCrash\(workload, (.*)\)/.exec(violation.message);
    const place: CrashPlace = JSON.parse(printed?.[1] ?? "");
    expect(place).toEqual(violation.place);
    await expect(replayCrash(workload, place)).rejects.toMatchObject({ place });
  });
});

test("what a check throws is what is wrong, and the cause", async () => {
  const workload = {
    ...storing([1]),
    check: (shown: number, { acknowledged }: Facts) => {
      expect(shown).toBe(acknowledged);
      return undefined;
    },
  };
  const violation = await violationOf(workload);
  expect(violation.text).toMatch(/expected 1 to be \+?0/);
  expect(violation.cause).toBeInstanceOf(Error);
});

test("a run goes on over crashes of its own", async () => {
  const tally = await exploreCrashes(storing([1, -7, 2, -8, 3]));
  expect(tally.moments).toBe((await exploreCrashes(storing([1, 2, 3]))).moments);
});

test("a workload of its own prints its own line", async () => {
  const workload = {
    ...storing([1], { unsyncedFile: true }),
    replayLine: ({ moment }: CrashPlace) => `SHOW=${moment} npm test`,
  };
  const { message, place } = await violationOf(workload);
  expect(message).toMatch(new RegExp(`to see it again: SHOW=${place.moment} npm test$`));
});

test("states of a disk that has lied are not crashed again", async () => {
  const workload = { ...storing([1, 2]), isDiskHonest: () => false };
  expect((await exploreCrashes(workload, { deepOneIn: 1 })).deep).toBe(0);
});

test("what the run throws comes through as it is", async () => {
  const failing = { ...storing([1]), run: () => Promise.reject(new RangeError("its own")) };
  await expect(exploreCrashes(failing)).rejects.toThrow(new RangeError("its own"));
});

test("a run that hands no disk over is refused", async () => {
  const idle = { ...storing([]), run: () => Promise.resolve() };
  await expect(exploreCrashes(idle)).rejects.toThrow("no disk");
});

test("fast-check finds the smallest workload that shows a mistake", async () => {
  const values = fc.array(fc.integer({ min: 1, max: 999 }), { minLength: 1, maxLength: 8 });
  const property = fc.asyncProperty(values, async (list) => {
    await exploreCrashes(storing(list, { unsyncedName: true }), { budget: 20 });
  });
  const { counterexample } = await fc.check(property, { seed: 1, numRuns: 20 });
  expect(counterexample).toEqual([[1]]);
});
