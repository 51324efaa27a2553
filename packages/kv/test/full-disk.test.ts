// A database on a disk with very little room, and in directories that are not what they were.

import { spawnSync } from "node:child_process";
import { lstatSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database, DatabaseError } from "@tidemark/kv";
import { expect, onTestFinished, test } from "vitest";
import {
  contents,
  freshPath,
  openDatabase,
  refused,
  reopen,
  temporaryDirectory,
} from "./fixture.js";

const BALLAST_BYTES = 100_000;

/** A file system of its own with so much space; undefined where this user may not mount one. */
function smallDisk(bytes: number): string | undefined {
  if (process.platform !== "linux") return undefined;
  const directory = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-small-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const options = ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", directory];
  if (spawnSync("mount", options).status !== 0) return undefined;
  onTestFinished(() => {
    // Lazily: a test that failed may have left a file open there.
    spawnSync("umount", ["--lazy", directory]);
  });
  return directory;
}

/** Puts until the disk takes no more. */
async function fill(db: Database, expected: Map<string, string>): Promise<void> {
  for (let count = expected.size; ; count++) {
    const [key, value] = [`key ${String(count).padStart(5, "0")}`, "v".repeat(700)];
    try {
      await db.put(key, value);
      expected.set(key, value);
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      expect(error.code).toBe("KV_NO_SPACE");
      return;
    }
  }
}

test("faults 41 and 67: a disk that is really full rejects a commit and a checkpoint, shows what it held, and goes on", async ({
  skip,
}) => {
  const disk = smallDisk(500_000);
  if (disk === undefined) return skip("this user may not mount a small disk");
  const ballast = join(disk, "ballast");
  const log = { segmentBytes: 32_768 };
  let db = await openDatabase(join(disk, "database"), { log });
  const expected = new Map<string, string>();
  writeFileSync(ballast, new Uint8Array(BALLAST_BYTES));
  for (const room of ["made", "none"]) {
    await fill(db, expected);
    expect(contents(db)).toEqual([...expected]);
    await refused("KV_NO_SPACE", () => db.checkpoint());
    expect(db.stats().snapshotOffset).toBeUndefined();
    const { endOffset } = db;
    db = await reopen(db, { log });
    expect(contents(db)).toEqual([...expected]);
    expect(db.endOffset).toBe(endOffset);
    if (room === "none") return;
    rmSync(ballast);
    await db.put("key 00000", "written over");
    expected.set("key 00000", "written over");
  }
});

test("fault 48: a database whose directory is removed fails with typed errors, and reads go on", async () => {
  const path = freshPath();
  const db = await openDatabase(path, { log: { segmentBytes: 4096 } });
  await db.put("a", 1);
  rmSync(path, { recursive: true });
  await refused("KV_IO", () => db.checkpoint());
  let error: unknown;
  // Commits still reach the open files; the next segment cannot be made.
  while (error === undefined) await db.put("b", "v".repeat(500)).catch((cause) => (error = cause));
  expect(error).toBeInstanceOf(DatabaseError);
  expect(error).toMatchObject({ code: expect.stringMatching(/^KV_(IO|FAILED)$/) });
  expect(db.get("a")).toBe(1);
  await db.close().catch((cause: unknown) => expect(cause).toBeInstanceOf(DatabaseError));
  await refused("KV_NOT_FOUND", () => Database.open(path, { createIfMissing: false }));
});

test("fault 62: every file of a database is 0600 and every directory 0700, under any umask", async () => {
  const umask = process.umask(0);
  onTestFinished(() => {
    process.umask(umask);
  });
  const path = join(temporaryDirectory(), "database");
  const db = await openDatabase(path);
  await db.put("a", 1);
  await db.checkpoint();
  const names = readdirSync(path, { recursive: true, encoding: "utf8" });
  expect(names.length).toBeGreaterThan(5);
  for (const name of ["", ...names]) {
    const status = lstatSync(join(path, name));
    expect(status.mode & 0o777, name).toBe(status.isDirectory() ? 0o700 : 0o600);
  }
});
