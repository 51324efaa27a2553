// The main job, on the first flights of its input: wherever the kill falls, after damage, and when it is interrupted.

import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Database } from "@tidemark/kv";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  type Ended,
  launch,
  makeTemporary,
  type Running,
  remove,
  runExample,
  startExample,
  temporaryDirectory,
} from "./running.js";

/** Not a multiple of the flights in a commit: the last one is short. */
const FLIGHTS = 6003;
const COMMITS = 1201;
const LIMIT = ["--limit", String(FLIGHTS)];

/** The numbers that the output says after each of these words. */
function said(output: string) {
  const number = (pattern: RegExp) => {
    const found = pattern.exec(output)?.[1];
    return found === undefined ? Number.NaN : Number(found.replaceAll(",", ""));
  };
  return {
    killAtPercent: number(/to be killed at ([\d.]+) %/),
    told: number(/the last it told: ([\d,]+) commits/),
    found: number(/commits found +([\d,]+)/),
    replayed: number(/commits replayed +([\d,]+)/),
    flights: number(/Done\n +flights +([\d,]+)/),
    commits: number(/Done\n.*\n +commits +([\d,]+)/),
    compared: number(/entries compared +([\d,]+)/),
    checks: number(/checks passed +([\d,]+)/),
    ok: output.match(/^ {2}ok /gm)?.length,
  };
}

function expectSuccess(ended: Ended): Ended {
  const { exit, errors, output } = ended;
  expect({ exit, errors }, output).toEqual({ exit: 0, errors: "" });
  return ended;
}

describe("the kill", () => {
  test.each([
    ["--kill-at 0", 0],
    ["--kill-at 0.004", 0.4],
    ["--kill-at 1", 100],
    // Elsewhere with another seed, in the same place with the same.
    ["--seed 7", 58.2],
    ["--seed 8", 83.6],
  ])("with %s comes at %f percent of the work and loses nothing", async (args, percent) => {
    const ended = await runExample("flights", [...LIMIT, ...args.split(" ")]);
    expectSuccess(ended);
    expect(ended.left).toEqual([]);
    const numbers = said(ended.output);
    expect(numbers.killAtPercent).toBe(percent);
    expect(numbers.told).toBeGreaterThanOrEqual(Math.floor((percent / 100) * COMMITS) - 1);
    expect(numbers.found).toBeGreaterThanOrEqual(numbers.told);
    expect(numbers.replayed).toBe(numbers.found);
    expect(numbers).toMatchObject({ flights: FLIGHTS, commits: COMMITS });
    expect(numbers.compared).toBeGreaterThan(1000);
    expect(numbers.checks).toBeGreaterThanOrEqual(12);
    expect(numbers.ok).toBe(numbers.checks);
  });
});

describe("a kept run", () => {
  const temporary = makeTemporary();
  let kept: { readonly directory: string; readonly output: string };

  beforeAll(async () => {
    const { ended } = launch("flights", [...LIMIT, "--kill-at", "0.5", "--keep"], temporary);
    const { output } = expectSuccess(await ended);
    const [name = ""] = readdirSync(temporary);
    kept = { directory: join(temporary, name), output };
  });

  afterAll(() => remove(temporary));

  /** A copy of the database, to be damaged. */
  function copyDatabase(): string {
    const copy = join(temporaryDirectory(), "database");
    cpSync(join(kept.directory, "database"), copy, { recursive: true });
    return copy;
  }

  test("has shown the past beside the present", () => {
    const row = (name: string) =>
      new RegExp(`^ +${name} +([\\d,]+) +([\\d,]+) +([\\d,]+)$`, "m")
        .exec(kept.output)
        ?.slice(1)
        .map((cell) => Number(cell.replaceAll(",", "")));
    const [offset = 0, , last] = row("commit") ?? [];
    expect(offset + 1).toBe(said(kept.output).found);
    expect(last).toBe(COMMITS - 1);
    const [atOffset = 0, atTime = 0, now] = row("flights") ?? [];
    expect(atOffset).toBe((offset + 1) * 5);
    expect(atTime).toBeGreaterThanOrEqual(FLIGHTS / 2);
    expect(now).toBe(FLIGHTS);
  });

  test("has been rewound in one commit and put back in another", () => {
    const commit = (pattern: RegExp) => Number(pattern.exec(kept.output)?.[1]?.replaceAll(",", ""));
    expect(commit(/commit ([\d,]+) marks/)).toBe(COMMITS);
    expect(commit(/commit ([\d,]+) rewinds/)).toBe(COMMITS + 1);
    expect(commit(/commit ([\d,]+) undoes/)).toBe(COMMITS + 2);
    expect(commit(/([\d,]+) keys differ/)).toBeGreaterThan(100);
    expect(kept.output).toContain(`the present, as it was holds the first 6,003 flights`);
  });

  test("passes when it is checked again, and so does what was restored", async () => {
    for (const name of ["database", "restored"]) {
      const ended = await runExample("flights", ["--check", join(kept.directory, name)]);
      expectSuccess(ended);
      expect(said(ended.output).ok).toBe(6);
    }
  });

  test("with one tally changed is a mismatch: what was expected and found", async () => {
    const directory = copyDatabase();
    await write(directory, "hour/00", { flights: 698, delayed: 0, minutes: 0, worst: 0 });
    const { exit, errors } = await runExample("flights", ["--check", directory]);
    expect(exit).toBe(1);
    expect(errors).toContain("MISMATCH");
    expect(errors).toMatch(/expected +hour\/00 = \{ flights: 697,/);
    expect(errors).toMatch(/found +hour\/00 = \{ flights: 698,/);
  });

  test.each([
    ["missing", "hour/00", undefined],
    ["too many", "hour/000", { flights: 1, delayed: 0, minutes: 0, worst: 0 }],
  ])("with one key %s is a mismatch", async (_, key, tally) => {
    const directory = copyDatabase();
    await write(directory, key, tally);
    const { exit, errors } = await runExample("flights", ["--check", directory]);
    expect(exit).toBe(1);
    expect(errors).toMatch(/MISMATCH[\s\S]*hour\/00/);
  });

  test("with a damaged log is refused by name", async () => {
    const directory = copyDatabase();
    const store = join(directory, "log", "00000001.log");
    const bytes = readFileSync(store);
    const middle = bytes.length >> 1;
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
    writeFileSync(store, bytes);
    const { exit, errors } = await runExample("flights", ["--check", directory]);
    expect(exit).toBe(1);
    expect(errors).toContain("KV_CORRUPT");
    expect(errors).toContain("00000001.log");
  });

  /** One more commit; without a tally it deletes the key. */
  async function write(directory: string, key: string, tally: object | undefined): Promise<void> {
    const database = await Database.open(directory);
    await (tally === undefined ? database.del(key) : database.put(key, tally));
    await database.close();
  }
});

describe("an interruption", () => {
  /** Starts the whole job and waits for its child to hold the database; returns that one's directory. */
  async function startIngesting(): Promise<Running & { directory: string; childPid: number }> {
    const running = startExample("flights", ["--kill-at", "1"]);
    return vi.waitFor(
      () => {
        const [name = ""] = readdirSync(running.temporary);
        const directory = join(running.temporary, name, "database");
        const holder: { pid: number } = JSON.parse(
          readFileSync(join(directory, "log", "LOCK"), "utf8"),
        );
        return { ...running, directory, childPid: holder.pid };
      },
      { timeout: 20_000, interval: 10 },
    );
  }

  test("by Ctrl-C kills the child and leaves nothing behind", async () => {
    const { child, childPid, ended, temporary } = await startIngesting();
    expect(childPid).not.toBe(child.pid);
    child.kill("SIGINT");
    const { exit, errors } = await ended;
    expect(exit).toBe(130);
    expect(errors).toContain("interrupted by SIGINT");
    expect(readdirSync(temporary)).toEqual([]);
    expect(() => process.kill(childPid, 0)).toThrow("ESRCH");
  });

  test("by the death of the parent ends the child, and the database can be opened", async () => {
    const { child, ended, directory } = await startIngesting();
    child.kill("SIGKILL");
    expect((await ended).exit).toBe("SIGKILL");
    const database = await vi.waitFor(() => Database.open(directory), { timeout: 20_000 });
    expect(database.endOffset).toBeLessThan(40_000);
    await database.close();
  });
});

describe("arguments", () => {
  test("that make no sense are refused before anything is done", async () => {
    for (const args of [["--kill-at", "1.5"], ["--limit", "0"], ["--seed", "x"], ["--unknown"]]) {
      const { exit, output, errors, left } = await runExample("flights", args);
      expect({ exit, output, left }, args.join(" ")).toEqual({ exit: 2, output: "", left: [] });
      expect(errors).toContain(args[0]);
      expect(errors).toContain("--check DIR");
    }
  });

  test("--help says what there is", async () => {
    const ended = await runExample("flights", ["--help"]);
    expectSuccess(ended);
    expect(ended.output).toContain("--kill-at S");
  });
});
