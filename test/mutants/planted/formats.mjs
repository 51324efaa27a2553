// Planted in the codecs and in the calls that everything stands on.

import { codecs, fileSystem, log } from "./tests.mjs";

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
    name: "short-write-accepted",
    breaks: "a write that wrote a part counts as done",
    file: "packages/wal/src/file-system.ts",
    edits: [
      [
        'const count = await file.write(rest, position + written);\n    if (count <= 0) throw new FileSystemError("write", file.path, "EIO");\n    written += count;',
        'const count = await file.write(rest, position + written);\n    if (count <= 0) throw new FileSystemError("write", file.path, "EIO");\n    written += Math.max(count, rest.length);',
      ],
    ],
    tests: [log("environment", "fault 42:")],
  },
  {
    name: "thread-forgets-sync",
    breaks: "the commit thread writes and does not sync",
    file: "packages/wal/src/node/commit-thread.ts",
    edits: [["      fdatasyncSync(fd);\n", "      if (fd < 0) fdatasyncSync(fd);\n"]],
    tests: [fileSystem("committer")],
  },
];
