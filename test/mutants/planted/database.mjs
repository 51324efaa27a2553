// Planted in the database: its agreement with the log, its files.

import { kv } from "./tests.mjs";

const PRESENT = "packages/kv/src/state/present.ts";
const SNAPSHOT_WRITER = "packages/kv/src/formats/snapshot-writer.ts";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const database = [
  {
    name: "undo-oldest-first",
    breaks: "rejected commits are undone in the order in which they were made",
    file: PRESENT,
    edits: [
      [
        "      const last = this.#pending.at(-1);\n      if (last === undefined || last.offset < end) return;\n      this.#undo(last);\n      this.#pending.pop();",
        "      const at = this.#pending.findIndex(({ offset }, i) => i >= this.#pendingFrom && offset >= end);\n      const last = this.#pending[at];\n      if (last === undefined) return;\n      this.#undo(last);\n      this.#pending.splice(at, 1);",
      ],
      ["      this.#endOffset = last.offset;", "      this.#endOffset = end;"],
    ],
    tests: [kv("rejection", "fault 67:", "fault 66:")],
  },
  {
    name: "undo-within-commit-in-order",
    breaks:
      "the changes of a rejected commit to one key are undone in the order in which they were made",
    file: PRESENT,
    edits: [
      [
        "for (let i = operations.length - 1; i >= 0; i--) {",
        "for (let i = 0; i < operations.length; i++) {",
      ],
    ],
    tests: [kv("present"), kv("rejection")],
  },
  {
    name: "commit-before-settling",
    breaks: "a commit takes its offset while rejected ones are still applied",
    file: PRESENT,
    edits: [
      [
        "    this.settle();\n    const offset = this.#log.endOffset;",
        "    const offset = this.#log.endOffset;",
      ],
    ],
    tests: [kv("rejection", "whoever asks first after a rejection"), kv("present")],
  },
  {
    name: "snapshot-unsynced",
    breaks: "a snapshot file gets its name before its bytes are synced",
    file: SNAPSHOT_WRITER,
    edits: [["    await this.#file.sync();\n", ""]],
    tests: [kv("power-cut", "faults 34 to 36:")],
  },
  {
    name: "snapshot-name-unsynced",
    breaks: "a checkpoint reports a snapshot file whose name is not durable",
    file: SNAPSHOT_WRITER,
    edits: [["    await this.#fileSystem.syncDirectory(this.#directory);\n", ""]],
    tests: [kv("power-cut", "faults 34 to 36:")],
  },
  {
    name: "snapshot-in-place",
    breaks: "a snapshot file is written under its own name",
    file: "packages/kv/src/formats/layout.ts",
    edits: [["directory, endOffset)}.new`;", "directory, endOffset)}`;"]],
    tests: [kv("checkpoint", "faults 34 to 36:")],
  },
  {
    name: "checkpoint-ahead-of-log",
    breaks: "a snapshot file holds commits that are not on stable storage in the log",
    file: "packages/kv/src/upkeep/checkpoint.ts",
    edits: [
      [
        "const endOffset = await source.log.sync();",
        "const endOffset = source.log.acknowledgedOffset;",
      ],
    ],
    tests: [kv("checkpoint", "covers only what is on stable storage")],
  },
  {
    name: "snapshot-ahead-accepted",
    breaks: "a snapshot file with commits that the log has lost is passed over in silence",
    file: "packages/kv/src/open-database.ts",
    edits: [["    if (settled) {", "    if (settled && claimed < endOffset) {"]],
    tests: [kv("opening", "fault 64:")],
  },
  {
    name: "identity-unsynced",
    breaks: "DATABASE gets its name before its bytes are synced",
    file: "packages/kv/src/formats/identity-file.ts",
    edits: [["    await file.sync();\n", ""]],
    tests: [kv("power-cut", "a power cut at any call of a creation")],
  },
  {
    name: "identity-name-unsynced",
    breaks: "commits are acknowledged in a directory that is no database after a power cut",
    file: "packages/kv/src/formats/identity-file.ts",
    edits: [["    await fileSystem.syncDirectory(directory);\n", ""]],
    tests: [kv("power-cut", "a power cut at any call of a creation")],
  },
  {
    name: "restore-name-unsynced",
    breaks: "a restore reports a database whose name a power cut can undo",
    file: "packages/kv/src/past/destination.ts",
    edits: [
      [
        "    await fileSystem.syncDirectory(dirname(destination));\n",
        "    void dirname(destination);\n",
      ],
    ],
    tests: [kv("power-cut", "fault 40:")],
  },
  {
    name: "index-misses-puts",
    breaks: "a key that is put again is found with what it had before",
    file: "packages/kv/src/state/state.ts",
    edits: [["    this.#index?.put(prefix, text);\n", ""]],
    tests: [kv("key-index", "tells of each key what one without does")],
  },
  {
    name: "index-keeps-ranges",
    breaks: "a key is found after its range was deleted",
    file: "packages/kv/src/state/state.ts",
    edits: [["      this.#index?.clear(items, interval);\n", ""]],
    tests: [kv("key-index", "tells of each key what one without does")],
  },
  {
    name: "index-not-undone",
    breaks: "keys are not found once the log has rejected the deletion of their range",
    file: "packages/kv/src/state/state.ts",
    edits: [["this.become(previous)", "this.#items = previous.#items"]],
    tests: [kv("key-index", "once the deletion of a range is undone")],
  },
  {
    name: "index-hole-closed-wrongly",
    breaks: "a key is not found once another one with a like hash is deleted",
    file: "packages/kv/src/state/index-shard.ts",
    edits: [["< ((slot - hole) & MASK)", "< 0"]],
    tests: [kv("key-index", "finds every key while it is filled")],
  },
  {
    name: "index-hash-foretold",
    breaks: "which keys have the same hash is the same in every process",
    file: "packages/kv/src/state/key-hash.ts",
    edits: [["Math.imul(factors[at] as number,", "Math.imul(31 ** (at % 4),"]],
    tests: [kv("key-index", "meet by no other")],
  },
];
