// What a repair keeps and what it sets aside, decided before anything is changed.
// Invariant: what stays is one stretch of states without a gap, since the offsets of a log have none.

import type { OffsetRange } from "@tidemark/wal";
import { invalidArgument } from "../arguments/arguments.js";
import type { KeyKind } from "../arguments/keys.js";
import { corrupt, type ReachableRange } from "../errors.js";
import { IDENTITY_NAME, type SnapshotFile } from "../formats/layout.js";
import type { Inspection } from "./inspection.js";
import { gapsIn, nameCommits, type Stretch, stretchesOf } from "./reachable.js";
import type { CheckedSnapshot } from "./snapshot-check.js";

/** `"history"`: the log up to its first damage. `"newest"`: the newest state, and what leads up to it without a gap. */
export type Keep = "history" | "newest";

export interface RepairPlan {
  readonly stretch: Stretch;
  /** Offsets that the log has afterwards: from before the first state of the stretch, where it reaches that far. */
  readonly records: OffsetRange;
  /** `"mend"`: no record is lost, but the log has to be made whole. `"anew"`: these records, in a new log. */
  readonly log: "stays" | "mend" | "anew";
  /** Snapshot files that go with these records: written anew with a log that is. */
  readonly snapshots: readonly SnapshotFile[];
  /** Snapshot files that cannot be used. */
  readonly aside: readonly SnapshotFile[];
  /** What keys are, if DATABASE has to be made anew. */
  readonly identity: KeyKind | undefined;
  /** Commits that the database had and has no more. */
  readonly lostCommits: readonly OffsetRange[];
  /** Offsets at which the database could be read, if nothing were damaged, and cannot be read afterwards. */
  readonly lostStates: readonly OffsetRange[];
}

/**
 * Throws `KV_CORRUPT` if nothing is left to keep, and `KV_INVALID_ARGUMENT` if the owner has to choose, or to say what
 * keys are.
 */
export function planRepair(
  directory: string,
  inspection: Inspection,
  keep: Keep | undefined,
): RepairPlan {
  const { commits, snapshots } = inspection;
  const isWhole = ({ path, fault }: CheckedSnapshot) =>
    fault === undefined && !commits.differing.has(path);
  const stretch = choose(directory, inspection, keep);
  const { from, to } = stretch;
  const run = commits.runs.find((found) => found.from <= from && from <= found.to);
  const records = { from: run?.from ?? from, to };
  const usable = snapshots.filter((file) => {
    return isWhole(file) && file.endOffset <= to && file.endOffset >= records.from;
  });
  const log = whatOfLog(inspection, stretch);
  const end = knownEndOf(inspection);
  return {
    stretch,
    records,
    log,
    snapshots: usable,
    aside: snapshots.filter((file) => !isWhole(file)),
    identity: identityFor(directory, inspection),
    lostCommits: end > to ? [{ from: to, to: end }] : [],
    lostStates: gapsIn([{ from: Math.max(0, from - 1), to }], firstStateOf(inspection), end),
  };
}

/** The log up to its first damage, if states can be made from its beginning on; and the newest stretch. */
function candidates(inspection: Inspection): { history?: Stretch; newest?: Stretch } {
  const { log, commits } = inspection;
  const stretches = stretchesOf(inspection).filter(({ to }) => to > 0 || isEmpty(inspection));
  const newest = stretches.at(-1);
  if (log?.logId === undefined) return newest === undefined ? {} : { newest };
  const { startOffset } = log;
  const first = commits.runs.find(({ from }) => from === startOffset);
  const end = first?.to ?? startOffset;
  const history = stretches.find(({ from }) => from >= startOffset && from <= end);
  return { ...(history && { history }), ...(newest && { newest }) };
}

/** No commit was ever made, as far as anything tells. */
function isEmpty(inspection: Inspection): boolean {
  return inspection.log?.ok === true && knownEndOf(inspection) === 0;
}

function choose(directory: string, inspection: Inspection, keep: Keep | undefined): Stretch {
  const { history, newest } = candidates(inspection);
  if (newest === undefined) {
    const message = "nothing is left of which a state could be made; restore from a backup";
    throw corrupt(message, directory);
  }
  if (keep === "history" && history === undefined) {
    const message =
      'no state is left at the beginning of the log; what there is, keep: "newest" keeps';
    throw corrupt(message, directory);
  }
  if (keep === "newest" || history === undefined || history === newest) return newest;
  if (keep === "history") return history;
  const end = knownEndOf(inspection);
  throw invalidArgument(
    `not everything can be kept, so say which: keep: "history" keeps ${inWords(history, end)}; keep: "newest" keeps ${inWords(newest, end)}. What is not kept is set aside, not deleted`,
  );
}

function inWords({ from, to }: Stretch, end: number): string {
  const states = `the states of ${nameCommits({ from: Math.max(0, from - 1), to })}`;
  return end > to ? `${states} and loses ${nameCommits({ from: to, to: end })}` : states;
}

/** Offset up to which the database is known to have had commits. */
function knownEndOf({ log, snapshots }: Inspection): number {
  const whole = snapshots.filter(({ fault }) => fault === undefined);
  return Math.max(log?.knownEnd ?? 0, ...whole.map(({ endOffset }) => endOffset));
}

/** The first state that the database had, if nothing were damaged. */
function firstStateOf({ log, logId, snapshots }: Inspection): number {
  const start = log?.logId === undefined ? 0 : log.startOffset;
  if (start === 0 && log?.logId !== undefined) return 0;
  const own = snapshots.filter(({ header }) => header === undefined || header.logId === logId);
  const ends = own.map(({ endOffset }) => endOffset).filter((end) => end >= start);
  return ends.length === 0 ? start : Math.max(0, Math.min(...ends) - 1);
}

/**
 * A log that loses acknowledged commits at its end is made anew, with an id of its own: others get their offsets, and
 * nobody who has seen the lost ones may take those for them.
 */
function whatOfLog(inspection: Inspection, { to }: Stretch): RepairPlan["log"] {
  const { log, commits } = inspection;
  if (log?.logId === undefined) return "anew";
  const [run, ...others] = commits.runs;
  const end = run?.to ?? log.startOffset;
  const isOne = others.length === 0 && (run?.from ?? end) === log.startOffset;
  if (!isOne || end !== log.knownEnd || to !== end || knownEndOf(inspection) > end) return "anew";
  return log.damage.length === 0 ? "stays" : "mend";
}

function identityFor(directory: string, { identity, keys }: Inspection): KeyKind | undefined {
  if (identity !== undefined) return undefined;
  if (keys !== undefined) return keys;
  throw invalidArgument(
    `${IDENTITY_NAME} is gone from ${directory} and no snapshot file tells what keys are: say it with the option \`keys\``,
  );
}

/** The states that the database has after the repair. */
export function keptStates({ stretch: { from, to } }: RepairPlan): ReachableRange | undefined {
  return to === 0 ? undefined : { first: Math.max(0, from - 1), last: to - 1 };
}
