// Targets, written alike by every command that takes any: `--offset 42`, `--time 2026-01-31T10:00`,
// `--mark before-migration`. What spans two takes two of them, in their order.

import { type Command, InvalidArgumentError, Option } from "commander";
import type { Target } from "../arguments/target.js";
import { UsageError } from "./failure.js";
import { parseTime } from "./times.js";

/** The targets that were given, once the command line is read. */
export interface GivenTargets {
  /** At most one. */
  one(): Target | undefined;
  /** At most two, in the order in which they were given. */
  two(): readonly [from: Target | undefined, to: Target | undefined];
}

export const TARGET_HELP = `
A target is one of --offset, --time and --mark, and inclusive: the state right after that commit, after the last
commit at or before that time, or of everything before that mark. A time without a zone is local; with Z, or with an
offset like +01:00, it is in that zone. A whole number is in ms since the Unix epoch.`;

export const SPAN_HELP = `
This command takes up to two targets, of any kind: from the first to the second, or from the first until now.`;

/** Lets a command take targets. */
export function addTargets(command: Command): GivenTargets {
  const given: Target[] = [];
  const take = (read: (text: string) => Target) => (text: string) => {
    given.push(read(text));
    return text;
  };
  command
    .addOption(new Option("--offset <n>", "target: a commit").argParser(take(readOffset)))
    .addOption(
      new Option("--time <time>", "target: a time, local unless Z").argParser(take(readTime)),
    )
    .addOption(new Option("--mark <name>", "target: a mark").argParser(take(readMark)));
  const atMost = (count: number, words: string) => {
    if (given.length > count)
      throw new UsageError(`this command takes ${words}, not ${given.length}`);
  };
  return {
    one() {
      atMost(1, "one target");
      return given[0];
    },
    two() {
      atMost(2, "two targets at most");
      return [given[0], given[1]];
    },
  };
}

function readOffset(text: string): Target {
  const offset = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(offset)) return { offset };
  throw new InvalidArgumentError("An offset is a whole number: 0, 1, 2, …");
}

function readTime(text: string): Target {
  const time = parseTime(text);
  if (time !== undefined) return { time };
  throw new InvalidArgumentError(
    "A time is written like 2026-01-31T10:00 (local), 2026-01-31T10:00:00.000Z, 2026-01-31T10:00+01:00 or 2026-01-31.",
  );
}

function readMark(name: string): Target {
  if (name !== "") return { mark: name };
  throw new InvalidArgumentError("A mark has a name.");
}
