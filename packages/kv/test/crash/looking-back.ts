// What a database tells of its commits other than by going back to them: the feed, the history of a key, and what differs
// between the ends of the window. All of it follows from the model's commits.

import type { Database } from "@tidemark/kv";
import { hasExpired, operationText, shownOperation, tagOf, visible } from "./contents.js";
import { type Commit, type LookedBack, stateAt } from "./model.js";
import { keyText } from "./program.js";
import { refusalOf } from "./show.js";

/** Keys that programs write. */
const KEYS = 6;

/** The key whose history is looked at. */
function keyAt(endOffset: number): string {
  return keyText(endOffset % KEYS);
}

/** Looks at one database in four, the same each time. */
export async function lookBack(database: Database): Promise<LookedBack | undefined> {
  const { endOffset } = database;
  const { first } = database.stats().history;
  if (first === undefined || (endOffset + database.size) % 4 !== 0) return undefined;
  return {
    changes: await textOrRefusal(() => changesText(database, first)),
    history: await textOrRefusal(() => historyText(database, keyAt(endOffset))),
    diff: await textOrRefusal(() => diffText(database, first, endOffset - 1)),
  };
}

async function textOrRefusal(look: () => Promise<string>): Promise<string> {
  try {
    return await look();
  } catch (error) {
    const { refused, message } = refusalOf(error);
    return `${refused}: ${message}`;
  }
}

async function changesText(database: Database, first: number): Promise<string> {
  const parts: string[] = [];
  const last = database.endOffset - 1;
  if (first >= last) return "";
  for await (const { offset, time, operations } of database.changes({ since: first })) {
    parts.push(commitText({ offset, time, operations: operations.map(shownOperation) }));
    if (offset >= last) break;
  }
  return parts.join("; ");
}

function commitText({ offset, time, operations }: Omit<Commit, "state">): string {
  return `${offset} at ${time}: ${operations.map(operationText).join()}`;
}

async function historyText(database: Database, key: string): Promise<string> {
  const parts: string[] = [];
  for await (const version of database.history(key)) {
    const { offset, time } = version;
    const value = version.deleted ? "none" : `${tagOf(version.value)} until ${version.expiry}`;
    parts.push(`${value} by ${offset} at ${time}`);
  }
  return parts.join("; ");
}

async function diffText(database: Database, first: number, last: number): Promise<string> {
  const parts: string[] = [];
  for await (const { key, before, after } of database.diff({ offset: first }, { offset: last })) {
    parts.push(`${key} ${before && tagOf(before.value)} ${after && tagOf(after.value)}`);
  }
  return parts.join("; ");
}

/** What is to be seen of commits below an offset, of which `first` is the first that can be gone back to. */
export function knownLookingBack(
  commits: readonly Commit[],
  first: number,
  endOffset: number,
): LookedBack {
  const known = commits.slice(0, endOffset);
  return {
    changes: known
      .slice(first + 1)
      .map(commitText)
      .join("; "),
    history: knownHistory(known, keyAt(endOffset), first),
    diff: knownDiff(known, first),
  };
}

function knownHistory(commits: readonly Commit[], key: string, first: number): string {
  const parts: string[] = [];
  for (const { offset, time, state } of commits.slice(first)) {
    const held = state.get(key);
    const before = offset === first ? undefined : stateAt(commits, offset).get(key);
    const isNew = held !== undefined && (held.version === offset || offset === first);
    if (isNew && (held.version === offset || !hasExpired(held, time)))
      parts.push(`${held.tag} until ${held.expiry} by ${held.version} at ${held.time}`);
    else if (held === undefined && before !== undefined && !hasExpired(before, time))
      parts.push(`none by ${offset} at ${time}`);
  }
  return parts.join("; ");
}

function knownDiff(commits: readonly Commit[], first: number): string {
  const [one, other] = [commits[first], commits.at(-1)].map((commit) =>
    commit === undefined ? new Map() : visible(commit.state, commit.time),
  );
  const keys = [...new Set([...(one?.keys() ?? []), ...(other?.keys() ?? [])])].sort();
  return keys
    .map((key) => [key, one?.get(key)?.tag, other?.get(key)?.tag])
    .filter(([, before, after]) => before !== after)
    .map((parts) => parts.map(String).join(" "))
    .join("; ");
}
