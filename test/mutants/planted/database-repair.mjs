// Planted in verifying and repairing a database.

import { kv } from "./tests.mjs";

const CRASHED = kv("repair-crash", "leaves what another repair ends with the same");

/** @type {readonly import("../list.mjs").Mutant[]} */
export const databaseRepair = [
  {
    name: "kv-repair-aside-unsynced",
    breaks: "a power cut lets the repaired log replace the damaged one, which was to be kept",
    file: "packages/kv/src/repair/repair-steps.ts",
    edits: [["  await fileSystem.syncDirectory(parent);\n", "  void parent;\n"]],
    tests: [CRASHED],
  },
  {
    name: "kv-repair-not-announced",
    breaks: "after a crash nobody knows that the repaired parts were whole",
    file: "packages/kv/src/repair/repairing.ts",
    edits: [["    await announce(fileSystem, directory);\n", "    void announce;\n"]],
    tests: [CRASHED],
  },
  {
    name: "kv-repair-opens-half-way",
    breaks: "a database opens while a repair that was cut off is half in place",
    file: "packages/kv/src/open-database.ts",
    edits: [
      [
        "  if (!entries?.some(({ name }) => name === REPAIR_NAME)) return;\n",
        "  if (entries !== undefined) return;\n",
      ],
    ],
    tests: [kv("repair", "until then nothing opens the database")],
  },
  {
    name: "kv-repair-forgets-times",
    breaks: "a repaired log's commits all have the time of its first",
    file: "packages/kv/src/repair/repair-build.ts",
    edits: [["    this.#setTime(time);\n", "    this.#setTime(Math.min(time, 0));\n"]],
    tests: [kv("repair", "commits keep their times")],
  },
  {
    name: "kv-repair-chooses",
    breaks: "a repair loses history or commits without having been told which",
    file: "packages/kv/src/repair/repair-plan.ts",
    edits: [['  if (keep === "newest" || history', '  if (keep !== "history" || history']],
    tests: [kv("repair", "is the owner's to choose")],
  },
  {
    name: "kv-repair-unread",
    breaks: "snapshot files past the end of a log that was put back count for nothing",
    file: "packages/kv/src/repair/repair-plan.ts",
    edits: [
      [
        "Math.max(log?.knownEnd ?? 0, ...whole.map(({ endOffset }) => endOffset))",
        "Math.max(log?.knownEnd ?? 0, ...whole.map(() => 0))",
      ],
    ],
    tests: [kv("repair", "locks nobody out")],
  },
  {
    name: "kv-verify-values-unread",
    breaks: "a snapshot file with another value than the log makes passes",
    file: "packages/kv/src/repair/snapshot-check.ts",
    edits: [
      ["isSameValue(found.value, expected.value)", "isSameValue(expected.value, expected.value)"],
    ],
    tests: [kv("verify", "holds something else than the log makes")],
  },
];
