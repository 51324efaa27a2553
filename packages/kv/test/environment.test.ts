// The clock and the file system that a caller may give, to open and to restore.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Database, type DatabaseOptions, type RestoreOptions, restore } from "@tidemark/kv";
import { nodeFileSystem } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import { contents, freshPath, openDatabase, refused, reopen } from "./fixture.js";

const given = <T>(value: unknown) => value as T;

async function refusedByBoth(name: string, value: unknown): Promise<void> {
  const path = freshPath();
  const options = given<DatabaseOptions>({ log: { [name]: value } });
  await refused("KV_INVALID_ARGUMENT", () => Database.open(path, options));
  const db = await openDatabase();
  await db.put("a", 1);
  const ofRestore = given<RestoreOptions>({ [name]: value });
  for (const dryRun of [false, true]) {
    await refused("KV_INVALID_ARGUMENT", () =>
      restore(db.directory, path, { offset: 0 }, { ...ofRestore, dryRun }),
    );
  }
  expect(readdirSync(join(path, ".."))).toEqual([]);
}

describe("a clock", () => {
  test("that has fractions of a ms counts whole ones, everywhere", async () => {
    let ms = 1000.25;
    const clock = () => {
      ms += 0.5;
      return ms;
    };
    const db = await openDatabase(freshPath(), { log: { clock } });
    await db.put("a", 1);
    await db.checkpoint();
    expect(Number.isInteger(db.snapshot().time)).toBe(true);
    const path = freshPath();
    await restore(db.directory, path, { offset: 0 }, { clock });
    expect(contents(await openDatabase(path, { log: { clock } }))).toEqual([["a", 1]]);
    expect(contents(await reopen(db, { log: { clock } }))).toEqual([["a", 1]]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 2 ** 48, "now", null, 1n])(
    "that says %o is refused, and nothing is made",
    (value) => refusedByBoth("clock", () => value),
  );

  test("that loses its senses later is an error of the calls that need it, and of no others", async () => {
    let now = 1000;
    const db = await openDatabase(freshPath(), { log: { clock: () => now } });
    await db.put("a", 1);
    now = Number.NaN;
    expect(await db.put("b", 2)).toBe(1);
    expect(db.get("b")).toBe(2);
    await refused("KV_INVALID_ARGUMENT", () => db.checkpoint());
    now = 1001;
    expect(await db.checkpoint()).toMatchObject({ written: true, endOffset: 2 });
  });
});

describe("a file system or a clock", () => {
  test.each<[string, unknown]>([
    ["fileSystem", {}],
    ["fileSystem", null],
    ["fileSystem", 5],
    ["fileSystem", { ...nodeFileSystem, rename: undefined }],
    ["clock", null],
    ["clock", 5],
  ])("that is none is refused: %s: %o", (name, value) => refusedByBoth(name, value));

  test("null is no flag that was left out either", async () => {
    const path = freshPath();
    for (const name of ["createIfMissing", "readOnly", "errorIfExists", "keys", "log"]) {
      const options = given<DatabaseOptions>({ [name]: null });
      await refused("KV_INVALID_ARGUMENT", () => Database.open(path, options));
    }
    expect(readdirSync(join(path, ".."))).toEqual([]);
  });
});
