// The commands that read: what they print, of databases and logs, sound and damaged, beside a live writer too.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Log } from "@tidemark/wal";
import { describe, expect, onTestFinished, test } from "vitest";
import { filled, flip, positionOf, store } from "../damaged.js";
import { freshPath, openDatabase } from "../fixture.js";
import {
  outcomeOf,
  startInTerminal,
  startTidemark,
  terminalRefusal,
  tidemark,
} from "./tidemark.js";

const START = Date.UTC(2026, 0, 31, 9, 0);

/** A database with six commits, a minute apart. */
async function ledger() {
  let now = START - 60_000;
  const clock = () => now;
  const database = await openDatabase<unknown>(freshPath(), { log: { clock, noteAfterMs: 1 } });
  const commit = async (write: () => Promise<unknown>) => {
    now += 60_000;
    await write();
  };
  await commit(() => database.put("balance", 100));
  await commit(() => database.batch([{ type: "put", key: "user:1", value: { name: "Ann" } }]));
  await commit(() => database.mark("before-migration"));
  await commit(() => database.put("balance", -900, { ttl: 1000 * 60 * 60 * 24 * 365 * 100 }));
  await commit(() => database.del("user:1"));
  await commit(() => database.clear({ gte: "v" }));
  return database;
}

async function closedLedger(): Promise<string> {
  const database = await ledger();
  await database.close();
  return database.directory;
}

/** What a run printed, line by line; it ended well. */
async function lines(...args: string[]): Promise<string[]> {
  const { stdout, stderr, code } = await tidemark(args);
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  return stdout.split("\n").slice(0, -1);
}

async function json(...args: string[]): Promise<unknown[]> {
  return (await lines(...args, "--json")).map((line) => JSON.parse(line));
}

function digestOf(directory: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(directory, name);
    hash.update(`${name}\n${statSync(path).mtimeMs}\n`);
    if (statSync(path).isFile()) hash.update(readFileSync(path));
  }
  return hash.digest("hex");
}

describe("a database", () => {
  test("is read now and at targets, key by key and whole", async () => {
    const directory = await closedLedger();
    const results = await Promise.all([
      lines("range", directory),
      lines("range", directory, "--mark", "before-migration", "--prefix", "user:"),
      json("range", directory, "--offset", "2", "--reverse", "--limit", "1"),
      lines("at", directory, "--time", "2026-01-31T09:02:30Z"),
      lines("at", directory, "--offset", "2", "get", "balance"),
      lines("at", directory, "--offset", "2", "keys", "--lt", "c"),
      json("at", directory, "--offset", "2", "count"),
    ]);
    expect(results).toEqual([
      [expect.stringMatching(/^balance = -900 {2}\(until 2126-01-07T09:03:00.000Z\)$/)],
      ['user:1 = {"name":"Ann"}'],
      [{ key: "user:1", value: { name: "Ann" }, version: 1, time: START + 60_000 }],
      [
        `database  ${directory}`,
        "offset    2",
        "time      2026-01-31T09:02:30.000Z",
        "keys      2",
      ],
      ["100"],
      ["balance"],
      [{ count: 2 }],
    ]);
  });

  test("tells its history, differences, marks and commits", async () => {
    const directory = await closedLedger();
    const [history, span, diff, marks, commits, part] = await Promise.all([
      lines("history", directory, "user:1"),
      json("history", directory, "balance", "--offset", "1", "--offset", "2"),
      lines("diff", directory, "--offset", "1", "--mark", "before-migration"),
      json("marks", directory),
      lines("dump", directory),
      json("dump", directory, "--time", "2026-01-31T09:04Z"),
    ]);
    const at = (minute: number) => `${minute}  2026-01-31T09:0${minute}:00.000Z`;
    expect(history).toEqual([`${at(1)}  {"name":"Ann"}`, `${at(4)}  deleted`]);
    expect(span).toEqual([{ offset: 0, time: START, deleted: false, value: 100 }]);
    expect(diff).toEqual([]);
    expect(marks).toEqual([
      { name: "before-migration", offset: 2, time: START + 120_000, reachable: true },
    ]);
    expect(commits).toEqual([
      `${at(0)}  put balance = 100`,
      `${at(1)}  put user:1 = {"name":"Ann"}`,
      `${at(2)}  mark before-migration`,
      expect.stringContaining(`${at(3)}  put balance = -900  (until 2126-`),
      `${at(4)}  del user:1`,
      `${at(5)}  clear from v`,
    ]);
    expect(part).toEqual([
      { offset: 4, time: START + 240_000, operations: [{ type: "del", key: "user:1" }] },
      { offset: 5, time: START + 300_000, operations: [{ type: "clear", gte: "v" }] },
    ]);
  });

  test("shows what changed since a target in the order of keys", async () => {
    const directory = await closedLedger();
    expect(await lines("diff", directory, "--mark", "before-migration")).toEqual([
      "- balance = 100",
      expect.stringMatching(/^\+ balance = -900 {2}\(until/),
      '- user:1 = {"name":"Ann"}',
    ]);
  });

  test.each([
    [["diff"], 2, "diff needs one target or two"],
    [["at"], 2, "at needs a target"],
    [["at", "--offset", "1", "got", "k"], 2, 'there is no read "got"'],
    [["dump", "--offset", "3", "--offset", "1"], 2, "the second target lies before the first"],
    [["dump", "--as", "bytes"], 2, "Allowed choices are records, batches, headers"],
    [
      ["at", "--time", "2099-01-01T00:00Z"],
      3,
      "no state at time 4070908800000 (2099-01-01T00:00:00.000Z)",
    ],
    [["at", "--time", "8640000000000001"], 3, "no state at time 8640000000000001: commits 0"],
    [["history", "k", "--mark", "none"], 3, 'no state at mark "none"'],
  ])("%j is refused", async ([command = "", ...rest], exit, message) => {
    const directory = await closedLedger();
    const { stdout, stderr, code } = await tidemark([command, directory, ...rest]);
    expect({ stdout, code }).toEqual({ stdout: "", code: exit });
    expect(stderr).toContain(message);
  });
});

describe("the log alone", () => {
  test("is looked into record by record, batch by batch and header by header", async () => {
    const log = await Log.open(freshPath(), { clock: () => START, noteAfterMs: 0 });
    await log.appendBatch([Buffer.from("text"), Buffer.from([0, 255])]);
    await log.close();
    const { directory } = log;
    const [records, batches, headers, about, refused] = await Promise.all([
      lines("dump", directory),
      json("dump", directory, "--as", "batches"),
      json("dump", directory, "--as", "headers"),
      json("info", directory),
      tidemark(["get", directory, "k"]),
    ]);
    const at = "2026-01-31T09:00:00.000Z";
    expect(records).toEqual([`0  ${at}  4 bytes  "text"`, `1  ${at}  2 bytes  00ff`]);
    expect(batches).toMatchObject([{ position: 64, header: { firstOffset: 0, count: 2 } }]);
    const kinds = (headers as { kind: string }[]).map(({ kind }) => kind);
    expect(kinds).toEqual(["manifest", "segment", "batch"]);
    expect(about).toMatchObject([{ kind: "log", logId: log.id, endOffset: 2, firstTime: START }]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("is a log alone");
  });
});

describe("damage", () => {
  test("is shown on a map of segments, with what it means, and ends with 1", async () => {
    const directory = await filled();
    const path = store(directory, 1);
    flip(path, positionOf(path, "filler") + 20);
    const [shown, told, whole] = await Promise.all([
      tidemark(["verify", directory]),
      tidemark(["verify", directory, "--json"]),
      tidemark(["verify", await filled()]),
    ]);
    expect([shown.code, told.code, whole.code]).toEqual([1, 1, 0]);
    const map = shown.stdout.split("\n").filter((line) => line.includes(".log  ["));
    expect(map[0]).toMatch(
      /^ {2}00000001\.log {2}\[#{32}\] {2}offsets 0 to \d+; [\d.]+ KiB, sealed$/,
    );
    expect(map[1]).toMatch(/^ {2}00000002\.log {2}\[!+#+\] .* damaged at byte 64$/);
    expect(shown.stdout).toContain("damage: log: damaged batch");
    expect(shown.stdout).toMatch(/\n {4}commit \d+ cannot be read; the files make the states of/);
    expect(shown.stdout).toContain("commits whose states the files make: ");
    expect(shown.stdout).toContain(`is lost by that: tidemark repair ${directory}\n`);
    const report = JSON.parse(told.stdout);
    expect(report.log.segments[1].damaged).toEqual([{ from: 64, to: expect.any(Number) }]);
    expect(whole.stdout).toMatch(/commits that can be reached: 0 to 59\nfine: /);
  });

  test("keeps what is whole behind it from nobody who asks", async () => {
    const directory = await filled();
    const path = store(directory, 1);
    flip(path, positionOf(path, "filler") + 20);
    const [plain, past, headers] = await Promise.all([
      tidemark(["dump", directory]),
      tidemark(["dump", directory, "--past-damage", "--json"]),
      tidemark(["dump", directory, "--as", "headers"]),
    ]);
    expect([plain.code, past.code, headers.code]).toEqual([1, 1, 1]);
    expect(plain.stderr).toContain("see what is damaged");
    const found = past.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    expect(found.filter(({ offset }) => offset !== undefined)).toHaveLength(59);
    expect(found.at(-1)).toEqual({ damage: expect.stringContaining("damaged batch") });
    expect(headers.stdout).toContain("unreadable, ");
  });
});

test("a database that lacks a part is damaged, whichever command looks, and verify is named", async () => {
  const [headless, logless] = [await closedLedger(), await closedLedger()];
  rmSync(join(headless, "DATABASE"));
  rmSync(join(logless, "log"), { recursive: true });
  const runs = [
    ...["dump", "marks", "export"].map((command) => [command, headless]),
    ["tail", headless, "--limit", "1"],
    ["dump", logless, "--as", "headers"],
    ["dump", logless, "--past-damage"],
  ];
  const outcomes = await Promise.all(runs.map((args) => tidemark(args)));
  for (const { stderr, code } of outcomes) {
    expect({ stderr, code }).toEqual({
      stderr: expect.stringContaining("tidemark verify"),
      code: 1,
    });
  }
});

test("nothing on disk changes, at rest and beside a live writer", async () => {
  const database = await ledger();
  const { directory } = database;
  // The note after the last commit is the last that an idle writer writes.
  await expect.poll(async () => (await json("info", directory))[0]).toMatchObject({ endOffset: 6 });
  const runs = [
    ["info"],
    ["verify"],
    ["get", "balance"],
    ["range"],
    ["history", "balance"],
    ["diff", "--offset", "1"],
    ["marks"],
    ["at", "--offset", "1"],
    ["dump"],
    ["dump", "--past-damage"],
    ["dump", "--as", "headers"],
    ["tail", "--limit", "1"],
  ];
  const readAll = async () => {
    const before = digestOf(directory);
    const codes = await Promise.all(
      runs.map(async ([command = "", ...rest]) => {
        return (await tidemark([command, directory, ...rest])).code;
      }),
    );
    expect(codes).toEqual(runs.map(() => 0));
    expect(digestOf(directory)).toBe(before);
  };
  await readAll();
  await database.put("more", 1);
  await database.close();
  await readAll();
});

describe("endings", () => {
  test("tail prints what a live writer commits, until Ctrl-C", async () => {
    const database = await ledger();
    const child = startTidemark(["tail", database.directory, "-n", "1", "--json"]);
    onTestFinished(() => void child.kill("SIGKILL"));
    let shown = "";
    child.stdout.on("data", (bytes: Buffer) => {
      shown += bytes.toString("utf8");
    });
    const ended = outcomeOf(child);
    await expect.poll(() => shown, { timeout: 30_000 }).toContain('"offset":5');
    await database.put("late", 7);
    await expect.poll(() => shown, { timeout: 30_000 }).toContain('"key":"late","value":7');
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ stderr: "", code: 130 });
  });

  test("Ctrl-C typed in a terminal ends it too", async (context) => {
    const refusal = terminalRefusal();
    if (refusal !== undefined) return context.skip(refusal);
    const child = startInTerminal(["tail", await closedLedger()]);
    onTestFinished(() => void child.kill("SIGKILL"));
    child.stdout.once("data", () => void child.stdin.write("\u0003"));
    expect((await outcomeOf(child)).code).toBe(130);
  });

  test("a reader that goes away ends it without a word", async () => {
    const database = await openDatabase(freshPath());
    const writes = Array.from({ length: 3000 }, (_, i) =>
      database.put(`key ${i}`, "v".repeat(100)),
    );
    await Promise.all(writes);
    await database.close();
    const child = startTidemark(["dump", database.directory]);
    child.stdout.once("data", () => child.stdout.destroy());
    expect(await outcomeOf(child)).toMatchObject({ stderr: "", code: 141 });
  });
});
