// Planted between the log and the kernel: where only a trace of system calls, or a failing call, shows it.

import { fidelity, fileSystem as fileSystemTests, log } from "./tests.mjs";

const NODE = "packages/wal/src/node/node-file-system.ts";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const fileSystem = [
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
    tests: [fileSystemTests("committer")],
  },
  {
    name: "node-parent-unsynced",
    breaks: "Node's file system makes directories whose names are not durable",
    file: NODE,
    edits: [
      [
        "  // Without this a crash could lose the directory, and with it files that were synced inside.\n  await syncDirectory(parent);",
        "",
      ],
    ],
    tests: [fidelity],
  },
  {
    name: "node-directory-sync-forgotten",
    breaks: "to sync a directory is to open it, on Node's file system",
    file: NODE,
    edits: [
      [
        'await settle<void>("syncDirectory", path, (done) => fsync(fd, done));',
        'if (fd < 0) await settle<void>("syncDirectory", path, (done) => fsync(fd, done));',
      ],
    ],
    tests: [fidelity],
  },
  {
    name: "pool-forgets-sync",
    breaks: "commits are not synced before the commit thread has started",
    file: "packages/wal/src/node/committer.ts",
    edits: [
      [
        "  if (durable) await file.datasync();\n",
        "  if (durable && position < 0) await file.datasync();\n",
      ],
    ],
    tests: [fidelity],
  },
  {
    name: "node-sync-is-datasync",
    breaks: "a file's sync on Node's file system leaves out what a datasync may",
    file: "packages/wal/src/node/node-file.ts",
    edits: [
      [
        "(fd, done) => fsync(fd, done)",
        "(fd, done) => (fd < 0 ? fsync(fd, done) : fdatasync(fd, done))",
      ],
    ],
    tests: [fidelity],
  },
];
