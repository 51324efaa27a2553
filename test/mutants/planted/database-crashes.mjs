// Planted in the database: bugs that only a crash, a kill or a failing call at the right moment shows.

import { kv } from "./tests.mjs";

const PRESENT = "packages/kv/src/state/present.ts";
const SNAPSHOT_WRITER = "packages/kv/src/formats/snapshot-writer.ts";
const DESTINATION = "packages/kv/src/past/destination.ts";
const OPEN_DATABASE = "packages/kv/src/open-database.ts";

/** @param {string[]} titles */
const faults = (...titles) => kv("crash/faults", ...titles);
/** @param {string[]} titles */
const restores = (...titles) => kv("crash/restores", ...titles);
/** @param {string[]} titles */
const programs = (...titles) => kv("crash/programs", ...titles);

/** @type {readonly import("../list.mjs").Mutant[]} */
export const databaseCrashes = [
  {
    name: "snapshot-named-first",
    breaks: "a snapshot file is synced after it has got its name, not before",
    file: SNAPSHOT_WRITER,
    edits: [
      ["    await this.#file.sync();\n    await this.#close();\n", ""],
      [
        "    this.#path = path;\n    await this.#fileSystem.syncDirectory",
        "    this.#path = path;\n    await this.#file.sync();\n    await this.#close();\n    await this.#fileSystem.syncDirectory",
      ],
    ],
    tests: [faults("fault 35:", "fault 34:")],
  },
  {
    name: "snapshot-checksum-ignored",
    breaks: "the checksums of a snapshot file's blocks are not looked at",
    file: "packages/kv/src/formats/snapshot-reader.ts",
    edits: [
      [
        "if (!blockIsValid(bytes, 0, bytes.length)) {",
        "if (!blockIsValid(bytes, 0, bytes.length) && bytes.length === 0) {",
      ],
    ],
    tests: [
      faults("and damage to any of them is refused"),
      programs("where the medium is damaged"),
    ],
  },
  {
    name: "snapshot-leftovers-kept",
    breaks: "what a crash left of a checkpoint stays for ever",
    file: OPEN_DATABASE,
    edits: [
      [
        "  await removeUnfinishedSnapshots(fileSystem, snapshots);\n",
        "  void removeUnfinishedSnapshots;\n",
      ],
    ],
    tests: [faults("fault 34:")],
  },
  {
    name: "standing-snapshot-unsynced",
    breaks: "a checkpoint reports a snapshot file that it has found, whose name is not durable",
    file: "packages/kv/src/upkeep/checkpoint.ts",
    edits: [["    await source.fileSystem.syncDirectory(source.snapshots);\n", ""]],
    tests: [faults("a kill there leaves a snapshot file that the next checkpoint makes durable")],
  },
  {
    name: "later-snapshot-used",
    breaks: "an earlier state is made from a snapshot file of a later one",
    file: "packages/kv/src/fold/fold.ts",
    edits: [
      [
        "if (base.endOffset > endOffset || base.endOffset < firstOffset(source)) continue;",
        "if (base.endOffset > Math.max(endOffset, source.log.endOffset) || base.endOffset < firstOffset(source)) continue;",
      ],
      ["log.records({ from, to })", "log.records({ from, to: Math.max(from, to) })"],
    ],
    tests: [faults("fault 34:")],
  },
  {
    name: "fold-skips-a-record",
    breaks: "the first commit after a snapshot file is left out",
    file: "packages/kv/src/fold/fold.ts",
    edits: [
      [
        "const from = file?.endOffset ?? source.log.startOffset;",
        "const from = file === undefined ? source.log.startOffset : Math.min(endOffset, file.endOffset + 1);",
      ],
    ],
    tests: [faults("fault 34:")],
  },
  {
    name: "half-a-batch",
    breaks: "of a commit of three operations and more, the log's last one is not applied",
    file: "packages/kv/src/fold/delta.ts",
    edits: [
      [
        "for (const operation of operations) {",
        "for (const operation of operations.length > 2 ? operations.slice(0, -1) : operations) {",
      ],
    ],
    tests: [faults("fault 34:", "fault 66:"), programs("where nothing fails")],
  },
  {
    name: "rejected-commit-kept",
    breaks: "a commit that the log has rejected stays in memory",
    file: PRESENT,
    edits: [["      this.#undo(last);\n", "      void this.#undo;\n"]],
    tests: [faults("fault 67:")],
  },
  {
    name: "pre-image-missing",
    breaks: "a rejected deletion is not undone",
    file: "packages/kv/src/state/state.ts",
    edits: [
      [
        'if (operation.kind === "delete") return this.#delete(prefix);',
        'if (operation.kind === "delete") {\n      this.#delete(prefix);\n      return undefined;\n    }',
      ],
    ],
    tests: [faults("fault 67:")],
  },
  {
    name: "view-of-the-present",
    breaks: "a view of the present changes with it",
    file: "packages/kv/src/database.ts",
    edits: [
      [
        "return new View(state.fork(), keys, this.endOffset - 1, this.#now());",
        "return new View(state, keys, this.endOffset - 1, this.#now());",
      ],
    ],
    tests: [faults("fault 66:"), programs("where nothing fails")],
  },
  {
    name: "past-not-awaited",
    breaks: "a state is gone back to before it is on stable storage",
    file: "packages/kv/src/past/past.ts",
    edits: [
      [
        "if (!past.readOnly && isAwaited(past, target)) await log.sync();",
        "if (!past.readOnly && isAwaited(past, target)) await present.acknowledged().then(() => log.id);",
      ],
    ],
    tests: [faults("what a view of the past has shown"), programs("where nothing fails")],
  },
  {
    name: "restore-identity-first",
    breaks: "a restore or a backup makes its directory a database before there is anything in it",
    file: DESTINATION,
    edits: [
      [
        "    await createIdentity(fileSystem, temporary, identity);\n    await publish(",
        "    await publish(",
      ],
      [
        "    const made = await make(temporary);\n",
        "    await createIdentity(fileSystem, temporary, identity);\n    const made = await make(temporary);\n",
      ],
    ],
    tests: [restores("fault 40:")],
  },
  {
    name: "restore-in-place",
    breaks: "a restore or a backup gives its directory the destination's name before all is in it",
    file: DESTINATION,
    edits: [
      [
        "    await createIdentity(fileSystem, temporary, identity);\n    await publish(fileSystem, temporary, destination);\n",
        "    await publish(fileSystem, temporary, destination);\n    await createIdentity(fileSystem, destination, identity);\n",
      ],
    ],
    tests: [restores("fault 40:")],
  },
  {
    name: "restored-name-unsynced",
    breaks: "a power cut takes a copy's name from under commits, where who restored it was killed",
    file: OPEN_DATABASE,
    edits: [["    await syncName(fileSystem, directory);\n", "    void syncName;\n"]],
    tests: [restores("leaves a copy whose name lasts once it was opened")],
  },
  {
    name: "taken-back-name-unsynced",
    breaks:
      "a power cut brings back the destination's name for part of what a failed restore removed",
    file: DESTINATION,
    edits: [["  await fileSystem.syncDirectory(dirname(temporary));\n", ""]],
    tests: [restores("it is taken back, and no crash shows part of it")],
  },
  {
    name: "abandoned-identity-unsynced",
    breaks: "a power cut makes an empty database of what a failed restore removed",
    file: DESTINATION,
    edits: [["  await fileSystem.syncDirectory(temporary);\n", ""]],
    tests: [restores("it is taken back, and no crash shows part of it")],
  },
];
