// Planted in the lock.

import { fileSystem, log } from "./tests.mjs";

const LOCK = "packages/wal/src/lock.ts";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const locks = [
  {
    name: "lock-text-unchecked",
    breaks: "where the text decides, a living holder's lock is taken",
    file: LOCK,
    edits: [
      [
        "    refuseUnlessDead(attempt, text);\n    await writeText",
        '    if (text === "") refuseUnlessDead(attempt, text);\n    await writeText',
      ],
    ],
    tests: [fileSystem("lock", "a process that exists holds it")],
  },
  {
    name: "lock-text-ignored-by-kernel",
    breaks: "who has the kernel's lock takes it from a living holder without one",
    file: LOCK,
    edits: [
      ['if (holder?.lock === "text") refuse', 'if (holder?.lock === "text" && text === "") refuse'],
    ],
    tests: [fileSystem("lock", "a live holder without a kernel lock is respected")],
  },
  {
    name: "busy-lock-taken",
    breaks: "a lock that the kernel has given to another is taken",
    file: LOCK,
    edits: [
      [
        'if (outcome === "busy") throw',
        'if (outcome === "busy" && attempt.directory === "") throw',
      ],
      ['return outcome === "locked" ?', 'return outcome !== "unsupported" ?'],
    ],
    tests: [fileSystem("lock", "fault 51:"), log("opening", "a second opener of the same process")],
  },
  {
    name: "busy-lock-judged-by-text",
    breaks: "where the kernel has given the lock to another, the text decides all the same",
    file: LOCK,
    edits: [
      [
        'if (outcome === "busy") throw',
        'if (outcome === "busy" && attempt.directory === "") throw',
      ],
    ],
    tests: [fileSystem("lock", "a holder whose text is not there yet")],
  },
  {
    name: "doubt-counts-as-dead",
    breaks: "a lock in doubt counts as that of a dead holder",
    file: "packages/wal/src/lock-text.ts",
    edits: [
      ['if (holder === undefined) return "unknown";', 'if (holder === undefined) return "dead";'],
    ],
    tests: [fileSystem("lock", "a text that names nobody is in doubt", "is alive in doubt")],
  },
];
