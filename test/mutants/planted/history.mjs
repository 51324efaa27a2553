// Planted in what keeps, cuts and brings back the past of a database.

import { kv } from "./tests.mjs";

const RETENTION = "packages/kv/src/retention.ts";
const REWIND = "packages/kv/src/rewind.ts";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const history = [
  {
    name: "log-cut-before-snapshot-durable",
    breaks: "the log is cut below a snapshot file whose name a power cut can undo",
    file: RETENTION,
    edits: [
      ["    await fileSystem.syncDirectory(snapshots);\n", "    void [fileSystem, snapshots];\n"],
    ],
    tests: [
      kv("power-cut", "fault 37:"),
      kv("crash/faults", "fault 37:"),
      kv("retention", "at the sync of the snapshots' directory cuts nothing"),
    ],
  },
  {
    name: "log-cut-below-newest-snapshot",
    breaks:
      "the log is cut below the newest sound snapshot file: if that is damaged, nothing is left to begin from",
    file: RETENTION,
    edits: [
      [
        "      if (newest !== undefined) return file;\n      newest = file;",
        "      if (candidates.includes(file)) return file;\n      newest ??= file;",
      ],
    ],
    tests: [
      kv("crash/faults", "fault 37:"),
      kv("retention", "whose newest snapshot file is damaged"),
    ],
  },
  {
    name: "log-cut-below-unsound-snapshot",
    breaks: "retention counts on snapshot files that nobody has read back",
    file: RETENTION,
    edits: [
      [
        "if (!(await this.#sound.isSound(file, signal))) continue;",
        "if (signal.aborted) continue;",
      ],
    ],
    tests: [kv("retention", "counts on no snapshot file that is damaged")],
  },
  {
    name: "pins-ignored",
    breaks: "retention takes away what someone reads",
    file: RETENTION,
    edits: [
      [
        "const highest = Math.min(this.#windowStart(files), pins.lowest);",
        "const highest = Math.max(this.#windowStart(files), Math.min(0, pins.lowest));",
      ],
      [
        "    if (pins.lowest < endOffset) return;\n    pins.closeBelow(endOffset);\n",
        "    void pins;\n",
      ],
    ],
    tests: [kv("retention", "what someone reads, until it is read")],
  },
  {
    name: "rewind-forgets-writes",
    breaks: "a rewind leaves what was written while it looked for what had changed",
    file: REWIND,
    edits: [["settle(before.concat(notes.besides(before)))", "settle(before)"]],
    tests: [kv("rewind", "after it has found its target are undone by it too")],
  },
  {
    name: "rewind-trusts-pending",
    breaks: "a rewind goes by commits that are rejected meanwhile",
    file: REWIND,
    edits: [
      ["  await present.acknowledged();\n", "  if (last < -1) await present.acknowledged();\n"],
    ],
    tests: [kv("rewind", "that waited when it began fail it if they are rejected")],
  },
];
