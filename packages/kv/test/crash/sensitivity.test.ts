// That the exploration can fail: a disk that only says that it synced is a database that forgot the sync, and each
// sync of the database is there because some crash needs it.

import { CrashViolation } from "@tidemark/wal/testing";
import { expect, test } from "vitest";
import { type Effort, explore } from "./explore.js";
import type { Program, Step } from "./program.js";

const settle: Step = { do: "settle" };

const program: Program = {
  durability: "commit",
  steps: [
    { do: "write", change: { key: 0, bytes: 300 } },
    settle,
    { do: "batch", changes: [{ key: 1, bytes: 900 }, { key: 0 }, { key: 2, bytes: 30 }] },
    settle,
    { do: "checkpoint" },
    settle,
    { do: "write", change: { key: 1, bytes: 40 } },
    settle,
    { do: "restore", percent: 100, by: "offset" },
    { do: "write", change: { key: 3, bytes: 40 } },
    settle,
  ],
};

const cases = [
  ["commits are not synced", "datasync", /\/log\/\d+\.log$/],
  ["DATABASE is not synced before its rename", "sync", /DATABASE\.new$/],
  ["the database's directory is not synced", "syncDirectory", /^\/database$/],
  ["the directory around the database is not synced", "syncDirectory", /^\/$/],
  ["a snapshot file is not synced before its rename", "sync", /^\/database\/.*\.snapshot\.new$/],
  ["the directory of snapshots is not synced", "syncDirectory", /^\/database\/snapshots$/],
  ["the snapshot file of a copy is not synced", "sync", /^\/copy.*\.snapshot\.new$/],
  ["the directory of a copy's snapshots is not synced", "syncDirectory", /^\/copy.*\/snapshots$/],
  ["the directory of a copy is not synced", "syncDirectory", /^\/copy[^/]*$/],
  ["the log of a copy is not synced", "sync", /^\/copy.*\/log\/MANIFEST\.new$/],
] as const;

const effort: Effort = { profiles: ["P1", "P2", "P3"], budget: 24, deepOneIn: 1e9, seed: 1 };

test("nothing is seen where every sync is honest", async () => {
  await explore(program, effort);
});

test.each(cases)("it is seen where %s", async (_name, call, path) => {
  const forgetful = explore(program, effort, undefined, {
    arrange: (disk) => disk.fail({ call, path, manner: "lies" }),
  });
  await expect(forgetful).rejects.toThrow(CrashViolation);
});
