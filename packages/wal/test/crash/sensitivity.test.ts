// That the exploration can fail: a disk that only says that it synced is a log that forgot the sync, and each
// sync of the log is there because some crash needs it.

import { CrashViolation } from "@tidemark/wal/testing";
import { expect, test } from "vitest";
import { explore, replay } from "./explore.js";
import type { Program } from "./program.js";

const growing: Program = {
  durability: "commit",
  steps: [
    { do: "append", bytes: 40 },
    { do: "settle" },
    { do: "append", bytes: 2500 },
    { do: "append", bytes: 1500 },
    { do: "settle" },
    { do: "append", bytes: 3000 },
    { do: "append", bytes: 60 },
    { do: "settle" },
    { do: "truncateFrom", back: 2 },
    { do: "append", bytes: 700 },
    { do: "settle" },
    { do: "truncateBefore", percent: 100 },
    { do: "append", bytes: 80 },
    { do: "settle" },
  ],
};

const synced: Program = {
  durability: "os",
  steps: [
    { do: "append", bytes: 2500 },
    { do: "settle" },
    { do: "append", bytes: 2500 },
    { do: "settle" },
    { do: "sync" },
    { do: "settle" },
    { do: "append", bytes: 50, sync: true },
    { do: "settle" },
  ],
};

const cases = [
  ["commits are not synced", "datasync", /\d\.log$/, growing],
  ["sync() does not sync", "datasync", /\d\.log$/, synced],
  ["a manifest is not synced before its rename", "sync", /MANIFEST\.new$/, growing],
  ["a new segment is not synced before its rename", "sync", /\.log\.new$/, growing],
  ["a sealed segment is not synced", "sync", /\d\.log$/, growing],
  ["the log's directory is not synced", "syncDirectory", /^\/log$/, growing],
  ["the directory around the log is not synced", "syncDirectory", /^\/$/, growing],
] as const;

const effort = { profiles: ["P1", "P2", "P3"], budget: 60, deepOneIn: 1e9, seed: 1 } as const;

test("nothing is seen where every sync is honest", async () => {
  await explore(growing, effort);
  await explore(synced, effort);
});

test.each(cases)("it is seen where %s", async (_name, call, path, program) => {
  const forgetful = { ...program, lies: { call, path: path.source } };
  const violation = await explore(forgetful, effort).catch((error: unknown) => error);
  expect(violation).toBeInstanceOf(CrashViolation);
  // What it prints shows it again.
  const [, where = ""] = /CRASH_REPLAY='(.*)' npx/.exec(String(violation)) ?? [];
  await expect(replay(JSON.parse(where))).rejects.toThrow(CrashViolation);
});
