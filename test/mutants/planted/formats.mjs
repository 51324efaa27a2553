// Planted in the codecs and in the calls that everything stands on.

import { codecs, fuzz, kv, log } from "./tests.mjs";

const BATCH = "packages/wal/src/batch.ts";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const formats = [
  {
    name: "checksum-unseeded",
    breaks: "the marker does not seed the checksums of a batch",
    file: BATCH,
    edits: [
      [
        "return crc32(bytes.subarray(at + 8, at + BATCH_HEADER_LENGTH), marker);",
        "return crc32(bytes.subarray(at + 8, at + BATCH_HEADER_LENGTH), marker & 0);",
      ],
      [
        "return crc32(bytes.subarray(at + 8, at + 40), marker);",
        "return crc32(bytes.subarray(at + 8, at + 40), marker & 0);",
      ],
    ],
    tests: [codecs("batch")],
  },
  {
    name: "body-checksum-unseeded",
    breaks: "a body's checksum does not depend on the header that it belongs to",
    file: BATCH,
    edits: [
      [
        "crc32(bytes.subarray(bodyAt, bodyAt + fields.bodyLength), seed));",
        "crc32(bytes.subarray(bodyAt, bodyAt + fields.bodyLength)));",
      ],
      [
        "crc32(bytes.subarray(start, end), bodySeed(bytes, at, marker));",
        "crc32(bytes.subarray(start, end), marker & 0);",
      ],
    ],
    tests: [codecs("batch")],
  },
  {
    name: "body-unverified",
    breaks: "a body is not held against its checksum",
    file: BATCH,
    edits: [
      [
        'if (checksum !== header.bodyChecksum) return "wrong body checksum";',
        'if (checksum < 0) return "wrong body checksum";',
      ],
    ],
    tests: [log("corruption", "fault 11:")],
  },
  {
    name: "manifest-length-believed",
    breaks: "the counts in a manifest are believed where the file is shorter or longer",
    file: "packages/wal/src/manifest.ts",
    edits: [
      [
        'if (length !== bytes.length) return invalid("counts do not match length", length, bytes.length);',
        "",
      ],
    ],
    tests: [fuzz("manifest")],
  },
  {
    name: "index-disorder-believed",
    breaks: "an index with right checksums may lead out of its store, or backwards",
    file: "packages/wal/src/batch-index.ts",
    edits: [
      [
        "const reason = mismatchIn(bytes, expected) ?? disorderIn(bytes, expected);",
        "const reason = mismatchIn(bytes, expected) ?? disorderIn(bytes.subarray(0, 64), { ...expected, endOffset: expected.baseOffset });",
      ],
    ],
    tests: [fuzz("index")],
  },
  {
    name: "claimed-elements-believed",
    breaks: "an array in a value takes the memory that it claims",
    file: "packages/kv/src/values/value-decoder.ts",
    edits: [["if (this.#budget < 0) throw", "if (this.#budget < -(2 ** 40)) throw"]],
    tests: [kv("values"), fuzz("value")],
  },
  {
    name: "snapshot-order-unchecked",
    breaks: "keys of a snapshot file may come in any order",
    file: "packages/kv/src/formats/snapshot-reader.ts",
    edits: [["entry.key <= this.#lastKey", "entry.key === this.#lastKey"]],
    tests: [fuzz("snapshot")],
  },
  {
    name: "examined-before-its-time",
    breaks:
      "verifying and repairing pass over records that nobody can read, since they are older than their segment",
    file: "packages/wal/src/examine.ts",
    edits: [["const time = header === undefined ? segment.createdAt : 0;", "const time = 0;"]],
    tests: [log("verify", "claims to be younger than its records")],
  },
];
