// What a log must hold after its writer was killed. SIGKILL takes nothing that was written, so at every durability:
// what was acknowledged is there, what was not issued is not, and what is there is all that was done up to some call.

import { crc32 } from "@tidemark/wal";
import { digestOfMarks, type RecordMark } from "./digest.js";
import { type Issue, payloadOf } from "./issue.js";
import type { Shown } from "./subject.js";
import type { Line } from "./telling.js";

export class LogModel {
  /** Records from `#origin` on, as they were when the log was last seen to be opened. */
  #held: RecordMark[] = [];
  #origin = 0;
  #issues: Issue[] = [];
  /** Offsets that the appends of this life get, by their numbers. */
  #offsets: (number | undefined)[] = [];
  #end = 0;
  /** So many calls of this life are done for certain. */
  #done = 0;
  #startMin = 0;
  #startMax = 0;
  readonly #retains: boolean;

  /** `retains` says whether the log drops records by itself. */
  constructor(retains: boolean) {
    this.#retains = retains;
  }

  get end(): number {
    return this.#end;
  }

  get acknowledged(): number {
    return this.#done;
  }

  /** Takes in what a writer told. Returns what is wrong with it. */
  take(line: Line): string | undefined {
    switch (line.is) {
      case "opened":
        return this.judge(line);
      case "issued":
        this.#issue(line.issue);
        return undefined;
      case "done": {
        this.#startMin = Math.max(this.#startMin, line.start);
        const wanted = this.#offsets[line.number];
        if (wanted !== undefined && line.offset !== wanted)
          return `call ${line.number} was given offset ${line.offset}, not ${wanted}`;
        const does = this.#issues[line.number]?.do;
        if (does === undefined) return `call ${line.number} is done and was not issued`;
        if (does !== "truncateBefore") this.#done = Math.max(this.#done, line.number + 1);
        return undefined;
      }
      default:
        return undefined;
    }
  }

  #issue(issue: Issue): void {
    if (issue.number !== this.#issues.length) throw new Error("issues are numbered in order");
    this.#issues.push(issue);
    this.#offsets.push(issue.do === "append" ? this.#end : undefined);
    if (issue.do === "append") this.#end += issue.items.length;
    if (issue.do === "truncateFrom") this.#end = issue.offset;
    if (issue.do === "truncateBefore") this.#startMax = Math.max(this.#startMax, issue.offset);
  }

  /** Holds what opening shows against what must be there, and takes it for the truth from now on. Returns what is wrong. */
  judge(shown: Shown, marks?: readonly RecordMark[]): string | undefined {
    const startMax = this.#retains ? shown.end : Math.max(this.#startMax, this.#startMin);
    if (shown.start < this.#startMin || shown.start > startMax)
      return `starts at ${shown.start}, not from ${this.#startMin} to ${startMax}`;
    const held = [...this.#held];
    let nearest = "";
    for (let count = 0; count <= this.#issues.length; count++) {
      if (count > 0) this.#apply(this.#issues[count - 1], held);
      if (count < this.#done || this.#origin + held.length !== shown.end) continue;
      const there = held.slice(shown.start - this.#origin);
      if (digestOfMarks(there) === shown.digest) {
        this.#adopt(shown, there);
        return undefined;
      }
      nearest = `; as after ${count} calls but for ${difference(shown.start, there, marks)}`;
    }
    return `shows ${shown.start} to ${shown.end}: not what it held after any of ${this.#done} to ${this.#issues.length} calls on ${this.#origin} to ${this.#origin + this.#held.length}${nearest}`;
  }

  /** Holds records against the first ones of all that was issued. Returns what is wrong. */
  judgePrefix(marks: readonly RecordMark[]): string | undefined {
    const held = [...this.#held];
    for (const issue of this.#issues) this.#apply(issue, held);
    const wanted = held.slice(0, marks.length);
    if (digestOfMarks(wanted) === digestOfMarks(marks)) return undefined;
    return `has kept something else: ${difference(this.#origin, wanted, marks)}`;
  }

  #apply(issue: Issue | undefined, held: RecordMark[]): void {
    if (issue?.do === "append") {
      // Never back, whatever the clock does.
      const time = Math.max(issue.now, held.at(-1)?.time ?? 0);
      for (const item of issue.items) held.push({ crc: crc32(payloadOf(item)), time });
    } else if (issue?.do === "truncateFrom") held.length = issue.offset - this.#origin;
  }

  #adopt(shown: Shown, held: RecordMark[]): void {
    this.#held = held;
    this.#origin = shown.start;
    this.#end = shown.end;
    this.#startMin = shown.start;
    this.#startMax = shown.start;
    this.#issues = [];
    this.#offsets = [];
    this.#done = 0;
  }
}

function difference(
  start: number,
  wanted: readonly RecordMark[],
  marks: readonly RecordMark[] | undefined,
): string {
  const index = marks?.findIndex(({ crc, time }, at) => {
    return crc !== wanted[at]?.crc || time !== wanted[at]?.time;
  });
  if (index === undefined || index < 0) return "the digest";
  const same = marks?.[index]?.crc === wanted[index]?.crc;
  return `the ${same ? "time" : "payload"} at ${start + index}`;
}
