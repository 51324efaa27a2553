// Planted in the commit path: appending, syncing, acknowledging, rejecting.

import { crash, log } from "./tests.mjs";

const GROUP_WRITER = "packages/wal/src/group-writer.ts";
const WRITER = "packages/wal/src/writer.ts";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const commits = [
  {
    name: "acknowledge-before-sync",
    breaks: "an append resolves once written; the sync of its group comes some time later",
    file: GROUP_WRITER,
    edits: [
      [
        "await committer.commit(segment.file, bytes, segment.size, durable);",
        "await committer.commit(segment.file, bytes, segment.size, false);\n    if (durable) segment.file.datasync().catch(() => undefined);",
      ],
    ],
    tests: [
      crash("programs", "where nothing fails"),
      log("concurrency", "with commit comes after the sync of the group, not before"),
    ],
  },
  {
    name: "never-sync-commits",
    breaks: "a durable group is written and not synced at all",
    file: GROUP_WRITER,
    edits: [
      [
        "await committer.commit(segment.file, bytes, segment.size, durable);",
        "await committer.commit(segment.file, bytes, segment.size, false);",
      ],
    ],
    tests: [crash("sensitivity", "nothing is seen where every sync is honest")],
  },
  {
    name: "sync-without-sync",
    breaks: "sync() and a close take what was written for durable",
    file: GROUP_WRITER,
    edits: [
      [
        "await committer.commit(active.file, EMPTY, active.size, true);",
        "await committer.commit(active.file, EMPTY, active.size, false);",
      ],
    ],
    tests: [crash("faults", "fault 6:"), log("concurrency", "acknowledgement")],
  },
  {
    name: "sync-option-ignored",
    breaks: "{ sync: true } on an append waits for no sync where the log's durability does not",
    file: WRITER,
    edits: [
      ["if (sync) group.durable = true;", "if (sync && group.durable) group.durable = true;"],
    ],
    tests: [
      crash("programs", "where nothing fails"),
      log("concurrency", "with sync waits for the sync"),
    ],
  },
  {
    name: "old-store-unsynced",
    breaks: "a group in a new segment is acknowledged while the segment before is not synced",
    file: GROUP_WRITER,
    edits: [
      [
        "if (durable) await this.#syncOthers(segment);\n    else this.#dirty",
        "if (!durable) this.#dirty",
      ],
    ],
    tests: [log("poison", "that sealing was told of")],
  },
  {
    name: "state-too-much",
    breaks: "batches and notes state as durable what was only written",
    file: GROUP_WRITER,
    edits: [
      [
        "this.#stating = this.#parts.list.durableOffset;",
        "this.#stating = this.#parts.list.endOffset;",
      ],
    ],
    tests: [crash("faults", "fault 6:", "fault 69:")],
  },
  {
    name: "durable-when-written",
    breaks: "the durable offset goes up with each write, synced or not",
    file: GROUP_WRITER,
    edits: [["if (group.durable) this.#durableAt(segment);", "this.#durableAt(segment);"]],
    tests: [
      crash("faults", "fault 69:"),
      log("follow", "a follower sees nothing that is not durable"),
    ],
  },
  {
    name: "floor-above-durable",
    breaks: "the manifest's floor follows the writes instead of the syncs",
    file: GROUP_WRITER,
    edits: [
      [
        "    list.endOffset = segment.endOffset;\n    if (group",
        "    list.endOffset = segment.endOffset;\n    this.#floor = endOf(segment);\n    if (group",
      ],
    ],
    tests: [crash("faults", "fault 69:", "fault 31:"), crash("programs", "where nothing fails")],
  },
  {
    name: "batch-split",
    breaks: "appendBatch makes a batch of each record, so that a crash can leave half of them",
    file: WRITER,
    edits: [
      [
        "group.addWhole(payloads, bodyLength, this.#endOffset, this.#parts.clock.now());",
        "const time = this.#parts.clock.now();\n    for (const [index, payload] of payloads.entries()) {\n      const length = RECORD_PREFIX_LENGTH + payload.length;\n      group.addWhole([payload], length, this.#endOffset + index, time);\n    }",
      ],
    ],
    tests: [crash("faults", "fault 3:"), log("tail", "fault 3:")],
  },
  {
    name: "group-across-segments",
    breaks: "a group is written behind the room that its segment has",
    file: GROUP_WRITER,
    edits: [
      [
        "const room = Math.max(0, options.segmentBytes - segment.size);",
        "const room = Math.max(COMMIT_BYTES_MAX, options.segmentBytes - segment.size);",
      ],
    ],
    tests: [log("concurrency", "through many rotations are all there")],
  },
  {
    name: "retry-failed-sync",
    breaks: "a sync that failed is tried again, and the second answer is believed",
    file: GROUP_WRITER,
    edits: [
      [
        "await committer.commit(segment.file, bytes, segment.size, durable);",
        'await committer\n        .commit(segment.file, bytes, segment.size, durable)\n        .catch((error: { call?: string }) => {\n          if (error.call !== "datasync") throw error;\n          return segment.file.datasync();\n        });',
      ],
    ],
    tests: [log("power-cut", "fault 43:")],
  },
  {
    name: "failed-sync-only-rejects",
    breaks: "a failed sync rejects its group and poisons nothing",
    file: WRITER,
    edits: [
      [
        'if (!wasWrite) return poison.fail("a commit", error);',
        'if (!wasWrite) return ioError("appending", error);',
      ],
    ],
    tests: [log("environment", "fault 43:")],
  },
  {
    name: "cut-back-skipped",
    breaks: "a failed write's bytes stay behind the end of the log",
    file: WRITER,
    edits: [["      await structure.active.cutToSize();\n", "      await Promise.resolve();\n"]],
    tests: [crash("faults", "fault 66:"), log("rejection", "fault 66:")],
  },
  {
    name: "cut-unsynced",
    breaks: "a cut store is not synced: at a trim, at sealing, after a failed write",
    file: "packages/wal/src/segment.ts",
    edits: [
      [
        "      await this.file.truncate(this.size);\n      await this.file.sync();",
        "      await this.file.truncate(this.size);",
      ],
    ],
    tests: [crash("faults", "fault 31:", "fault 66:")],
  },
  {
    name: "rejection-spares-successors",
    breaks:
      "what was appended behind a rejected group stays in the queue, with offsets that leave a gap",
    file: WRITER,
    edits: [
      [
        "for (const waiting of behind) waiting.reject(rejection);",
        "this.#queue.unshift(...behind);",
      ],
    ],
    tests: [log("rejection", "takes with it what was appended after it")],
  },
  {
    name: "end-offset-stays",
    breaks: "after a rejection the next append gets an offset above the rejected ones",
    file: WRITER,
    edits: [["    this.#endOffset = this.#parts.list.endOffset;\n", ""]],
    tests: [crash("faults", "fault 66:"), log("rejection", "fault 66:")],
  },
  {
    name: "poison-unchecked",
    breaks: "a poisoned log goes on replacing its manifest and appending",
    file: "packages/wal/src/poison.ts",
    edits: [["if (this.#failure !== undefined) throw this.#failure;", "void this.#failure;"]],
    tests: [log("poison")],
  },
  {
    name: "seal-failure-unheard",
    breaks: "a sync that succeeds after that of the sealing failed is believed",
    file: GROUP_WRITER,
    edits: [["      this.#parts.poison.check();\n", ""]],
    tests: [log("poison", "that sealing was told of")],
  },
  {
    name: "no-space-kept",
    breaks: "on a full disk the prepared segment keeps its zeros, and retention finds no room",
    file: WRITER,
    edits: [
      [
        'if (rejection.code === "LOG_NO_SPACE") await',
        'if (rejection.code === "LOG_LOCKED") await',
      ],
    ],
    tests: [log("environment", "leaves room for retention")],
  },
  {
    name: "time-goes-back",
    breaks: "records take the clock's time when it steps back",
    file: "packages/wal/src/log-clock.ts",
    edits: [["if (now > this.#lastTime) {", "if (now !== this.#lastTime && now >= 0) {"]],
    tests: [log("clock", "fault 49:")],
  },
  {
    name: "time-forgotten",
    breaks: "a log that is opened again forgets the time of its newest record",
    file: "packages/wal/src/log-parts.ts",
    edits: [
      [
        "const lastTime = Math.max(newestTime(list), opened.lastTime, prepared?.createdAt ?? 0);",
        "const lastTime = 0;",
      ],
    ],
    tests: [log("clock", "fault 49:")],
  },
];
