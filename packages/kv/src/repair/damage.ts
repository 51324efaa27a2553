// What is wrong with a database, place by place, and what that means for its owner.

import { join } from "node:path";
import type { Damage } from "@tidemark/wal";
import { IDENTITY_NAME, logDirectory, REPAIR_NAME, snapshotsDirectory } from "../formats/layout.js";
import type { Inspection } from "./inspection.js";
import { basesOf, gapsIn, nameCommits, reachableRanges } from "./reachable.js";

/** One thing that is damaged, missing or does not fit. */
export interface DatabaseDamage extends Damage {
  /**
   * `"identity"`: the file DATABASE. `"log"`: bytes of the log, as `verifyLog` finds them. `"commit"`: a record that is
   * no commit. `"value"`: a value that cannot be read. `"snapshot"`: a snapshot file. `"fit"`: files that are whole
   * and do not fit each other.
   */
  readonly kind: "identity" | "log" | "commit" | "value" | "snapshot" | "fit";
  /** What it means for the owner, in words. */
  readonly meaning: string;
}

/** Everything that is wrong, the gravest first. */
export function damageIn(directory: string, inspection: Inspection): DatabaseDamage[] {
  return [
    ...unfinishedRepair(directory, inspection),
    ...identityDamage(directory, inspection),
    ...misfits(directory, inspection),
    ...logDamage(inspection),
    ...commitDamage(directory, inspection),
    ...snapshotDamage(inspection),
  ];
}

function* unfinishedRepair(
  directory: string,
  { isUnderRepair }: Inspection,
): Generator<DatabaseDamage> {
  if (!isUnderRepair) return;
  const place = { file: join(directory, REPAIR_NAME), position: undefined, offset: undefined };
  const message = "a repair was cut off";
  const meaning = "the database does not open until repairDatabase has been called again";
  yield { kind: "fit", ...place, message, meaning };
}

function* identityDamage(
  directory: string,
  { identityFault, keys }: Inspection,
): Generator<DatabaseDamage> {
  if (identityFault === undefined) return;
  const kind = keys === undefined ? "once it is told the kind of keys" : "from a snapshot file";
  const meaning = `the database does not open, and nothing else is lost: repairDatabase makes the file anew ${kind}`;
  const place = { file: join(directory, IDENTITY_NAME), position: undefined, offset: undefined };
  yield { kind: "identity", ...place, message: identityFault, meaning };
}

/** Whole files that do not make a database together. */
function* misfits(directory: string, inspection: Inspection): Generator<DatabaseDamage> {
  const { log, isCreated, snapshots, commits } = inspection;
  const place = { file: logDirectory(directory), position: undefined };
  if (log === undefined) {
    if (!isCreated) return;
    const message = "the log is missing";
    yield { kind: "fit", ...place, offset: undefined, message, meaning: refused(inspection) };
    return;
  }
  if (log.startOffset > 0) yield* withoutBase(directory, inspection);
  const { knownEnd } = log;
  for (const { path, endOffset, fault } of snapshots) {
    if (fault !== undefined || endOffset <= knownEnd) continue;
    const message = `it holds the commits below ${endOffset}, but the log ends at ${knownEnd}`;
    const lost = nameCommits({ from: knownEnd, to: endOffset });
    const meaning = `the log has lost ${lost}, and ${refused(inspection)}`;
    const at = { file: path, position: undefined, offset: knownEnd };
    yield { kind: "fit", ...at, message, meaning };
  }
  for (const [file, message] of commits.differing) {
    const meaning =
      "it is not what the files before it make, and one of them is wrong: what is read after it, or was read from it, may be";
    yield { kind: "fit", file, position: undefined, offset: undefined, message, meaning };
  }
}

function refused(inspection: Inspection): string {
  const states = nameStates(inspection);
  return `the database does not open until repairDatabase has been told what to keep; the files make ${states}`;
}

function nameStates(inspection: Inspection): string {
  const ranges = reachableRanges(inspection);
  if (ranges.length === 0) return "no state";
  return `the states of ${ranges.map(({ first, last }) => nameCommits({ from: first, to: last + 1 })).join(" and ")}`;
}

/** A log whose beginning was cut off rests on a snapshot file at or behind its start. */
function* withoutBase(directory: string, inspection: Inspection): Generator<DatabaseDamage> {
  const startOffset = inspection.log?.startOffset ?? 0;
  if (basesOf(inspection).some((end) => end >= startOffset)) return;
  const place = { file: snapshotsDirectory(directory), position: undefined, offset: startOffset };
  const message = `the log begins at offset ${startOffset}, and no whole snapshot file holds what was before`;
  yield { kind: "fit", ...place, message, meaning: refused(inspection) };
}

function* logDamage(inspection: Inspection): Generator<DatabaseDamage> {
  const { log } = inspection;
  if (log === undefined) return;
  const gaps = gapsIn(log.whole, log.startOffset, log.knownEnd);
  for (const damage of log.damage) {
    const { offset } = damage;
    const lost = gaps.find(({ from, to }) => offset !== undefined && from <= offset && offset < to);
    const all = gaps.map(nameCommits).join(", ");
    const what = lost === undefined ? all : nameCommits(lost);
    const meaning =
      what === ""
        ? "no commit is lost, but the log has to be mended"
        : `${what} cannot be read; the files make ${nameStates(inspection)}`;
    yield { kind: "log", ...damage, meaning };
  }
}

function* commitDamage(directory: string, { commits, log }: Inspection): Generator<DatabaseDamage> {
  const file = logDirectory(directory);
  for (const { kind, offset, message } of commits.faults) {
    const meaning =
      kind === "value"
        ? "reading this value fails; all else can be read"
        : `later states have to rest on a snapshot file after it; the log ends at ${log?.endOffset ?? 0}`;
    yield { kind, file, position: undefined, offset, message, meaning };
  }
}

function* snapshotDamage(inspection: Inspection): Generator<DatabaseDamage> {
  const ranges = reachableRanges(inspection);
  for (const { path, endOffset, fault } of inspection.snapshots) {
    if (fault === undefined) continue;
    const isMadeUpFor =
      endOffset === 0 ||
      ranges.some(({ first, last }) => first <= endOffset - 1 && endOffset - 1 <= last);
    const meaning = isMadeUpFor
      ? "it is passed over: another snapshot file and the log make up for it"
      : `the state of commit ${endOffset - 1} cannot be made without it`;
    const { message, position } = fault;
    yield { kind: "snapshot", file: path, position, offset: undefined, message, meaning };
  }
}
