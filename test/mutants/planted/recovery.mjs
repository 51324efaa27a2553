// Planted in recovery: the verdict on the end of a log, setting aside, cutting, and making durable what is left.

import { crash, log } from "./tests.mjs";

const OPENING = "packages/wal/src/opening.ts";
const TAIL = "packages/wal/src/tail.ts";
const TRIM = "packages/wal/src/trim.ts";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const recovery = [
  {
    name: "durable-offset-ignored",
    breaks:
      "no later batch proves that a bad one had been acknowledged: damage is cut off as a torn tail",
    file: TAIL,
    edits: [
      [
        "if (header.durableOffset > tear.offset) {",
        "if (header.durableOffset > Number.MAX_SAFE_INTEGER) {",
      ],
    ],
    tests: [log("corruption", "fault 11:")],
  },
  {
    name: "proof-in-one-segment",
    breaks: "of two unsealed segments only the torn one is searched for proof",
    file: TAIL,
    edits: [
      ["if (index < tear.segmentIndex) continue;", "if (index !== tear.segmentIndex) continue;"],
    ],
    tests: [log("corruption", "fault 11: a bit flipped at the end of a segment")],
  },
  {
    name: "floor-ignored",
    breaks: "a log that ends below the manifest's floor is taken for whole",
    file: TAIL,
    edits: [
      [
        "if (offset < floor.offset || short) throw",
        "if (offset < 0 && (offset < floor.offset || short)) throw",
      ],
    ],
    tests: [log("corruption", "fault 14:")],
  },
  {
    name: "floor-checksum-ignored",
    breaks: "another batch of the same offsets may stand before the floor",
    file: TAIL,
    edits: [
      [
        "const same = segment.endOffset === floor.offset && segment.lastChecksum === floor.checksum;",
        "const same = segment.endOffset === floor.offset;",
      ],
    ],
    tests: [log("corruption", "fault 16: another batch")],
  },
  {
    name: "misplaced-trimmed",
    breaks: "a valid batch with another offset than is due counts as torn",
    file: TAIL,
    edits: [
      [
        "if (scan.stop.misplaced && !gap) throw",
        "if (scan.stop.misplaced && !gap && offset < 0) throw",
      ],
    ],
    tests: [log("corruption", "fault 16:", "fault 17:")],
  },
  {
    name: "gap-refused",
    breaks:
      "a later unsealed segment that is ahead, since the end of the one before was lost, is refused",
    file: TAIL,
    edits: [
      [
        "const gap = first && scan.stop.ahead === true;",
        "const gap = first && scan.stop.ahead === undefined;",
      ],
    ],
    tests: [crash("faults", "fault 69:")],
  },
  {
    name: "zeros-end-the-log",
    breaks: "zeros where a batch should be are an end, whatever stands behind them",
    file: "packages/wal/src/scan.ts",
    edits: [
      [
        "const found = firstNonZero(this.#source.file, this.position, this.#limit);",
        "const found: number = -1;",
      ],
    ],
    tests: [log("corruption", "fault 18:"), log("tail", "garbage behind zeros")],
  },
  {
    name: "quarantine-skipped",
    breaks: "torn bytes are cut off without a copy",
    file: TRIM,
    edits: [["  if (bytes === 0) return {", "  if (bytes >= 0) return {"]],
    tests: [log("tail", "fault 1:", "fault 10:")],
  },
  {
    name: "quarantine-unsynced",
    breaks: "the copy of torn bytes is in the page cache when the only other copy goes",
    file: TRIM,
    edits: [["    await copy.sync();\n", ""]],
    tests: [log("power-cut", "fault 10:")],
  },
  {
    name: "quarantine-unnamed",
    breaks: "the name of the copy of torn bytes is not durable when the only other copy goes",
    file: TRIM,
    edits: [["    await fileSystem.syncDirectory(directory);\n", ""]],
    tests: [log("power-cut", "fault 10:")],
  },
  {
    name: "torn-tail-kept",
    breaks: "a torn tail is set aside and stays behind what is appended next",
    file: TRIM,
    edits: [
      [
        "for (const segment of [...torn].reverse()) await segment.cutToSize();",
        "for (const segment of [...torn].reverse()) await segment.datasync();",
      ],
    ],
    tests: [log("tail", "a whole batch behind a torn one")],
  },
  {
    name: "rewrite-skipped",
    breaks: "what is not proved durable is not written again, only synced",
    file: TRIM,
    edits: [
      [
        "if (segment.endOffset <= provenOffset) return 0;",
        "if (segment.endOffset >= provenOffset) return 0;",
      ],
    ],
    tests: [log("power-cut", "fault 43:"), log("opening", "the report of a recovery")],
  },
  {
    name: "tail-unsynced",
    breaks: "an opening shows what is in the page cache alone",
    file: TRIM,
    edits: [
      ["      await file.sync();\n    }\n    return rewritten;", "    }\n    return rewritten;"],
    ],
    tests: [crash("faults", "fault 68:")],
  },
  {
    name: "size-untouched",
    breaks: "an opening syncs sizes that a failed sync may have marked clean",
    file: TRIM,
    edits: [
      [
        "      await file.truncate(size + SIZE_STEP_BYTES);\n      await file.truncate(size);\n",
        "      void [size, SIZE_STEP_BYTES];\n",
      ],
    ],
    tests: [crash("faults", "fault 66:"), crash("programs", "where calls fail")],
  },
  {
    name: "ancestors-unsynced",
    breaks: "a directory that a killed opener had made is not made durable by the next",
    file: OPENING,
    edits: [
      [
        "      await fileSystem.syncDirectory(path);\n",
        "      if (path === directory) await fileSystem.syncDirectory(path);\n",
      ],
    ],
    tests: [log("power-cut", "fault 30:")],
  },
  {
    name: "opening-trusts-the-name",
    breaks: "an opening goes on from a manifest whose name a power cut may undo",
    file: OPENING,
    edits: [
      [
        "    await fileSystem.syncDirectory(directory);\n    // The manifest comes first",
        "    // The manifest comes first",
      ],
    ],
    tests: [
      crash("faults", "fault 36:", "fault 38:", "fault 31:"),
      crash("programs", "where nothing fails"),
    ],
  },
  {
    name: "unknown-segment-accepted",
    breaks:
      "a segment with records that the manifest does not know does not prove the manifest old",
    file: "packages/wal/src/directory.ts",
    edits: [
      [
        '    yield new LogError("LOG_CORRUPT", reason, {',
        '    if (found.firstOffset < 0) yield new LogError("LOG_CORRUPT", reason, {',
      ],
    ],
    tests: [log("files", "fault 24:", "fault 29:")],
  },
  {
    name: "lost-manifest-made-anew",
    breaks: "a directory with segments and no manifest becomes a new log",
    file: "packages/wal/src/directory.ts",
    edits: [
      [
        '    if (storeId(name) === undefined || kind !== "file") continue;\n    if (inspectStore(fileSystem, join(directory, name)).kind === "foreign") continue;',
        '    if (storeId(name) === undefined || kind === "file") continue;\n    if (inspectStore(fileSystem, join(directory, name)).kind === "foreign") continue;',
      ],
      [
        "if (isOurs(name) && storeId(name) === undefined) continue;",
        "if (isOurs(name) || storeId(name) !== undefined) continue;",
      ],
    ],
    tests: [log("files", "fault 28:")],
  },
  {
    name: "repair-aside-unsynced",
    breaks: "what a repair leaves out is copied, and gone after a power cut",
    file: "packages/wal/src/repair-steps.ts",
    edits: [["      await target.sync();\n", ""]],
    tests: [log("power-cut", "fault 39:")],
  },
  {
    name: "repair-aside-unnamed",
    breaks: "what a repair leaves out is copied under names that a power cut can undo",
    file: "packages/wal/src/repair-steps.ts",
    edits: [["  await fileSystem.syncDirectory(aside);\n", ""]],
    tests: [log("power-cut", "fault 39:")],
  },
  {
    name: "sealed-header-mended-alone",
    breaks:
      "a repair writes the damaged header of a sealed segment anew although records are gone too",
    file: "packages/wal/src/examine.ts",
    edits: [
      ["}`,\n  };\n  return { ...found, headerOnly: false,", "}`,\n  };\n  return { ...found,"],
    ],
    tests: [log("repair", "whose header is damaged keeps no more than the records that are there")],
  },
  {
    name: "header-mended-below-floor",
    breaks: "a repair writes a damaged header anew although records below the floor are gone too",
    file: "packages/wal/src/examine.ts",
    edits: [
      [
        "at least`,\n  };\n  return { ...found, headerOnly: false,",
        "at least`,\n  };\n  return { ...found,",
      ],
    ],
    tests: [log("repair", "whose header is damaged keeps no more than the records that are there")],
  },
];
