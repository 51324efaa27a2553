// What is known of a log at each moment, told from what was asked of it and what it answered. What it holds after a
// crash is held against that in judge.ts.

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
  /** The log was closed in order and not opened since: nothing can be lost in silence. */
  readonly closed: boolean;
  /** A place on the disk is damaged, and this is what a repair has said that it would keep: offsets [from, to). */
  readonly kept: { readonly from: number; readonly to: number } | undefined;
}

/** What opening showed. */
export interface Shown {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly records: readonly ModelRecord[];
  /** The report names an end that was cut off behind the last record. */
  readonly torn?: boolean;
}

export class Model {
  #operations: Operation[] = [];
  #process = 0;
  #machine = 0;
  startMin = 0;
  startMax = 0;
  serial = 0;
  doubtful = false;
  closed = false;
  kept: Facts["kept"];
  /** Truncations of the end under way. */
  #truncating = 0;

  get count(): number {
    return this.#operations.length;
  }

  get isTruncating(): boolean {
    return this.#truncating > 0;
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
      closed: this.closed,
      kept: this.kept,
    };
  }

  /** What only a living machine holds may be gone. */
  losePower(): void {
    this.#process = this.#machine;
  }

  /** Takes what opening showed as all that there is, of which it promises that it lasts. */
  restart({ startOffset }: Shown, operations: number): void {
    this.#operations = this.#operations.slice(0, operations);
    this.#process = operations;
    this.#machine = operations;
    this.startMin = startOffset;
    this.startMax = startOffset;
    this.#truncating = 0;
    this.closed = false;
    this.kept = undefined;
  }
}
