// A whole database: opened for reading and for writing, and gone back in. What it shows has to be the state at
// the offset where it says that it is.

import {
  Database,
  DatabaseError,
  type DatabaseOptions,
  repairDatabase,
  type View,
  verifyDatabase,
} from "@tidemark/kv";
import { SimulatedDisk } from "@tidemark/wal/testing";
import type { Input } from "../input.js";
import { demand, type Target } from "../target.js";
import { changedFiles, diskWith, partsOf } from "./directory.js";
import { sealIdentity, sealIndex, sealManifest, sealSnapshot, sealStore } from "./seals.js";

const DIRECTORY = "/db";
const NEVER = ["KV_FAILED", "KV_CLOSED", "KV_BUSY", "KV_COMMIT_TOO_LARGE", "KV_NO_SPACE"];

interface Image {
  readonly input: Input;
  /** By the end offset, all entries as text. */
  readonly states: ReadonlyMap<number, string>;
  readonly endOffset: number;
  /** The database was closed: nothing of it may be missing without a word. */
  readonly closed: boolean;
}

const images: Image[] = [];
const states = new Map<number, string>();

function optionsOn(disk: SimulatedDisk): DatabaseOptions & { readonly keys?: "string" } {
  const clock = () => 1_700_000_000_000;
  return { log: { segmentBytes: 4096, noteAfterMs: 0, clock, fileSystem: disk } };
}

type Readable = Pick<View, "entries">;

/** All entries; undefined where one cannot be read. */
function textOf(state: Readable): string | undefined {
  try {
    return JSON.stringify([...state.entries()]);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    demand(error.code === "KV_CORRUPT", `reading refuses with ${error.code}`);
    return undefined;
  }
}

function take(disk: SimulatedDisk, endOffset: number, closed: boolean): void {
  const input = { parts: partsOf(disk), forged: false, seed: images.length };
  images.push({ input, states, endOffset, closed });
}

async function put(database: Database, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const at = database.endOffset;
    if (i % 4 === 3) await database.del(`key ${at % 7}`);
    else {
      const text = "v".repeat(30 + 13 * (at % 20));
      await database.put(`key ${at % 11}`, { at, text }, at % 5 === 0 ? { ttl: 1e9 } : {});
    }
    states.set(database.endOffset, textOf(database) ?? "");
  }
}

/** One small database at several moments of its life, with and without an end in order. */
async function makeImages(): Promise<void> {
  const disk = new SimulatedDisk();
  let database = await Database.open(DIRECTORY, optionsOn(disk));
  states.set(0, "[]");
  take(disk, 0, false);
  for (let round = 0; round < 3; round++) {
    await put(database, 6 + 9 * round);
    take(disk, database.endOffset, false);
    await database.checkpoint();
    await database.mark(`mark ${round}`);
    states.set(database.endOffset, textOf(database) ?? "");
    await database.clear({ gte: "key 3", lt: "key 5" });
    states.set(database.endOffset, textOf(database) ?? "");
    await put(database, 2);
    take(disk, database.endOffset, false);
    const { endOffset } = database;
    await database.close();
    take(disk, endOffset, true);
    database = await Database.open(DIRECTORY, optionsOn(disk));
  }
  await database.close();
}

await makeImages();

async function orRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    demand(!NEVER.includes(error.code), `refuses with ${error.code}: ${error.message}`);
    return undefined;
  }
}

function compare(text: string | undefined, endOffset: number, input: Input): void {
  const image = images[input.seed];
  if (text === undefined || input.forged || image === undefined) return;
  demand(text === image.states.get(endOffset), `is not what it was at end offset ${endOffset}`);
}

/** Where everything is gone that says that there was a database, there is none. */
function tellsOfDatabase({ parts }: Input): boolean {
  return parts.some(({ name }) => !name.endsWith("LOCK"));
}

function compareEnd(endOffset: number, input: Input): void {
  const image = images[input.seed];
  if (input.forged || image?.closed !== true || !tellsOfDatabase(input)) return;
  demand(endOffset === image.endOffset, `ends at ${endOffset}, not ${image.endOffset}`);
}

async function read(disk: SimulatedDisk, input: Input): Promise<void> {
  const database = await Database.open(DIRECTORY, { ...optionsOn(disk), readOnly: true });
  try {
    compare(textOf(database), database.endOffset, input);
    compareEnd(database.endOffset, input);
  } finally {
    await database.close();
  }
}

/** At every third commit, as far as it goes back. */
async function goBack(database: Database, input: Input): Promise<void> {
  for (let offset = database.endOffset - 1; offset >= 0; offset -= 3) {
    const view = await orRefused(() => database.at({ offset }));
    if (view === undefined) return;
    compare(textOf(view), offset + 1, input);
  }
}

/** What the log tells of the past, from one end to the other. */
async function lookBack(database: Database): Promise<void> {
  const last = database.endOffset - 1;
  if (last < 0) return;
  for await (const { offset } of database.changes()) {
    demand(offset <= last, `a change at ${offset}, beyond the end`);
    if (offset === last) break;
  }
  for await (const { offset } of database.history("key 1"))
    demand(offset <= last, `a version at ${offset}, beyond the end`);
  const { first = last } = database.stats().history;
  for await (const { key } of database.diff({ offset: first }, { offset: last }))
    demand(typeof key === "string", "a difference without a key");
}

/** Goes back some commits, and the present is what it was; and undoes that. */
async function rewind(database: Database, input: Input): Promise<void> {
  const last = database.endOffset - 1;
  const now = textOf(database);
  if (last < 6) return;
  await database.rewind({ offset: last - 5 });
  compare(textOf(database), last - 4, input);
  await database.rewind({ offset: last });
  demand(textOf(database) === now, "a rewind that is undone leaves something else");
}

/** Whether all that it showed could be read. */
async function write(disk: SimulatedDisk, input: Input): Promise<boolean> {
  const database = await Database.open(DIRECTORY, optionsOn(disk));
  const text = textOf(database);
  const { endOffset } = database;
  compare(text, endOffset, input);
  compareEnd(endOffset, input);
  await goBack(database, input);
  await orRefused(() => lookBack(database));
  await orRefused(() => database.checkpoint());
  const offset = await orRefused(() => database.put("one more", 1));
  await database.close();
  const again = await Database.open(DIRECTORY, optionsOn(disk));
  await orRefused(() => again.del("one more"));
  await orRefused(() => rewind(again, input));
  const then = textOf(again);
  await again.close();
  if (offset === undefined || text?.includes('"one more"') !== false) return text !== undefined;
  demand(offset === endOffset && again.endOffset >= endOffset + 1, "a commit is not there");
  demand(then === text, "shows something else when it is opened again");
  return true;
}

/** Repairs, and what is left opens, verifies and is a state that there was. */
async function repair(disk: SimulatedDisk, input: Input): Promise<void> {
  const keep = input.parts.length % 2 === 0 ? "newest" : "history";
  const repaired = await orRefused(() => repairDatabase(DIRECTORY, { fileSystem: disk, keep }));
  if (repaired === undefined) return;
  const report = await verifyDatabase(DIRECTORY, { fileSystem: disk });
  const isWhole = report.damage.every(({ kind }) => kind === "value");
  demand(isWhole, `is damaged after its repair: ${report.damage[0]?.message}`);
  const database = await Database.open(DIRECTORY, optionsOn(disk));
  try {
    compare(textOf(database), database.endOffset, input);
  } finally {
    await database.close();
  }
}

export const databaseDirectory: Target = {
  name: "database-directory",
  isSlow: true,
  watched: ["packages/kv/dist/"],
  seeds: images.map(({ input }) => input),
  bytesMax: (size) => 32 * 1024 * 1024 + 64 * size,
  seal: ({ parts }, random) => {
    for (const { name, bytes } of parts) {
      if (name.endsWith(".log")) sealStore(bytes, random);
      else if (name.endsWith(".idx")) sealIndex(bytes, random);
      else if (name.endsWith("MANIFEST")) sealManifest(bytes, random);
      else if (name.endsWith(".snapshot")) sealSnapshot(bytes, random);
      else if (name.endsWith("DATABASE")) sealIdentity(bytes);
    }
  },
  restructure: changedFiles,
  async judge(input) {
    const disk = await diskWith(input, DIRECTORY, `${DIRECTORY}/log`, `${DIRECTORY}/snapshots`);
    const report = await orRefused(() => verifyDatabase(DIRECTORY, { fileSystem: disk }));
    await repair(disk.fork(), input);
    await orRefused(() => read(disk, input));
    const isWhole = await orRefused(() => write(disk, input));
    if (report?.ok === true) demand(isWhole === true, "verifies, and does not open or read");
  },
};
