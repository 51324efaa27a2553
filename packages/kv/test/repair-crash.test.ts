// Repairs on a disk that forgets and decays: power cuts and kills at each of their calls, and damage by chance to
// databases by chance. What a repair keeps is what the database was, and what it says is lost is all that is.

import { Database, type Keep, repairDatabase, verifyDatabase } from "@tidemark/kv";
import { writeFully } from "@tidemark/wal";
import { Random, SimulatedDisk } from "@tidemark/wal/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const DIRECTORY = "/database";
const EPOCH = 1_000_000;

type Contents = readonly (readonly [string, unknown])[];

/** A database that was closed in order, and what it held after each of its commits. */
interface Past {
  readonly disk: SimulatedDisk;
  readonly states: readonly Contents[];
}

type Step =
  | { readonly kind: "put"; readonly key: number; readonly length: number }
  | { readonly kind: "expiring"; readonly key: number; readonly ttl: number }
  | { readonly kind: "del"; readonly key: number }
  | { readonly kind: "batch"; readonly keys: readonly number[] }
  | { readonly kind: "rewind"; readonly back: number }
  | { readonly kind: "clear"; readonly from: number; readonly to: number }
  | { readonly kind: "mark" }
  | { readonly kind: "checkpoint" }
  | { readonly kind: "reopen" };

/** A clock of its own, so that the same steps make the same files. */
class Clock {
  now = EPOCH;
  readonly read = () => {
    this.now += 3;
    return this.now;
  };
}

function open(disk: SimulatedDisk, clock = new Clock()): Promise<Database> {
  const log = { fileSystem: disk, noteAfterMs: 0, segmentBytes: 4096, clock: clock.read };
  return Database.open(DIRECTORY, { log, checkpointBytes: Number.POSITIVE_INFINITY });
}

async function past(steps: readonly Step[]): Promise<Past> {
  const disk = new SimulatedDisk();
  const clock = new Clock();
  const states: Contents[] = [];
  let database = await open(disk, clock);
  for (const [number, step] of steps.entries()) {
    if (step.kind === "reopen") {
      await database.close();
      database = await open(disk, clock);
    } else if (step.kind === "checkpoint") await database.checkpoint();
    else await write(database, step, number);
    while (states.length < database.endOffset) {
      states.push([...(await database.at({ offset: states.length })).entries()]);
    }
  }
  await database.close();
  return { disk, states };
}

type WriteStep = Exclude<Step, { readonly kind: "checkpoint" | "reopen" }>;

async function write(database: Database, step: WriteStep, number: number): Promise<void> {
  switch (step.kind) {
    case "put":
      await database.put(`key ${step.key}`, `${number} `.repeat(step.length));
      return;
    case "expiring":
      await database.put(`key ${step.key}`, number, { ttl: step.ttl });
      return;
    case "del":
      await database.del(`key ${step.key}`);
      return;
    case "batch":
      await database.batch(
        step.keys.map((key) => ({ type: "put", key: `key ${key}`, value: number })),
      );
      return;
    case "clear":
      await database.clear({ gte: `key ${step.from}`, lt: `key ${step.to}` });
      return;
    case "mark":
      await database.mark(`mark ${number}`);
      return;
    case "rewind":
      if (database.endOffset > step.back) {
        await database.rewind({ offset: database.endOffset - 1 - step.back });
      }
  }
}

/** Twelve commits, with snapshot files at 4 and at 8. */
const PLAIN: readonly Step[] = Array.from({ length: 14 }, (_, i): Step => {
  if (i === 4 || i === 9) return { kind: "checkpoint" };
  return i % 5 === 3 ? { kind: "del", key: i - 1 } : { kind: "put", key: i, length: 60 };
});

async function statesIn(disk: SimulatedDisk): Promise<Map<number, Contents>> {
  const { reachable } = await verifyDatabase(DIRECTORY, { fileSystem: disk });
  const database = await open(disk);
  const states = new Map<number, Contents>();
  for (const { first, last } of reachable) {
    for (let offset = first; offset <= last; offset++) {
      states.set(offset, [...(await database.at({ offset })).entries()]);
    }
  }
  await database.close();
  return states;
}

function repair(disk: SimulatedDisk, keep?: Keep) {
  const clock = new Clock().read;
  return repairDatabase(DIRECTORY, { fileSystem: disk, keep, clock, keys: "string" });
}

/** Flips a bit in the record that holds this text. */
function damageText(disk: SimulatedDisk, text: string): void {
  for (const path of disk.paths().filter((name) => name.endsWith(".log"))) {
    const position = Buffer.from(disk.bytesOf(path)).indexOf(text);
    if (position >= 0) disk.damage({ kind: "flip", path, position, bit: 2 });
  }
}

/** Unlinks a file or a directory with all that is in it. */
async function remove(disk: SimulatedDisk, path: string): Promise<void> {
  const parent = path.slice(0, path.lastIndexOf("/"));
  const entry = disk.listSync(parent).find(({ name }) => path === `${parent}/${name}`);
  if (entry?.kind === "file") await disk.unlink(path);
  else {
    for (const { name } of disk.listSync(path)) await remove(disk, `${path}/${name}`);
    await disk.removeDirectory(path);
  }
  await disk.syncDirectory(parent);
}

interface Case {
  readonly name: string;
  readonly damage: (disk: SimulatedDisk) => void | Promise<void>;
  readonly keep?: Keep;
  /** First and last offset that can be reached afterwards. */
  readonly kept: readonly [number, number];
}

const DAMAGED_AT_6 = (disk: SimulatedDisk) => damageText(disk, "7 7 7 7 ");

const cases: Case[] = [
  { name: "for the history", damage: DAMAGED_AT_6, keep: "history", kept: [0, 5] },
  { name: "for the newest state", damage: DAMAGED_AT_6, keep: "newest", kept: [7, 11] },
  { name: "of a lost log", damage: (disk) => remove(disk, "/database/log"), kept: [7, 7] },
  {
    name: "of a lost manifest",
    damage: (disk) => remove(disk, "/database/log/MANIFEST"),
    kept: [0, 11],
  },
  {
    name: "of a lost DATABASE",
    damage: (disk) => remove(disk, "/database/DATABASE"),
    kept: [0, 11],
  },
  {
    name: "of a snapshot file",
    damage: (disk) => {
      const path = "/database/snapshots/00000000000000000008.snapshot";
      disk.damage({ kind: "flip", path, position: 120, bit: 1 });
    },
    kept: [0, 11],
  },
];

/** States looked at of each moment: of power cuts none, all and some by chance; all while parts change places. */
const EFFORT = {
  making: [
    ["P0", { budget: 1 }],
    ["P3", { limit: 60, samples: 10, budget: 3 }],
  ],
  placing: [
    ["P0", { budget: 1 }],
    ["P2", { limit: 60, samples: 10 }],
  ],
} as const;

interface Moment {
  readonly disk: SimulatedDisk;
  readonly phase: keyof typeof EFFORT;
}

/** Every third moment until something takes the place of what was there, and every one from then on. */
function chosen(disks: readonly SimulatedDisk[]): Moment[] {
  const names = (disk: SimulatedDisk) => disk.listSync(DIRECTORY).map(({ name }) => name);
  const announced = disks.findIndex((disk) => names(disk).includes("REPAIR.new"));
  const border = Math.max(0, announced);
  return disks.flatMap((disk, index): Moment[] => {
    if (index >= border) return [{ disk, phase: "placing" }];
    return index % 3 === 0 ? [{ disk, phase: "making" }] : [];
  });
}

describe("a crash at any call of a repair", () => {
  test.each(cases)(
    "$name leaves what another repair ends with the same",
    async ({ damage, keep, kept }) => {
      const { disk, states } = await past(PLAIN);
      await damage(disk);
      const replaced = disk
        .paths()
        .filter((path) => /\.(log|snapshot)$/.test(path))
        .map((path) => Buffer.from(disk.bytesOf(path)).toString("latin1"));
      const moments: SimulatedDisk[] = [];
      const unwatch = disk.watch({ before: () => moments.push(disk.fork()) });
      await repair(disk, keep);
      moments.push(disk);
      unwatch();
      expect(moments.length).toBeGreaterThan(3);
      const looked = new Set<string>();
      for (const [seed, moment] of chosen(moments).entries()) {
        for (const [profile, effort] of EFFORT[moment.phase]) {
          for (const left of moment.disk.crashStates(profile, { ...effort, seed })) {
            if (looked.has(left.digest)) continue;
            looked.add(left.digest);
            await expectRepaired(left.disk, keep, kept, { states, replaced });
          }
        }
      }
    },
  );
});

async function expectRepaired(
  disk: SimulatedDisk,
  keep: Keep | undefined,
  [first, last]: readonly [number, number],
  { states, replaced }: { states: readonly Contents[]; replaced: readonly string[] },
): Promise<void> {
  // Whatever opens before is what the database was at some offset that it may show.
  const early = await open(disk.fork()).catch(() => undefined);
  if (early !== undefined) {
    expect([last + 1, states.length]).toContain(early.endOffset);
    expect([...early.entries()]).toEqual(states[early.endOffset - 1]);
    await early.close();
  }
  await repair(disk, keep);
  expect((await verifyDatabase(DIRECTORY, { fileSystem: disk })).damage).toEqual([]);
  // Whatever was replaced is still there, under another name.
  const bytes = disk.paths().map((path) => Buffer.from(disk.bytesOf(path)).toString("latin1"));
  for (const original of replaced) expect(bytes).toContain(original);
  const reached = await statesIn(disk);
  expect([...reached.keys()]).toEqual(
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  );
  for (const [offset, contents] of reached) expect(contents).toEqual(states[offset]);
}

const key = fc.nat(9);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put"), key, length: fc.nat(120) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("expiring"),
      key,
      ttl: fc.integer({ min: 1, max: 90 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("del"), key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("batch"),
      keys: fc.array(key, { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("rewind"), back: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear"), from: key, to: key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("mark") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("checkpoint") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen") }) },
) as fc.Arbitrary<Step>;

type Harm = "flip" | "zero" | "remove" | "swap" | "cut";
const harm = fc.constantFrom<Harm>("flip", "flip", "flip", "zero", "remove", "swap", "cut");

/** Harms a file by chance; false where there is nothing to harm so. */
async function inflict(disk: SimulatedDisk, what: Harm, random: Random): Promise<boolean> {
  const paths = disk.paths().filter((path) => !path.endsWith("/LOCK"));
  if (paths.length === 0) return false;
  const path = pick(paths, random);
  const { length } = disk.bytesOf(path);
  if (what === "swap") return await swapSnapshots(disk, random);
  if (what === "remove") {
    const parent = path.slice(0, path.lastIndexOf("/"));
    await remove(disk, parent !== DIRECTORY && random.below(5) === 0 ? parent : path);
    return true;
  }
  if (length === 0) return false;
  if (what === "flip") {
    disk.damage({ kind: "flip", path, position: random.below(length), bit: random.below(8) });
  } else if (what === "zero") {
    disk.damage({ kind: "zeroed", path, sector: Math.floor(random.below(length) / 512) });
  } else await cut(disk, path, random.below(length));
  return true;
}

function pick<T>(items: readonly T[], random: Random): T {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}

async function cut(disk: SimulatedDisk, path: string, length: number): Promise<void> {
  const file = await disk.open(path, "write");
  await file.truncate(length);
  await file.sync();
  await file.close();
}

/** Lets two snapshot files change places. */
async function swapSnapshots(disk: SimulatedDisk, random: Random): Promise<boolean> {
  const paths = disk.paths().filter((path) => path.endsWith(".snapshot"));
  if (paths.length < 2) return false;
  const [one, other] = [pick(paths, random), pick(paths, random)];
  const bytes = [disk.bytesOf(one), disk.bytesOf(other)] as const;
  await overwrite(disk, one, bytes[1]);
  await overwrite(disk, other, bytes[0]);
  return one !== other;
}

async function overwrite(disk: SimulatedDisk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, "write");
  await file.truncate(0);
  await writeFully(file, bytes, 0);
  await file.sync();
  await file.close();
}

type Outcome = "sound" | "repaired" | "refused";

/** Verifies, repairs, opens, and holds all of it against what the database was. */
async function judge({ disk, states }: Past, preferred: Keep): Promise<Outcome> {
  const verified = await verifyDatabase(DIRECTORY, { fileSystem: disk }).catch((error) => error);
  // A flipped bit in the version of a manifest looks like a later version's.
  if (["KV_NOT_FOUND", "KV_UNSUPPORTED_VERSION"].includes(verified.code)) return "refused";
  if (verified instanceof Error) throw verified;
  // Without log and snapshot files it looks like one whose creation was cut off.
  const isSound = verified.ok && verified.log !== undefined;
  await expectHonest(disk.fork(), states, isSound);
  // Only where there is a choice does the owner have to make it.
  const unasked = await repair(disk.fork()).catch((error) => error);
  const isAsked = unasked.code === "KV_INVALID_ARGUMENT";
  if (unasked instanceof Error && !isAsked) {
    expect(unasked).toMatchObject({ code: "KV_CORRUPT" });
    return "refused";
  }
  const report = await repair(disk, isAsked ? preferred : undefined);
  const { kept, lostCommits, lostStates } = report;
  const after = await verifyDatabase(DIRECTORY, { fileSystem: disk });
  expect(after.damage).toEqual([]);
  const reached = await statesIn(disk);
  for (const [offset, contents] of reached) expect(contents).toEqual(states[offset]);
  const last = Math.max(-1, ...reached.keys());
  expect(kept?.last ?? -1).toBe(last);
  expect(reached.size).toBe(kept === undefined ? 0 : kept.last - kept.first + 1);
  // Of what the files show to have been, all that is not kept is said to be lost.
  const known = Math.max(verified.log?.knownEnd ?? 0, last + 1);
  for (let offset = last + 1; offset < known; offset++) {
    expect(lostCommits.some(({ from, to }) => from <= offset && offset < to)).toBe(true);
  }
  for (const { from, to } of [...lostCommits, ...lostStates]) {
    for (let offset = from; offset < to; offset++) expect(reached.has(offset)).toBe(false);
    expect(to).toBeLessThanOrEqual(states.length);
  }
  return verified.ok ? "sound" : "repaired";
}

/** What opens without a repair shows what the database was: all of it, if it is said to be sound. */
async function expectHonest(
  disk: SimulatedDisk,
  states: readonly Contents[],
  isSound: boolean,
): Promise<void> {
  const database = await open(disk).catch((error) => error);
  if (database instanceof Error) {
    if (isSound) throw database;
    return;
  }
  const { endOffset } = database;
  if (endOffset > 0) expect([...database.entries()]).toEqual(states[endOffset - 1]);
  if (isSound) expect(endOffset).toBe(states.length);
  await database.close();
}

test("damage by chance is found, and repaired to what the database was at an offset", async () => {
  const outcomes: Record<Outcome, number> = { sound: 0, repaired: 0, refused: 0 };
  const program = fc.record({
    steps: fc.array(step, { minLength: 5, maxLength: 60 }),
    harms: fc.array(harm, { minLength: 1, maxLength: 3 }),
    seed: fc.nat(),
    keep: fc.constantFrom<Keep>("history", "newest"),
  });
  await fc.assert(
    fc.asyncProperty(program, async ({ steps, harms, seed, keep }) => {
      const made = await past(steps);
      const random = new Random(seed);
      for (const what of harms) await inflict(made.disk, what, random);
      outcomes[await judge(made, keep)] += 1;
    }),
    { numRuns: Number(process.env["REPAIR_RUNS"] ?? 150) },
  );
  console.log(JSON.stringify(outcomes));
  expect(outcomes.repaired).toBeGreaterThan(30);
});
