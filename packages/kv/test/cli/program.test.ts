// The frame of the command line: help, usage, exit codes, errors, colours, terminals and endings.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { freshPath, openDatabase, temporaryDirectory } from "../fixture.js";
import {
  inTerminal,
  outcomeOf,
  PROGRAM,
  startTidemark,
  terminalRefusal,
  tidemark,
} from "./tidemark.js";

let noTerminal: string | undefined;

beforeAll(() => {
  noTerminal = terminalRefusal();
});

/** A closed database with two commits on one key. */
async function ledger(): Promise<string> {
  const database = await openDatabase(freshPath());
  await database.put("balance", 100);
  await database.mark("before-migration");
  await database.put("balance", -900);
  await database.close();
  return database.directory;
}

describe("usage", () => {
  test("help lists the commands and the exit codes", async () => {
    const { stdout, stderr, code } = await tidemark(["--help"]);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^Usage: tidemark/);
    expect(stdout).toMatch(/ info +what/);
    expect(stdout).toContain("Exit codes:");
  });

  test("help on a command has examples, and both ways of asking for it are the same", async () => {
    const [asked, flagged] = await Promise.all([
      tidemark(["help", "get"]),
      tidemark(["get", "--help"]),
    ]);
    expect(asked).toEqual(flagged);
    expect(asked.code).toBe(0);
    expect(asked.stdout).toContain("Examples:\n  $ tidemark get ./ledger balance\n");
    expect(asked.stdout).toContain("A time without a zone is local");
  });

  test("an unknown command is met with the one that was meant", async () => {
    const { stdout, stderr, code } = await tidemark(["inof", "x"]);
    expect({ stdout, code }).toEqual({ stdout: "", code: 2 });
    expect(stderr).toBe(
      "error: unknown command 'inof'\n(Did you mean info?)\nsee: tidemark --help\n",
    );
  });

  test("help on what is no command says so, and an empty path is none", async () => {
    const [help, empty, destination] = await Promise.all([
      tidemark(["help", "inof"]),
      tidemark(["info", ""]),
      tidemark(["backup", "x", ""]),
    ]);
    expect([help, empty, destination]).toEqual([
      { stdout: "", stderr: expect.stringContaining("unknown command 'inof'"), code: 2 },
      { stdout: "", stderr: expect.stringContaining("an empty text is no directory"), code: 2 },
      { stdout: "", stderr: expect.stringContaining("an empty text is no destination"), code: 2 },
    ]);
  });

  test.each([
    [["get", "x"], /missing required argument 'key'/],
    [["get", "x", "k", "--ofset", "1"], /unknown option '--ofset'\n\(Did you mean --offset\?\)/],
    [["get", "x", "k", "--offset", "-1"], /An offset is a whole number/],
    [["get", "x", "k", "--time", "2026-02-30"], /A time is written like/],
    [["get", "x", "k", "--key-format", "utf8"], /Allowed choices are text, json, hex/],
    [["info", "x", "y"], /too many arguments/],
  ])("%j is refused with what would be right", async (args, message) => {
    const { stdout, stderr, code } = await tidemark(args);
    expect({ stdout, code }).toEqual({ stdout: "", code: 2 });
    expect(stderr).toMatch(message);
    expect(stderr).toContain(`see: tidemark ${args[0]} --help\n`);
  });

  test("with --json an error is a line of JSON, with its code and what to do next", async () => {
    const { stdout, stderr, code } = await tidemark(["info", "/nowhere/at/all", "--json"]);
    expect({ stdout, code }).toEqual({ stdout: "", code: 3 });
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: "KV_NOT_FOUND",
        message: "there is no such directory (file /nowhere/at/all)",
        hint: expect.stringContaining("DATABASE"),
      },
    });
  });
});

describe("an output that takes nothing", () => {
  const run = (output: string, ...args: string[]) => {
    const command = `'${process.execPath}' '${PROGRAM}' ${args.join(" ")} ${output}`;
    const { status, stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8" });
    return { status, stderr };
  };

  test("ends even help, with what is the matter", (context) => {
    if (!existsSync("/dev/full"))
      return context.skip("there is no device here that is always full");
    const full = { status: 4, stderr: expect.stringContaining("ENOSPC: no space left on device") };
    expect(run("> /dev/full", "--help")).toEqual(full);
    expect(run("> /dev/full", "--version")).toEqual(full);
    expect(run("2> /dev/full", "info", "/nowhere")).toEqual({ status: 3, stderr: "" });
  });

  test("ends help without a word where nobody reads it", async () => {
    const child = startTidemark(["help", "get"]);
    child.stdout.destroy();
    expect(await outcomeOf(child)).toMatchObject({ stderr: "", code: 141 });
  });
});

describe("a directory that is none of ours", () => {
  test("is refused where there are other files, an empty one too", async () => {
    const directory = temporaryDirectory();
    const empty = await tidemark(["info", directory]);
    writeFileSync(join(directory, "notes.txt"), "mine");
    const foreign = await tidemark(["get", directory, "k"]);
    for (const { stdout, stderr, code } of [empty, foreign]) {
      expect({ stdout, code }).toEqual({ stdout: "", code: 3 });
      expect(stderr).toContain("there is no database and no log here");
    }
  });

  test("a file in its place is told apart from nothing there", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "file"), "mine");
    const { stderr, code } = await tidemark(["info", join(directory, "file")]);
    expect(code).toBe(3);
    expect(stderr).toContain("this is no directory");
  });

  test("a damaged one ends with 1, and says how to see the damage", async () => {
    const directory = join(temporaryDirectory(), "\u001b]0;title\u0007");
    mkdirSync(directory);
    writeFileSync(join(directory, "DATABASE"), "nothing of ours");
    const { stderr, code } = await tidemark(["info", directory]);
    expect(code).toBe(1);
    expect(stderr).toContain("can still be reached: tidemark verify '/");
    // A path can move a terminal's cursor as well as a value can.
    expect(stderr).toContain("\\u001b]0;title\\u0007");
    expect(stderr).not.toContain("\u001b");
  });
});

describe("colours", () => {
  test.each([
    ["nothing said", {}, false],
    ["FORCE_COLOR", { FORCE_COLOR: "1" }, true],
    ["FORCE_COLOR=0", { FORCE_COLOR: "0" }, false],
    ["NO_COLOR before FORCE_COLOR", { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
  ])("in a pipe with %s", async (_, environment, colored) => {
    const { stderr } = await tidemark(["info", "/nowhere"], { environment });
    expect(stderr.includes("\u001b[31merror:\u001b[39m")).toBe(colored);
  });

  test("in a terminal, but not with NO_COLOR or where it is dumb", async (context) => {
    if (noTerminal !== undefined) return context.skip(noTerminal);
    const directory = await ledger();
    const [plain, quiet, dumb] = await Promise.all([
      inTerminal(["info", directory]),
      inTerminal(["info", directory], { environment: { NO_COLOR: "1" } }),
      inTerminal(["info", directory], { environment: { TERM: "dumb" } }),
    ]);
    expect([plain.code, quiet.code, dumb.code]).toEqual([0, 0, 0]);
    expect(plain.shown).toContain("\u001b[2mkeys             \u001b[22mstrings");
    expect(quiet.shown).not.toContain("\u001b");
    expect(dumb.shown).toBe(quiet.shown);
  });
});
