// `tidemark export` and `import`: lossless, beside a live writer, and whole again after whatever cuts them off.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import {
  contents,
  filesIn,
  freshPath,
  openBytes,
  openDatabase,
  temporaryDirectory,
} from "../fixture.js";
import { outcomeOf, startTidemark, tidemark } from "./tidemark.js";

const ENTRIES = 12_000;

/** A closed database with many keys. */
async function large(): Promise<string> {
  const database = await openDatabase(freshPath());
  await database.transaction<void>((transaction) => {
    for (let i = 0; i < ENTRIES; i++) transaction.put(keyOf(i), { i, text: "v".repeat(100) });
  });
  await database.close();
  return database.directory;
}

/** A closed database with a key. */
async function closed(): Promise<string> {
  const database = await openDatabase(freshPath());
  await database.put("key", 1);
  await database.close();
  return database.directory;
}

function keyOf(i: number): string {
  return `key ${String(i).padStart(6, "0")}`;
}

/** Lines as an export of so many entries has them, without those of the export itself. */
function linesOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) =>
    JSON.stringify({ key: keyOf(i), value: { i, text: "v".repeat(100) } }),
  );
}

function fileOf(...lines: string[]): string {
  const path = join(temporaryDirectory(), "lines.jsonl");
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

async function entriesOf(directory: string): Promise<[string, unknown][]> {
  const database = await openDatabase(directory, { createIfMissing: false });
  const entries = contents(database);
  await database.close();
  return entries;
}

test("what a live database has comes through a pipe as it was, with its expiry to the ms", async () => {
  const database = await openDatabase(freshPath());
  const values = [
    new Map<unknown, unknown>([[{ a: 1 }, new Set([1n, Number.NaN])]]),
    undefined,
    new Date(5),
    new Float64Array([1.5]),
    "\u001b[2J \u2028 \ud800",
    { $map: 1, __proto__: null },
  ];
  for (const [i, value] of values.entries()) await database.put(`\u00e9 ${i}\n`, value);
  const version = await database.put("lease", "held", { ttl: 3_600_000 });
  const reader = await openDatabase(database.directory, { readOnly: true });
  while ((await reader.refresh()) <= version) await setImmediate();
  const before = filesIn(database.directory);
  const exported = await tidemark(["export", database.directory]);
  expect(exported).toMatchObject({ stderr: "", code: 0 });
  expect(filesIn(database.directory)).toEqual(before);
  const copy = freshPath();
  const args = ["import", copy, "--create", "string", "--json"];
  const imported = await tidemark(args, { input: exported.stdout });
  expect(JSON.parse(imported.stdout)).toMatchObject({ written: 7, lines: 9, offset: 0 });
  const same = await openDatabase(copy);
  expect(contents(same)).toStrictEqual(contents(database));
  expect(same.getEntry("lease")?.expiry).toBe(database.getEntry("lease")?.expiry);
});

test("what is there already writes nothing, values that are not equal to themselves among it", async () => {
  const directory = freshPath();
  const values = ['{"$number":"NaN"}', '[{"$date":null}]', '{"$map":[[{"$date":null},1]]}', "{}"];
  const input = values.map((value, i) => `{"key":"${i}","value":${value}}`).join("\n");
  const args = ["import", directory, "--create", "string", "--json"];
  const first = await tidemark(args, { input });
  const again = await tidemark(args, { input });
  expect(JSON.parse(first.stdout)).toMatchObject({ written: 4, unchanged: 0 });
  expect(JSON.parse(again.stdout)).toMatchObject({ written: 0, unchanged: 4, offset: 0 });
});

test("the lines of the documents are read, and written as they are there", async () => {
  const page = fileURLToPath(new URL("../../../../docs/exports.md", import.meta.url));
  const [, block = ""] = /```jsonl\n([^`]+)```/.exec(readFileSync(page, "utf8")) ?? [];
  const directory = freshPath();
  const imported = await tidemark(["import", directory, "--create", "string"], { input: block });
  expect(imported).toMatchObject({ stderr: "", code: 0 });
  const { stdout } = await tidemark(["export", directory]);
  expect(stdout.split("\n").slice(1)).toEqual(block.split("\n").slice(1));
});

test("keys of bytes come through, and only into a database of such", async () => {
  const database = await openBytes();
  await database.put(Buffer.from([0xff, 0]), 1);
  await database.close();
  const { stdout } = await tidemark(["export", database.directory]);
  const copy = freshPath();
  await tidemark(["import", copy, "--create", "bytes"], { input: stdout });
  const same = await openBytes(copy);
  expect([...same.entries()]).toEqual([[Uint8Array.of(0xff, 0), 1]]);
  const other = await openDatabase(freshPath());
  await other.close();
  const refusal = await tidemark(["import", other.directory], { input: stdout });
  expect(refusal.code).toBe(1);
  expect(refusal.stderr).toMatch(/line 1, column \d+: key: .* are strings\nnothing was imported/);
});

test("exports the state at a target, to a file with its name once it is whole", async () => {
  const database = await openDatabase(freshPath());
  await database.put("balance", 100);
  await database.mark("opened");
  await database.put("balance", -900);
  await database.close();
  const output = join(temporaryDirectory(), "then.jsonl");
  const args = ["export", database.directory, "--mark", "opened", "--output", output];
  const { stdout, code } = await tidemark([...args, "--json"]);
  expect(code).toBe(0);
  const bytes = readFileSync(output).length;
  expect(JSON.parse(stdout)).toMatchObject({ file: output, offset: 1, entries: 1, bytes });
  const [head, entry, end] = readFileSync(output, "utf8").trim().split("\n");
  expect(JSON.parse(head ?? "")).toMatchObject({ tidemark: "export", format: 1, offset: 1 });
  expect([entry, end].map((line) => JSON.parse(line ?? ""))).toEqual([
    { key: "balance", value: 100 },
    { tidemark: "end", entries: 1 },
  ]);
  const again = await tidemark(args);
  expect(again.code).toBe(4);
  expect(again.stderr).toContain("--force");
  expect((await tidemark([...args, "--force"])).code).toBe(0);
  expect(readdirSync(join(output, ".."))).toEqual(["then.jsonl"]);
});

test("an export that was cut off anywhere is gone on with, to the same bytes", async () => {
  const directory = await large();
  const output = join(temporaryDirectory(), "all.jsonl");
  const args = ["export", directory, "--output", output];
  expect((await tidemark([...args, "--offset", "0"])).code).toBe(0);
  const whole = readFileSync(output, "utf8");
  rmSync(output);
  const child = startTidemark(args);
  const ended = outcomeOf(child);
  const unfinished = `${output}.unfinished`;
  while (!existsSync(unfinished)) await setImmediate();
  child.kill("SIGINT");
  const { code, stderr } = await ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/ended by SIGINT\n(nothing was made|what was exported so far)/);
  // As a crash may leave it: with part of a line, and a state that has gone on.
  writeFileSync(unfinished, whole);
  truncateSync(unfinished, 400_000);
  appendFileSync(unfinished, "\0".repeat(whole.length));
  const database = await openDatabase(directory);
  await database.put(keyOf(0), "later");
  await database.close();
  const refused = await tidemark(args);
  expect(refused.stderr).toContain("--resume");
  const resumed = await tidemark([...args, "--resume", "--json"]);
  expect(JSON.parse(resumed.stdout)).toMatchObject({ entries: ENTRIES });
  expect(readFileSync(output, "utf8")).toBe(whole);
});

test("a closed pipe ends an export quietly, and a full device says so", async (context) => {
  const directory = await large();
  const child = startTidemark(["export", directory]);
  child.stdout.once("data", () => child.stdout.destroy());
  let stderr = "";
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const [code] = await once(child, "exit");
  expect({ code, stderr }).toEqual({ code: 141, stderr: "" });
  if (!existsSync("/dev/full")) return context.skip("there is no device here that is always full");
  const words = [process.execPath, child.spawnargs[1] ?? "", "export", directory];
  const full = spawnSync("sh", ["-c", `'${words.join("' '")}' > /dev/full`], { encoding: "utf8" });
  expect(full.status).toBe(4);
  expect(full.stderr).toContain("ENOSPC");
});

/** A file system of its own with so much space; undefined where this user may not mount one. */
function smallDisk(bytes: number): string | undefined {
  if (process.platform !== "linux") return undefined;
  const directory = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-small-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const options = ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", directory];
  if (spawnSync("mount", options).status !== 0) return undefined;
  onTestFinished(() => {
    spawnSync("umount", ["--lazy", directory]);
  });
  return directory;
}

test("a full disk leaves nothing of an export, and of an import what it had committed", async (context) => {
  const disk = smallDisk(600_000);
  if (disk === undefined) return context.skip("this user may not mount a small disk");
  const directory = await large();
  const exported = await tidemark(["export", directory, "-o", join(disk, "all.jsonl")]);
  expect(exported.code).toBe(4);
  expect(exported.stderr).toContain("nothing was made at");
  expect(readdirSync(disk)).toEqual([]);
  const copy = join(disk, "copy");
  const args = ["import", copy, fileOf(...linesOf(ENTRIES)), "--create", "string", "--json"];
  const { code, stderr } = await tidemark(args);
  expect(code).toBe(4);
  const { error } = JSON.parse(stderr);
  expect(error).toMatchObject({ code: "KV_NO_SPACE", lines: error.written });
  expect(await entriesOf(copy)).toHaveLength(error.written);
});

test.each([
  ['{"key": "b", "value": }', /line 1502, column 23: this is no JSON/],
  ['{"key": "b", "valeu": 1}', /line 1502, column 14: valeu: an entry has no such property/],
  ['{"key": "b", "value": {"$date": 1}}', /line 1502, column 14: value: \$date needs/],
  ['{"key": "b\\ud800", "value": 1}', /line 1502, column 2: key: a key has no lone surrogates/],
  ['{"value": 1}', /line 1502, column 1: key: it is missing/],
  [`{"key": "b", "value": ${"[".repeat(20_000)}${"]".repeat(20_000)}}`, /line 1502, .*deep/],
])(
  "a bad line %# writes nothing of its batch, and says where it is and what stands",
  async (bad, message) => {
    const directory = freshPath();
    const lines = linesOf(1501);
    const args = ["import", directory, "--create", "string"];
    const refused = await tidemark([...args, fileOf(...lines, bad, '{"key": "c", "value": 1}')]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(message);
    expect(refused.stderr).toContain("committed: lines 1 to 1000 (1,000 entries written)");
    expect(await entriesOf(directory)).toHaveLength(1000);
    const mended = await tidemark(["import", directory, fileOf(...lines), "--json"]);
    expect(JSON.parse(mended.stdout)).toMatchObject({ written: 501, unchanged: 1000 });
  },
);

test("an import that is killed, and run again, comes to what it is in one go", async () => {
  const directory = freshPath();
  // The last line for a key stands, wherever the one before was cut off.
  const lines = [...linesOf(ENTRIES), ...linesOf(10).map((line) => line.replace("vvv", "w"))];
  const path = fileOf(...lines);
  const args = ["import", directory, path, "--create", "string"];
  const child = startTidemark(args);
  const ended = outcomeOf(child);
  const log = join(directory, "log", "00000001.log");
  while (!existsSync(log) || !readFileSync(log).includes(keyOf(1999))) await setImmediate();
  child.kill("SIGKILL");
  await ended;
  expect((await tidemark(args)).code).toBe(0);
  const oneGo = freshPath();
  await tidemark(["import", oneGo, path, "--create", "string"]);
  expect(await entriesOf(directory)).toEqual(await entriesOf(oneGo));
  const again = await tidemark([...args, "--json"]);
  expect(JSON.parse(again.stdout)).toMatchObject({ unchanged: ENTRIES - 10 });
});

test("Ctrl-C commits what was read, says so, and leaves a way back", async () => {
  const database = await openDatabase(freshPath());
  await database.put("mine", 1);
  await database.close();
  const { directory } = database;
  const child = startTidemark(["import", directory, "--mark", "before", "--json"]);
  const ended = outcomeOf(child);
  child.stdin.on("error", () => undefined).write(`${linesOf(1500).join("\n")}\n`);
  const log = join(directory, "log", "00000001.log");
  while (!readFileSync(log).includes(keyOf(999))) await setImmediate();
  child.kill("SIGINT");
  const { stdout, stderr, code } = await ended;
  expect({ stdout, code }).toEqual({ stdout: "", code: 130 });
  const { error } = JSON.parse(stderr);
  expect(error.message).toContain(`committed: lines 1 to ${error.lines}`);
  expect(error.lines).toBeGreaterThanOrEqual(1000);
  const after = await openDatabase(directory);
  expect(after.size).toBe(error.lines + 1);
  expect(contents(await after.at({ mark: "before" }))).toEqual([["mine", 1]]);
});

test("an export that is not whole is read in, and told of", async () => {
  const { stdout } = await tidemark(["export", await large()]);
  const lines = stdout.trim().split("\n");
  const path = fileOf(...lines.slice(0, -1));
  const copy = freshPath();
  const cut = await tidemark(["import", copy, path, "--create", "string"]);
  expect(cut.code).toBe(1);
  expect(cut.stderr).toContain("this export was cut off");
  expect(await entriesOf(copy)).toHaveLength(ENTRIES);
  appendFileSync(path, `${JSON.stringify({ tidemark: "end", entries: 1 })}\n`);
  const wrong = await tidemark(["import", copy, path]);
  expect(wrong.stderr).toContain("its last line says 1");
});

test("imports only where it was told to: into a database that is there, or an empty one", async () => {
  const path = fileOf('{"key": "a", "value": 1}');
  const directory = freshPath();
  expect(await tidemark(["import", directory, path])).toMatchObject({ code: 3 });
  expect(existsSync(directory)).toBe(false);
  const args = ["import", directory, path, "--create", "string", "--if-empty"];
  expect(await tidemark(args)).toMatchObject({ code: 0 });
  const full = await tidemark(args);
  expect(full.code).toBe(2);
  expect(full.stderr).toContain("the database has 1 key");
});

test("paths that cannot be read or written are told apart, without hints at databases", async () => {
  const [directory, elsewhere] = [await closed(), temporaryDirectory()];
  const [input, nowhere, folder] = await Promise.all([
    tidemark(["import", directory, "nothing.jsonl"]),
    tidemark(["export", directory, "--output", join(elsewhere, "none", "file")]),
    tidemark(["export", directory, "--output", elsewhere]),
  ]);
  expect(input).toMatchObject({ code: 3, stderr: "error: there is no file nothing.jsonl\n" });
  const see = "see: tidemark export --help\n";
  const told = `error: there is no directory ${join(elsewhere, "none")} to write to\n${see}`;
  expect(nowhere).toMatchObject({ code: 2, stderr: told });
  expect(folder).toMatchObject({ code: 2, stderr: `error: ${elsewhere} is no file\n${see}` });
});
