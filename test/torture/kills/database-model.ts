// What a database must hold after its writer was killed: the state after some number of the commits that were issued,
// no fewer than were acknowledged, at whatever durability.

import { digestOfSerials } from "./digest.js";
import type { Issue, KeyWrite } from "./issue.js";
import type { Shown } from "./subject.js";
import type { Line } from "./telling.js";

export class DatabaseModel {
  /** Writes of each commit that was there when the database was last seen to be opened. */
  readonly #commits: (readonly KeyWrite[])[] = [];
  #issues: Issue[] = [];
  /** Writes of this life's commits. */
  #issued: (readonly KeyWrite[])[] = [];
  /** How many commits had been issued with each call of this life. */
  #ends: number[] = [];
  /** So many of this life's commits are there for certain. */
  #acknowledged = 0;

  get end(): number {
    return this.#commits.length + this.#issued.length;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Takes in what a writer told. Returns what is wrong with it. */
  take(line: Line): string | undefined {
    switch (line.is) {
      case "opened":
        return this.judge(line);
      case "issued":
        this.#issues.push(line.issue);
        if (line.issue.do === "commit") this.#issued.push(line.issue.writes);
        this.#ends.push(this.#issued.length);
        return undefined;
      case "done":
        return this.#done(line.number, line.offset);
      default:
        return undefined;
    }
  }

  #done(number: number, offset: number | undefined): string | undefined {
    const issue = this.#issues[number];
    const count = this.#ends[number];
    if (issue === undefined || count === undefined)
      return `call ${number} is done and was not issued`;
    if (issue.do === "commit" && offset !== this.#commits.length + count - 1)
      return `call ${number} was given offset ${offset}, not ${this.#commits.length + count - 1}`;
    // A checkpoint holds what was acknowledged before it, which is known already.
    if (issue.do !== "checkpoint") this.#acknowledged = Math.max(this.#acknowledged, count);
    return undefined;
  }

  /** Holds what opening shows against what must be there, and takes it for the truth from now on. Returns what is wrong. */
  judge(shown: Shown): string | undefined {
    const count = shown.end - this.#commits.length;
    if (count < this.#acknowledged || count > this.#issued.length)
      return `ends at ${shown.end}, not from ${this.#commits.length + this.#acknowledged} to ${this.end}`;
    this.#commits.push(...this.#issued.slice(0, count));
    this.#issues = [];
    this.#issued = [];
    this.#ends = [];
    this.#acknowledged = 0;
    if (digestOfSerials(this.stateAt(shown.end - 1)) !== shown.digest)
      return `is not the state after commit ${shown.end - 1}`;
    return undefined;
  }

  /** Serial numbers by key after a commit, in the order of the keys. */
  stateAt(offset: number): [key: string, serial: number][] {
    const state = new Map<string, number>();
    for (const writes of this.#commits.slice(0, offset + 1)) {
      for (const { key, item } of writes) {
        if (item === undefined) state.delete(key);
        else state.set(key, item.serial);
      }
    }
    return [...state].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
