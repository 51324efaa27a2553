// Planted in what keeps, cuts and brings back the past of a database.

import { kv } from "./tests.mjs";

const RETENTION = "packages/kv/src/upkeep/retention.ts";
const REWIND = "packages/kv/src/writing/rewind.ts";

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
        "const highest = Math.min(wanted.endOffset, pins.lowest);",
        "const highest = Math.max(wanted.endOffset, Math.min(0, pins.lowest));",
      ],
      [
        'assert(pins.lowest >= endOffset, "nothing is removed that someone reads");',
        'assert(pins.lowest >= Math.min(0, endOffset), "nothing is removed that someone reads");',
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
  {
    name: "backup-of-what-may-go",
    breaks: "a backup holds commits that the source has not on stable storage",
    file: "packages/kv/src/backup/hot-backup.ts",
    edits: [
      [
        "const endOffset = await settle();",
        "void settle;\n    const endOffset = source.log.endOffset;",
      ],
    ],
    tests: [
      kv(
        "backup",
        "of one whose writes wait for nothing is made of what it has made durable first",
      ),
    ],
  },
  {
    name: "repair-begins-unsynced",
    breaks: "a power cut forgets that a repair has begun, when it has moved some parts already",
    file: "packages/kv/src/repair/repair-steps.ts",
    edits: [
      [
        "join(directory, REPAIR_NAME));\n  await fileSystem.syncDirectory(directory);\n}\n\n/** Puts",
        "join(directory, REPAIR_NAME));\n}\n\n/** Puts",
      ],
    ],
    tests: [kv("repair-crash", "leaves what another repair ends with the same")],
  },
  {
    name: "removal-planned-once",
    breaks: "what expires after the first removal stays for ever",
    file: "packages/kv/src/writing/removal.ts",
    edits: [["      this.plan(this.#parts.now());\n", ""]],
    tests: [kv("removal")],
  },
  {
    name: "removal-asks-the-poisoned",
    breaks: "removal asks a poisoned log again and again",
    file: "packages/kv/src/writing/removal.ts",
    edits: [['hasCode(error, "KV_FAILED", "KV_CLOSED")', 'hasCode(error, "KV_CLOSED")']],
    tests: [kv("removal", "is given up where the log has failed for good")],
  },
];
