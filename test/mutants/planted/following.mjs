// Planted in what follows, copies and names points of a database: bugs that programs with crashes show.

import { kv } from "./tests.mjs";

const COMMITS = "packages/kv/src/writing/commits.ts";
const FOLLOWER = "packages/kv/src/upkeep/follower.ts";
const REMOVAL = "packages/kv/src/writing/removal.ts";

/** @param {string[]} titles */
const crashes = (...titles) => kv("crash/following", ...titles);

/** @type {readonly import("../list.mjs").Mutant[]} */
export const following = [
  {
    name: "change-taken-twice",
    breaks: "who goes on from a commit gets that commit again",
    file: "packages/kv/src/past/changes.ts",
    edits: [["resolveSince(since, log) + 1;", "Math.max(0, resolveSince(since, log));"]],
    tests: [crashes("takes each durable change once")],
  },
  {
    name: "change-skipped-after-the-cut",
    breaks: "a feed whose place is lost goes on with what is there",
    file: "packages/kv/src/past/changes.ts",
    edits: [
      [
        "const from = given ?? log.startOffset;",
        "const from = Math.max(given ?? 0, log.startOffset);",
      ],
    ],
    tests: [kv("changes"), kv("retention")],
  },
  {
    name: "follower-forgets-marks",
    breaks: "a read-only database does not learn of new marks",
    file: FOLLOWER,
    edits: [
      [
        'if (operation.kind === "mark") marks.set(operation.name, { offset, time });',
        'if (operation.kind === "mark") continue;',
      ],
    ],
    tests: [crashes("a follower shows durable commits alone")],
  },
  {
    name: "follower-shows-half",
    breaks: "a read-only database leaves out the last operation of a commit",
    file: FOLLOWER,
    edits: [
      [
        "for (const operation of step.operations) {",
        "for (const operation of step.operations.slice(0, Math.max(1, step.operations.length - 1))) {",
      ],
    ],
    tests: [crashes("a follower shows durable commits alone")],
  },
  {
    name: "backup-ends-early",
    breaks: "a backup lacks the last commit that was acknowledged before it",
    file: "packages/kv/src/backup/hot-backup.ts",
    edits: [
      ["const endOffset = await settle();", "const endOffset = Math.max(1, await settle()) - 1;"],
    ],
    tests: [crashes("a backup is there whole or not at all")],
  },
  {
    name: "marks-lost-in-the-fold",
    breaks: "marks from before the newest snapshot file are forgotten",
    file: "packages/kv/src/fold/fold.ts",
    edits: [["new Map([...(base?.marks ?? []), ...delta.marks])", "new Map(delta.marks)"]],
    tests: [crashes("outlive the log that they are from")],
  },
  {
    name: "expiry-lost-in-the-fold",
    breaks: "what expires does so no more once it is in a snapshot file",
    file: "packages/kv/src/fold/delta.ts",
    edits: [
      [
        "this.#changes.set(operation.key, { value, offset, time, expiry, sequence });",
        "void expiry;\n        this.#changes.set(operation.key, { value, offset, time, expiry: undefined, sequence });",
      ],
    ],
    tests: [crashes("outlive the log that they are from", "what has expired is removed")],
  },
  {
    name: "removed-before-its-time",
    breaks: "keys are removed that have not expired yet",
    file: REMOVAL,
    edits: [["present.state.expired(now())", "present.state.expired(now() + 60)"]],
    tests: [crashes("what has expired is removed by commits of its own")],
  },
  {
    name: "expired-given-back",
    breaks: "a rewind writes keys again whose expiry has passed",
    file: "packages/kv/src/writing/rewind.ts",
    edits: [
      [
        "if (entry === undefined || hasExpired(entry, now)) {",
        "if (entry === undefined || hasExpired(entry, Number.NEGATIVE_INFINITY)) {",
      ],
    ],
    tests: [crashes("what is gone back to after its expiry does not come back")],
  },
  {
    name: "condition-unchecked",
    breaks: "a write is made although the key has another version",
    file: COMMITS,
    edits: [["if (version !== (condition ?? undefined)) throw", "if (version === -1) throw"]],
    tests: [crashes("a consumer takes each durable change once")],
  },
  {
    name: "mark-set-twice",
    breaks: "a mark is set again, where there is one of that name",
    file: COMMITS,
    edits: [
      [
        "if (standing !== undefined) throw markExists(name, standing);",
        "if (standing?.offset === -1) throw markExists(name, standing);",
      ],
    ],
    tests: [crashes("a consumer takes each durable change once")],
  },
];
