// `tidemark restore`, `backup`, `checkpoint` and `repair`: databases made and mended from the command line.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Database, verifyDatabase } from "@tidemark/kv";
import { expect, test } from "vitest";
import { contents, filesIn, freshPath, openDatabase, reopen, snapshotFiles } from "../fixture.js";
import { outcomeOf, startTidemark, tidemark } from "./tidemark.js";

/** A live database with four commits, the second of which is the mark `opened`. */
async function ledger() {
  const database = await openDatabase(freshPath());
  await database.put("balance", 100);
  await database.mark("opened");
  await database.put("balance", -900);
  await database.put("other", 1);
  await stated(database);
  return database;
}

/** Resolves once the writer has stated that all is durable, after which it writes nothing by itself. */
async function stated({ directory, endOffset }: Database): Promise<void> {
  const reader = await openDatabase(directory, { readOnly: true, refreshMs: 0 });
  while ((await reader.refresh()) < endOffset) await setImmediate();
  await reader.close();
}

async function json(...args: string[]) {
  const { stdout, stderr, code } = await tidemark([...args, "--json"]);
  return code === 0 ? JSON.parse(stdout) : { code, ...JSON.parse(stderr) };
}

async function entriesOf(directory: string): Promise<[string, unknown][]> {
  const database = await openDatabase(directory, { createIfMissing: false });
  const entries = contents(database);
  await database.close();
  return entries;
}

test("restores a live database at a mark, after saying what that would be", async () => {
  const { directory } = await ledger();
  const before = filesIn(directory);
  const destination = freshPath();
  const plan = await json("restore", directory, destination, "--mark", "opened", "--dry-run");
  expect(plan).toMatchObject({ dryRun: true, destination, offset: 1, entries: 1 });
  expect(readdirSync(join(destination, ".."))).toEqual([]);
  const { stdout, code } = await tidemark(["restore", directory, destination, "--mark", "opened"]);
  expect({ stdout, code }).toEqual({ stdout: expect.stringContaining(destination), code: 0 });
  expect(await entriesOf(destination)).toEqual([["balance", 100]]);
  expect(filesIn(directory)).toEqual(before);
});

test("copies a live database with its history, and up to a target alone", async () => {
  const { directory } = await ledger();
  const before = filesIn(directory);
  const [whole, part] = [freshPath(), freshPath()];
  expect(await json("backup", directory, whole)).toMatchObject({ first: 0, offset: 3, commits: 4 });
  expect(await json("backup", directory, part, "--offset", "2")).toMatchObject({ offset: 2 });
  expect(await entriesOf(whole)).toEqual([
    ["balance", -900],
    ["other", 1],
  ]);
  const copy = await openDatabase(part);
  expect(contents(copy)).toEqual([["balance", -900]]);
  expect(contents(await copy.at({ mark: "opened" }))).toEqual([["balance", 100]]);
  expect(copy.endOffset).toBe(3);
  expect(filesIn(directory)).toEqual(before);
});

test.each([
  ["restore", ["--offset", "2"]],
  ["backup", []],
])(
  "%s leaves what stands at its destination, and needs a target that exists",
  async (command, target) => {
    const { directory } = await ledger();
    const destination = join(freshPath(), "..");
    writeFileSync(join(destination, "mine"), "mine");
    const occupied = await json(command, directory, destination, ...target);
    expect(occupied).toMatchObject({ code: 4, error: { code: "KV_EXISTS" } });
    const unknown = await json(command, directory, freshPath(), "--mark", "none");
    expect(unknown).toMatchObject({ code: 3, error: { code: "KV_TARGET_OUT_OF_RANGE" } });
    expect(readdirSync(destination)).toEqual(["mine"]);
  },
);

test("restore without a target says what would be one", async () => {
  const { directory } = await ledger();
  const { stderr, code } = await tidemark(["restore", directory, freshPath()]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/say which state: --offset, --time or --mark/);
});

test.each(["restore", "backup"])("Ctrl-C leaves nothing of a %s, and says so", async (command) => {
  const database = await openDatabase(freshPath());
  for (let i = 0; i < 20; i++) await database.put(`key ${i}`, "v".repeat(2_000_000));
  await database.close();
  const destination = freshPath();
  const around = join(destination, "..");
  const args = command === "restore" ? ["--offset", "19"] : [];
  const child = startTidemark([command, database.directory, destination, ...args]);
  const ended = outcomeOf(child);
  while (readdirSync(around).length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  child.kill("SIGINT");
  // Under npx it arrives a second time.
  await new Promise((resolve) => setTimeout(resolve, 2));
  child.kill("SIGINT");
  const { stdout, stderr, code } = await ended;
  expect({ stdout, code }).toEqual({ stdout: "", code: 130 });
  expect(stderr).toContain(`nothing was made at ${destination}`);
  expect(readdirSync(around)).toEqual([]);
});

test("a checkpoint is written where no process has the database, and keeps all history", async () => {
  const database = await ledger();
  const { directory } = database;
  const { code, error } = await json("checkpoint", directory);
  expect({ code, error }).toMatchObject({ code: 4, error: { code: "KV_LOCKED" } });
  expect(error.message).toContain(`process ${process.pid}`);
  expect(error.hint).toContain("makes checkpoints by itself");
  await database.close();
  expect(await json("checkpoint", directory)).toMatchObject({ written: true, endOffset: 4 });
  expect(snapshotFiles(directory)).toHaveLength(1);
  const again = await reopen(database);
  expect(contents(await again.at({ offset: 0 }))).toEqual([["balance", 100]]);
});

test("a rewind says what it would change, is one commit, and is undone by another", async () => {
  const database = await ledger();
  const { directory } = database;
  await database.put("lease", "gone", { ttl: 1 });
  await database.put("kept", 1, { ttl: 3_600_000 });
  await database.mark("crowded");
  await database.batch([
    { type: "del", key: "lease" },
    { type: "put", key: "kept", value: 1 },
    { type: "del", key: "other" },
  ]);
  await stated(database);
  const before = filesIn(directory);
  const rewind = ["rewind", directory, "--mark", "crowded"];
  const plan = await tidemark([...rewind, "--dry-run"]);
  // The expiry alone is a change; what has expired by now does not come back.
  expect(plan.stdout).toMatch(/^- kept = 1\n\+ kept = 1 {2}\(until [^)]*\)\n\+ other = 1\n$/);
  const locked = await json(...rewind);
  expect(locked).toMatchObject({ code: 4, error: { hint: expect.stringContaining("rewind()") } });
  expect(filesIn(directory)).toEqual(before);
  const expected = contents(database);
  await database.close();
  expect(await json(...rewind)).toEqual({ changed: true, offset: 8, before: 7 });
  expect(await json(...rewind)).toEqual({ changed: false, offset: 8, before: 8 });
  expect((await entriesOf(directory)).map(([key]) => key)).toEqual(["balance", "kept", "other"]);
  const undone = await tidemark(["rewind", directory, "--offset", "7"]);
  expect(undone.stdout).toBe(
    `rewound     in commit 9\nto undo it  tidemark rewind ${directory} --offset 8\n`,
  );
  expect(await entriesOf(directory)).toEqual(expected);
});

test("rewind needs a target, and one that exists", async () => {
  const database = await ledger();
  await database.close();
  const [none, unknown] = await Promise.all([
    tidemark(["rewind", database.directory]),
    json("rewind", database.directory, "--mark", "none"),
  ]);
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("say to what: --offset") });
  expect(unknown).toMatchObject({ code: 3, error: { code: "KV_TARGET_OUT_OF_RANGE" } });
});

test("a mark is set once, where no process has the database", async () => {
  const database = await ledger();
  const { directory } = database;
  const locked = await json("mark", directory, "closed");
  expect(locked).toMatchObject({ code: 4, error: { hint: expect.stringContaining("mark()") } });
  await database.close();
  expect(await json("mark", directory, "closed")).toEqual({ name: "closed", offset: 4 });
  const again = await json("mark", directory, "opened");
  expect(again).toMatchObject({ code: 4, error: { code: "KV_MARK_EXISTS" } });
  expect(await json("mark", directory, "")).toMatchObject({ code: 2 });
  expect((await reopen(database)).marks()).toHaveLength(2);
});

/** A byte of the commit at offset 2 is another; its database is closed. */
async function damaged(): Promise<string> {
  const database = await ledger();
  await database.close();
  const file = join(database.directory, "log", "00000001.log");
  const bytes = readFileSync(file);
  const position = bytes.indexOf("balance", bytes.indexOf("balance") + 1);
  bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position);
  writeFileSync(file, bytes);
  return database.directory;
}

test("a repair that loses commits is done only where that is accepted", async () => {
  const directory = await damaged();
  const before = filesIn(directory);
  const plan = await tidemark(["repair", directory]);
  expect(plan.code).toBe(1);
  expect(plan.stdout).toMatch(/would be done\n[\s\S]*lost: commits 2 to 3\n/);
  expect(plan.stdout).toContain(`tidemark repair ${directory} --apply --accept-loss`);
  const refused = await tidemark(["repair", directory, "--apply", "--json"]);
  expect(refused.code).toBe(1);
  expect(JSON.parse(refused.stdout)).toMatchObject({ refused: true, changed: false });
  expect(filesIn(directory)).toEqual(before);
  const done = await tidemark(["repair", directory, "--apply", "--accept-loss"]);
  expect(done.code).toBe(0);
  expect(done.stdout).toContain("set aside: ");
  expect(await entriesOf(directory)).toEqual([["balance", 100]]);
  expect(await tidemark(["repair", directory])).toMatchObject({
    stdout: "nothing is damaged\n",
    code: 0,
  });
});

test("a repair that loses nothing is done when told to, and asks for what no file tells", async () => {
  const database = await ledger();
  await database.close();
  const { directory } = database;
  rmSync(join(directory, "DATABASE"));
  const unknown = await tidemark(["repair", directory]);
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain("say it with --keys");
  const { stdout } = await tidemark(["verify", directory]);
  expect(stdout).toContain(`(file ${join(directory, "DATABASE")})\n`);
  expect(stdout).toContain("tidemark repair makes the file anew");
  const done = await tidemark(["repair", directory, "--keys", "string", "--apply"]);
  expect(done).toMatchObject({ code: 0, stderr: "" });
  expect((await verifyDatabase(directory)).ok).toBe(true);
  expect(await entriesOf(directory)).toHaveLength(2);
});

test("a log alone is repaired in the words of a log", async () => {
  const directory = join(await damaged(), "log");
  const wrong = await tidemark(["repair", directory, "--keep", "newest"]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("--keep is before or after");
  const shown = await tidemark(["repair", directory]);
  expect(shown.stdout).toContain("  kept: records 0 to 1\n  lost: records 2 to 3\n");
  const plan = await tidemark(["repair", directory, "--json"]);
  expect(plan.code).toBe(1);
  expect(JSON.parse(plan.stdout)).toMatchObject({ kind: "log", lost: [{ from: 2, to: 4 }] });
  const done = await tidemark(["repair", directory, "--apply", "--accept-loss"]);
  expect(done.code).toBe(0);
  expect(await entriesOf(join(directory, ".."))).toEqual([["balance", 100]]);
});

test("a database that was never one is none to repair", async () => {
  const directory = join(freshPath(), "..");
  expect(await tidemark(["repair", directory])).toMatchObject({ code: 3, stdout: "" });
  await expect(Database.open(directory, { createIfMissing: false })).rejects.toThrow();
});
