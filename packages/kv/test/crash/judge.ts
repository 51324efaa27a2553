// The oracle: whether what directories show after a crash is what is known of them.

import { type Contents, marksText } from "./contents.js";
import { knownLookingBack } from "./looking-back.js";
import {
  type Commit,
  contentsAt,
  type DatabaseFacts,
  type Facts,
  marksBelow,
  type Refusal,
  type Shown,
  type ShownDatabase,
} from "./model.js";

/** How damage is refused. */
const DAMAGED = ["KV_CORRUPT", "KV_IO", "KV_UNSUPPORTED_VERSION"];
/** How an error of a sync shows that comes to whoever syncs next. */
const LATE = ["KV_NO_SPACE", "KV_FAILED"];
/** How a directory is refused that holds no database, or one that is half made. */
const UNMADE = ["KV_NOT_FOUND", "KV_CORRUPT", "KV_INVALID_ARGUMENT"];

/** What a restore that has not come to its end calls its directory. */
const TEMPORARY = /\.unfinished-[0-9a-f]+$/;

/** What is known of the database in a directory, or of the one that was to come of it. */
export function knownOf({ databases }: Facts, directory: string): DatabaseFacts | undefined {
  const named = (name: string) => databases.find((known) => known.directory === name);
  return named(directory) ?? named(directory.replace(TEMPORARY, ""));
}

/** What is wrong with what a crash left, if anything. */
export function judge(
  shown: Shown,
  facts: Facts,
  crash: "process" | "machine",
): string | undefined {
  for (const known of facts.databases) {
    const verdict = judgeOne(shown.get(known.directory), known, known.spared[crash]);
    if (verdict !== undefined) return `${known.directory} ${verdict}`;
  }
  for (const [directory, there] of shown) {
    const verdict = judgeHalfMade(directory, there, facts);
    if (verdict !== undefined) return `${directory} ${verdict}`;
  }
  return undefined;
}

function judgeOne(
  shown: ShownDatabase | Refusal | undefined,
  known: DatabaseFacts,
  spared: number,
): string | undefined {
  if (shown === undefined) return known.made ? "is gone" : undefined;
  if ("refused" in shown) {
    // An empty directory may have been there before.
    if (!known.made && shown.refused === "KV_NOT_FOUND") return undefined;
    return `is refused: ${shown.refused}: ${shown.message}`;
  }
  if (known.made && shown.created) return "has a new log";
  const { endOffset, durableOffset, first, snapshotOffset, skipped } = shown;
  if (endOffset < spared || endOffset > known.commits.length)
    return `ends at ${endOffset}, not from ${spared} to ${known.commits.length}`;
  if (durableOffset !== endOffset) return `ends at ${endOffset} and is durable to ${durableOffset}`;
  const all = endOffset > known.first ? known.first : undefined;
  if (known.forgets ? first === undefined && endOffset > 0 : first !== all)
    return `can be gone back in to ${first}, not ${known.first}`;
  if (skipped > 0) return `has ${skipped} snapshot files that are of no use`;
  if (snapshotOffset < known.snapshotOffset)
    return `begins from the snapshot at ${snapshotOffset}, not ${known.snapshotOffset}`;
  return judgeStates(shown, known, []);
}

/** Every state that is shown is that after some commit; of past ones those with these codes may be refused. */
function judgeStates(
  shown: ShownDatabase,
  { commits }: DatabaseFacts,
  refusals: readonly string[],
): string | undefined {
  const { endOffset, contents, now, marks, past } = shown;
  const wanted = contentsAt(commits, endOffset, now);
  if (contents !== wanted) return `at ${endOffset} holds [${contents}], not [${wanted}]`;
  const known = marksText(marksBelow(commits, endOffset));
  if (marks !== known) return `at ${endOffset} has the marks [${marks}], not [${known}]`;
  const wrong = judgeLookingBack(shown, commits, refusals);
  if (wrong !== undefined) return wrong;
  for (const state of past) {
    if (refusals.some((code) => state.contents.startsWith(code))) continue;
    const { offset, time } = state;
    const known = contentsAt(commits, offset + 1);
    if (state.contents !== known)
      return `after commit ${offset} held [${known}], not [${state.contents}]`;
    if (commits[offset]?.time !== time)
      return `has time ${time} at ${offset}, not ${commits[offset]?.time}`;
  }
  return undefined;
}

function judgeLookingBack(
  { endOffset, first, lookedBack }: ShownDatabase,
  commits: readonly Commit[],
  refusals: readonly string[],
): string | undefined {
  if (lookedBack === undefined || first === undefined) return undefined;
  const known = knownLookingBack(commits, first, endOffset);
  for (const what of ["changes", "history", "diff"] as const) {
    const [shown, wanted] = [lookedBack[what], known[what]];
    if (shown !== wanted && !refusals.some((code) => shown.startsWith(code)))
      return `from ${first} below ${endOffset} has the ${what} [${shown}], not [${wanted}]`;
  }
  return undefined;
}

/** What a restore left under another name is no database, or all that it was to be. */
function judgeHalfMade(
  directory: string,
  shown: ShownDatabase | Refusal,
  facts: Facts,
): string | undefined {
  const known = knownOf(facts, directory);
  if (known === undefined) return "is a directory that nobody made";
  if (known.directory === directory) return undefined;
  if ("refused" in shown)
    return UNMADE.includes(shown.refused) ? undefined : `is refused: ${shown.message}`;
  const { endOffset } = shown;
  if (endOffset < known.spared.machine || endOffset > known.commits.length)
    return `is half made and ends at ${endOffset}`;
  return judgeStates(shown, known, []);
}

/**
 * After damage, and where the disk has lied, a database may be refused, or hold less; never anything else. `mayLose`: what
 * a snapshot file has and the log has lost may be given up.
 */
export function judgeDamaged(shown: Shown, facts: Facts, mayLose = false): string | undefined {
  for (const [directory, there] of shown) {
    const verdict = judgeOneDamaged(directory, there, facts, mayLose);
    if (verdict !== undefined) return `${directory} ${verdict}`;
  }
  return undefined;
}

function judgeOneDamaged(
  directory: string,
  shown: ShownDatabase | Refusal,
  facts: Facts,
  mayLose: boolean,
): string | undefined {
  const known = knownOf(facts, directory);
  if (known === undefined) return "is a directory that nobody made";
  const refusals = [...DAMAGED, ...UNMADE, ...(facts.doubtful ? LATE : [])];
  if ("refused" in shown)
    return refusals.includes(shown.refused) ? undefined : `is refused: ${shown.message}`;
  // A snapshot file that is whole tells what the log has lost, and only one of the two is damaged.
  const least = mayLose || facts.doubtful || !known.made ? 0 : known.snapshotOffset;
  const { endOffset } = shown;
  if (endOffset < least || endOffset > known.commits.length)
    return `ends at ${endOffset}, not from ${least} to ${known.commits.length}`;
  return judgeStates(shown, known, ["KV_TARGET_OUT_OF_RANGE", ...DAMAGED]);
}

/** What two openings of the same disk showed differently, if anything. */
export function difference(shown: Shown, wanted: Shown): string | undefined {
  const directories = new Set([...shown.keys(), ...wanted.keys()]);
  for (const directory of directories) {
    const [one, other] = [textOf(shown.get(directory)), textOf(wanted.get(directory))];
    if (one !== other) return `${directory} shows ${one}, not ${other}`;
  }
  return undefined;
}

function textOf(shown: ShownDatabase | Refusal | undefined): Contents {
  // What is refused is a copy that was not made: no promise is given of what is left of it.
  if (shown === undefined || "refused" in shown) return "nothing";
  // Which snapshot file it began from is left out: the newest may have a name that is not durable.
  const { endOffset, contents, marks, past } = shown;
  const states = past.map((state) => `${state.offset} at ${state.time} [${state.contents}]`);
  return `[${contents}], marks [${marks}] below ${endOffset}, after ${states.join(", ")}`;
}
