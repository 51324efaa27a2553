// What a log must hold after a crash, told from what was asked of it and what it answered. What it holds is
// always what it held after some number of these operations: at least those that the crash spares, at most all.

export interface ModelRecord {
  readonly payload: Uint8Array;
  /** In ms. */
  readonly time: number;
}

interface Append {
  readonly kind: "append";
  readonly records: readonly ModelRecord[];
  rejected: boolean;
  /** Refused by a log that does not know itself what is on disk. */
  doubtful?: boolean;
}

interface Truncation {
  readonly kind: "truncation";
  readonly from: number;
  rejected: boolean;
  doubtful?: boolean;
}

export type Operation = Append | Truncation;

/** What is known at one moment. */
export interface Facts {
  readonly operations: readonly Operation[];
  /** So many operations at least are there after a crash of the process, or of the machine. */
  readonly spared: { readonly process: number; readonly machine: number };
  /** Bounds of the start offset, inclusive. */
  readonly startMin: number;
  readonly startMax: number;
  /** The disk has kept quiet about something: what it holds may be less than it said. */
  readonly doubtful: boolean;
}

/** What opening showed. */
export interface Shown {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly records: readonly ModelRecord[];
}

export class Model {
  #operations: Operation[] = [];
  #process = 0;
  #machine = 0;
  startMin = 0;
  startMax = 0;
  serial = 0;
  doubtful = false;
  /** Truncations of the end under way. */
  #truncating = 0;

  get count(): number {
    return this.#operations.length;
  }

  begin(operation: Operation): Operation {
    if (operation.kind === "truncation") this.#truncating += 1;
    this.#operations.push(operation);
    return operation;
  }

  /** An operation is done; from now on a crash spares it, of the machine too if it is durable. */
  done(operation: Operation, durable: boolean): void {
    if (operation.kind === "truncation") this.#truncating -= 1;
    this.spare(this.#operations.indexOf(operation) + 1, durable);
  }

  /** An operation was refused. By a poisoned log: then it may be there or not, and opening says which. */
  fail(operation: Operation, poisoned: boolean): void {
    if (operation.kind === "truncation") this.#truncating -= 1;
    if (poisoned) operation.doubtful = true;
    else operation.rejected = true;
  }

  spare(count: number, durable: boolean): void {
    this.#process = Math.max(this.#process, count);
    if (durable) this.#machine = Math.max(this.#machine, count);
  }

  /** The log itself says up to which offset everything is durable. */
  spareBelow(durableOffset: number): void {
    if (this.#truncating > 0) return;
    let end = 0;
    let spared = 0;
    for (const [index, operation] of this.#operations.entries()) {
      if (operation.rejected) continue;
      if (operation.doubtful === true) break;
      if (operation.kind === "truncation") end = operation.from;
      else end += operation.records.length;
      if (end <= durableOffset) spared = index + 1;
    }
    this.#machine = Math.max(this.#machine, spared);
    this.#process = Math.max(this.#process, spared);
  }

  facts(): Facts {
    return {
      operations: this.#operations.map((operation) => ({ ...operation })),
      spared: { process: this.#process, machine: this.#machine },
      startMin: this.startMin,
      startMax: this.startMax,
      doubtful: this.doubtful,
    };
  }

  /** What only a living machine holds may be gone. */
  losePower(): void {
    this.#process = this.#machine;
  }

  /** Takes what opening showed as all that there is, of which it promises that it lasts. */
  restart(shown: Shown, operations: number): void {
    this.#operations = this.#operations.slice(0, operations);
    this.#process = operations;
    this.#machine = operations;
    this.startMin = shown.startOffset;
    this.startMax = shown.startOffset;
    this.#truncating = 0;
  }
}

/** How many operations what was shown has seen; or what is wrong with it. */
export function judge(shown: Shown, facts: Facts, crash: "process" | "machine"): number | string {
  const { startOffset, endOffset, records } = shown;
  if (records.length !== endOffset - startOffset)
    return `${records.length} records from ${startOffset} to ${endOffset}`;
  if (startOffset < facts.startMin || startOffset > facts.startMax)
    return `starts at ${startOffset}, not between ${facts.startMin} and ${facts.startMax}`;
  const spared = facts.spared[crash];
  let held: ModelRecord[] = [];
  let nearest = "";
  for (let count = 0; ; count++) {
    if (count >= spared && held.length === endOffset) {
      const wrong = difference(shown, held);
      if (wrong === undefined) return count;
      nearest = `, and as after ${count} operations but for ${wrong}`;
    }
    const operation = facts.operations[count];
    if (operation === undefined) break;
    if (operation.rejected) continue;
    held =
      operation.kind === "truncation"
        ? held.slice(0, operation.from)
        : [...held, ...operation.records];
  }
  return `ends at ${endOffset}: not what it held after any of ${spared} to ${facts.operations.length} operations${nearest}`;
}

/** After damage, and where the disk has lied: the log may hold less, and nothing else. */
export function judgeDamaged(shown: Shown, facts: Facts): string | undefined {
  const least = { ...facts, spared: { process: 0, machine: 0 }, startMin: 0 };
  const verdict = judge(shown, least, "machine");
  return typeof verdict === "string" ? verdict : undefined;
}

function difference(
  { startOffset, records }: Shown,
  held: readonly ModelRecord[],
): string | undefined {
  for (const [index, { payload, time }] of records.entries()) {
    const wanted = held[startOffset + index];
    const offset = startOffset + index;
    if (wanted === undefined) return `a record too many at ${offset}`;
    if (Buffer.compare(wanted.payload, payload) !== 0) return `the payload at ${offset}`;
    if (wanted.time !== time) return `the time at ${offset}: ${time}, not ${wanted.time}`;
  }
  return undefined;
}

/** What two openings showed differently, if anything. */
export function differenceOf(shown: Shown, wanted: Shown): string | undefined {
  const { startOffset, endOffset } = wanted;
  if (shown.startOffset !== startOffset || shown.endOffset !== endOffset)
    return `shows ${shown.startOffset} to ${shown.endOffset}, not ${startOffset} to ${endOffset}`;
  const held: ModelRecord[] = [];
  held.length = startOffset;
  return difference(shown, [...held, ...wanted.records]);
}
