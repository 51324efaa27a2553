// What databases must hold after a crash, told from what was asked of them and what they answered. What one holds
// is always what it held after some number of its commits: at least those that the crash spares, at most all.

import type { NamedMark } from "@tidemark/kv";
import { type Contents, NOTHING, type Operation, type State, textOf } from "./contents.js";

export interface Commit {
  readonly offset: number;
  /** In ms. */
  readonly time: number;
  readonly operations: readonly Operation[];
  /** After it. */
  readonly state: State;
}

/** What a database tells of its commits other than by going back to them, as text; where it is refused, that begins with the code. */
export interface LookedBack {
  /** What commits did after the first that can be gone back to. */
  readonly changes: string;
  /** The versions of one key in the window. */
  readonly history: string;
  /** Keys that differ between the first and the last state of the window. */
  readonly diff: string;
}

/** What is known of one database at one moment. */
export interface DatabaseFacts {
  readonly directory: string;
  /** By offset; the last ones may not be acknowledged. */
  readonly commits: readonly Commit[];
  /** The first state that can be gone back to. */
  readonly first: number;
  /** What is older may have been let go of. */
  readonly forgets: boolean;
  /** So many commits at least are there after a crash of the process, or of the machine. */
  readonly spared: { readonly process: number; readonly machine: number };
  /** End offset of the newest snapshot file that is durable. */
  readonly snapshotOffset: number;
  /** False while it is being made, and where that failed: then there is nothing, or the whole. */
  readonly made: boolean;
}

/** What is known at one moment. */
export interface Facts {
  readonly databases: readonly DatabaseFacts[];
  /** The disk has kept quiet about something: what it holds may be less than it said. */
  readonly doubtful: boolean;
}

/** A state that was gone back to. */
export interface ShownPast {
  readonly offset: number;
  readonly time: number;
  readonly contents: Contents;
}

/** What opening a database showed. */
export interface ShownDatabase {
  readonly endOffset: number;
  readonly durableOffset: number;
  /** The first commit that can be gone back to; undefined if there is none. */
  readonly first: number | undefined;
  /** As of `now`. */
  readonly contents: Contents;
  /** Of the clock, in ms. */
  readonly now: number;
  readonly marks: string;
  /** In order; each commit that can be reached, or some of them. */
  readonly past: readonly ShownPast[];
  /** There was no log before. */
  readonly created: boolean;
  /** End offset of the snapshot file that opening began from; 0 if from the log alone. */
  readonly snapshotOffset: number;
  /** Count of snapshot files that could not be used. */
  readonly skipped: number;
  /** Undefined where that was not looked at. */
  readonly lookedBack?: LookedBack | undefined;
}

/** A directory that could not be opened, or a state that could not be gone back to. */
export interface Refusal {
  readonly refused: string;
  readonly message: string;
}

/** What all directories showed, by path. */
export type Shown = ReadonlyMap<string, ShownDatabase | Refusal>;

/** One database of a program: its commits as far as they are known to count. */
export class DatabaseModel {
  readonly directory: string;
  readonly first: number;
  forgets = false;
  made = false;
  snapshotOffset = 0;
  #commits: Commit[];
  /** What it is being copied from, up to an offset that is not known yet. */
  #source: DatabaseModel | undefined;
  #process: number;
  #machine: number;

  /** `commits`: those that it is made with; the first that can be gone back to is by default the last of them. */
  constructor(
    directory: string,
    commits: readonly Commit[] = [],
    first = Math.max(0, commits.length - 1),
  ) {
    this.directory = directory;
    this.#commits = [...commits];
    this.first = first;
    this.snapshotOffset = commits.length;
    this.#process = commits.length;
    this.#machine = commits.length;
  }

  /** One that is being backed up while it goes on: until it is finished it may have any commits that are not spared. */
  static backupOf(source: DatabaseModel, directory: string): DatabaseModel {
    const spared = source.commits.slice(0, source.spared.process);
    const model = new DatabaseModel(directory, spared, source.first);
    model.#source = source;
    model.snapshotOffset = 0;
    model.forgets = source.forgets;
    return model;
  }

  /** It is made, with the commits of its source below an offset. */
  finish(endOffset: number): void {
    this.#commits = this.commits.slice(0, endOffset);
    this.#source = undefined;
    this.restart(endOffset);
    this.snapshotOffset = endOffset;
    this.made = true;
  }

  get commits(): readonly Commit[] {
    return this.#source?.commits ?? this.#commits;
  }

  get spared(): { readonly process: number; readonly machine: number } {
    return { process: this.#process, machine: this.#machine };
  }

  /** What is under each key with all commits below an offset. */
  stateAt(endOffset: number): State {
    return stateAt(this.commits, endOffset);
  }

  /** What is seen of that at the time of the last of them, or later. */
  at(endOffset: number, now?: number): Contents {
    return contentsAt(this.commits, endOffset, now);
  }

  /** A commit that takes an offset: what had it, or one above, does not count. */
  begin(commit: Commit): Commit {
    this.#commits = [...this.#commits.slice(0, commit.offset), commit];
    return commit;
  }

  /** A commit is rejected: it does not count, nor does any above it. */
  reject(commit: Commit): void {
    if (this.#commits[commit.offset] !== commit) return;
    this.#commits = this.#commits.slice(0, commit.offset);
  }

  /** The commits below an offset are there after a crash of the process; of the machine too if they are durable. */
  spare(endOffset: number, durable: boolean): void {
    this.#process = Math.max(this.#process, endOffset);
    if (durable) this.#machine = Math.max(this.#machine, endOffset);
  }

  /** What only a living machine holds may be gone. */
  losePower(): void {
    this.#process = this.#machine;
  }

  /** Takes what opening showed as all that there is, of which it promises that it lasts. */
  restart(endOffset: number): void {
    this.#commits = this.#commits.slice(0, endOffset);
    this.#process = endOffset;
    this.#machine = endOffset;
  }

  facts(): DatabaseFacts {
    const { directory, commits, first, forgets, spared, snapshotOffset, made } = this;
    return { directory, commits, first, forgets, spared, snapshotOffset, made };
  }
}

export function stateAt(commits: readonly Commit[], endOffset: number): State {
  return lastBelow(commits, endOffset)?.state ?? NOTHING;
}

/** What is seen with all commits below an offset at a time (ms), by default that of the last of them. */
export function contentsAt(commits: readonly Commit[], endOffset: number, now?: number): Contents {
  const last = lastBelow(commits, endOffset);
  return last === undefined ? "" : textOf(last.state, now ?? last.time);
}

/** The marks of all commits below an offset. */
export function marksBelow(commits: readonly Commit[], endOffset: number): NamedMark[] {
  return commits
    .slice(0, endOffset)
    .flatMap(({ offset, time, operations }) =>
      operations.flatMap((operation) =>
        operation.type === "mark" ? [{ name: operation.name, offset, time }] : [],
      ),
    );
}

function lastBelow(commits: readonly Commit[], endOffset: number): Commit | undefined {
  const last = commits[endOffset - 1];
  if (last === undefined && endOffset > 0)
    throw new RangeError(`there are ${commits.length} commits`);
  return last;
}
