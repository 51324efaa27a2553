// Planted in what reads: indexes, readers beside a writer, followers.

import { codecs, log } from "./tests.mjs";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const reading = [
  {
    name: "index-trusted",
    breaks: "an index that leads astray is believed over its store: whole records count as damaged",
    file: "packages/wal/src/read-batch.ts",
    edits: [
      [
        "if (!segment.distrustIndex()) throw loaded;",
        "if (segment.sealed || !segment.distrustIndex()) throw loaded;",
      ],
    ],
    tests: [log("hostile", "fault 65:")],
  },
  {
    name: "index-offset-trusted",
    breaks: "the batch that an index points to is not asked for its offset",
    file: "packages/wal/src/read-batch.ts",
    edits: [
      [
        "if (header.firstOffset !== firstOffset || offset >= firstOffset + header.count) {",
        "if (offset >= firstOffset + header.count) {",
      ],
    ],
    tests: [log("hostile", "fault 65:")],
  },
  {
    name: "index-unverified",
    breaks: "the entries of an index are not held against their checksum",
    file: "packages/wal/src/batch-index.ts",
    edits: [
      [
        'if (readU32(bytes, ENTRIES_CHECKSUM_AT) !== entriesChecksum) return "wrong checksum of entries";',
        'if (entriesChecksum < 0) return "wrong checksum of entries";',
      ],
    ],
    tests: [codecs("batch-index")],
  },
  {
    name: "reader-shows-unproved",
    breaks: "a reader beside a writer shows batches that may yet be rejected",
    file: "packages/wal/src/live-reader.ts",
    edits: [
      [
        "const shown = extend(found, live ? found.provedOffset : found.endOffset);",
        "const shown = extend(found, live ? found.endOffset : found.endOffset);",
      ],
    ],
    tests: [log("beside", "a reader does not see what is not durable")],
  },
  {
    name: "reader-believes-at-once",
    breaks:
      "a reader's first bad verdict stands, though the writer may have rotated or cut meanwhile",
    file: "packages/wal/src/live-reader.ts",
    edits: [
      ["if (attempt >= ATTEMPTS_MAX || repeated ||", "if (attempt <= ATTEMPTS_MAX || repeated ||"],
    ],
    tests: [log("beside", "a directory that changes between two looks")],
  },
  {
    name: "follower-runs-ahead",
    breaks: "a follower gets records that are not durable",
    file: "packages/wal/src/follow.ts",
    edits: [["Math.min(list.durableOffset, offset", "Math.min(list.endOffset, offset"]],
    tests: [log("follow", "a follower sees nothing that is not durable")],
  },
  {
    name: "cut-unnoticed",
    breaks: "a reader goes on where records were cut from under it",
    file: "packages/wal/src/segment-list.ts",
    edits: [
      [
        "if (generation === this.truncationGeneration) return;",
        "if (offset <= this.endOffset || generation === this.truncationGeneration) return;",
      ],
    ],
    tests: [
      log("follow", "truncation under a follower"),
      log("reading", "records that are being read"),
    ],
  },
];
