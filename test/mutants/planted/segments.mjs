// Planted in the life of segments and in the replacement of the manifest.

import { crash, log } from "./tests.mjs";

const MANIFEST_FILE = "packages/wal/src/manifest-file.ts";
const MANIFEST_STATE = "packages/wal/src/manifest-state.ts";
const SEGMENT_FILES = "packages/wal/src/segment-files.ts";
const STRUCTURE = "packages/wal/src/structure.ts";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const segments = [
  {
    name: "manifest-in-place",
    breaks: "the manifest is removed and written anew under its own name",
    file: MANIFEST_FILE,
    edits: [["const next = path + NEW_SUFFIX;", 'const next = path.replace(NEW_SUFFIX, "");']],
    tests: [crash("faults", "fault 30:", "fault 31:"), log("files", "fault 29:")],
  },
  {
    name: "manifest-unsynced",
    breaks: "the manifest is renamed before its bytes are synced",
    file: MANIFEST_FILE,
    edits: [["    await file.sync();\n", ""]],
    tests: [crash("faults", "fault 30:", "fault 31:")],
  },
  {
    name: "manifest-name-unsynced",
    breaks: "a new manifest's directory is not synced",
    file: MANIFEST_FILE,
    edits: [["    await fileSystem.syncDirectory(directory);\n", ""]],
    tests: [crash("faults", "fault 30:", "fault 31:", "fault 36:")],
  },
  {
    name: "half-done-replacement-forgotten",
    breaks: "a manifest whose rename or directory sync failed counts as not replaced",
    file: MANIFEST_STATE,
    edits: [
      [
        "if (error instanceof ManifestUnknownError)",
        'if (error instanceof ManifestUnknownError && error.message === "")',
      ],
    ],
    tests: [log("power-cut", "fault 29:")],
  },
  {
    name: "half-named-segment-removed",
    breaks: "a segment is removed although the manifest that failed half way may name it",
    file: STRUCTURE,
    edits: [
      [
        "if (poison.failure === undefined) await discard",
        "if (poison.failure === undefined || segment.id > 0) await discard",
      ],
    ],
    tests: [log("power-cut", "fault 29:")],
  },
  {
    name: "segment-unsynced",
    breaks: "a new segment is renamed before its header is synced",
    file: SEGMENT_FILES,
    edits: [["    await file.sync();\n", ""]],
    tests: [crash("faults", "fault 30:", "fault 31:")],
  },
  {
    name: "segment-name-unsynced",
    breaks: "the manifest names a segment whose own name is not durable",
    file: SEGMENT_FILES,
    edits: [["    await fileSystem.syncDirectory(directory);\n", ""]],
    tests: [crash("faults", "fault 30:", "fault 31:")],
  },
  {
    name: "segment-id-reused",
    breaks: "an opening gives out ids anew that only the manifest remembers",
    file: "packages/wal/src/opening.ts",
    edits: [
      [
        "const nextSegmentId = Math.max(manifest.nextSegmentId, ...ids.map((id) => id + 1));",
        "const nextSegmentId = Math.max(1, ...ids.map((id) => id + 1));",
      ],
    ],
    tests: [log("files", "segment ids are never used twice")],
  },
  {
    name: "marker-reused",
    breaks: "a segment that truncateFrom makes, like every other, has the marker of the one before",
    file: "packages/wal/src/segment-creation.ts",
    edits: [["marker: randomInt(1, 2 ** 32)", "marker: randomInt(7, 8)"]],
    tests: [log("tail", "fault 7:")],
  },
  {
    name: "unlink-before-manifest",
    breaks: "retention removes segments before the manifest lists them as being dropped",
    file: STRUCTURE,
    edits: [
      [
        "      if (dropped.length === 0 || first === undefined) return;\n",
        "      if (dropped.length === 0 || first === undefined) return;\n      const paths = dropped.map(({ path }) => path);\n      await discard(this.#parts.place.fileSystem, paths);\n",
      ],
    ],
    tests: [crash("faults", "fault 33:")],
  },
  {
    name: "dropped-forgotten",
    breaks: "the manifest forgets dropped segments before their unlinks are durable",
    file: MANIFEST_STATE,
    edits: [["    await fileSystem.syncDirectory(directory);\n", ""]],
    tests: [crash("faults", "fault 32:", "fault 33:"), crash("programs", "where nothing fails")],
  },
  {
    name: "front-unlisted",
    breaks: "the copy that truncateFrom makes holds records before any manifest knows of it",
    file: "packages/wal/src/segment-creation.ts",
    edits: [["    await listAsDropped([", "    if (id < 0) await listAsDropped(["]],
    tests: [crash("faults", "fault 32:")],
  },
  {
    name: "truncation-uncounted",
    breaks: "the manifest does not tell readers that the end was cut",
    file: MANIFEST_STATE,
    edits: [["(cutFrom === undefined ? 0 : 1)", "(cutFrom === undefined ? 0 : 0)"]],
    tests: [log("beside", "a truncation by the writer")],
  },
  {
    name: "truncation-before-sync",
    breaks: "truncateFrom does not wait until what stays is durable",
    file: "packages/wal/src/writer.ts",
    edits: [["      await groupWriter.syncAll();\n      if (from", "      if (from"]],
    tests: [log("power-cut", "fault 32:")],
  },
  {
    name: "retention-too-early",
    breaks: "truncateBefore drops a segment that holds a record at or above its offset",
    file: STRUCTURE,
    edits: [["!sealed || endOffset > offset", "!sealed || endOffset > offset + 1"]],
    tests: [crash("faults", "fault 33:"), log("model")],
  },
];
