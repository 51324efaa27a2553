// Crashes that keep the order: a killed process, whose writes all arrive but for the end of the last one, and
// a disk that loses power with everything up to some moment on it. Each is one unit with many states.

import type { CrashSpace, Unit } from "./crash-space.js";
import { arrivedFile } from "./crash-space.js";
import { apply, DirectoryNode, type Node } from "./directory-node.js";
import type { DiskState } from "./disk-state.js";
import type { FileNode, Slot } from "./file-node.js";
import { PAGE_BYTES, type Page, SECTOR_BYTES } from "./page.js";

/** Prefixes of a write that are tried byte by byte; of longer ones those at sectors' borders and beside them. */
const BYTES_MAX = 64;

/** A killed process: its page cache lives on. */
export class KillSpace implements CrashSpace {
  readonly units: readonly Unit[];
  readonly #state: DiskState;
  readonly #lengths: readonly number[];

  constructor(state: DiskState) {
    this.#state = state;
    const { lastWrite } = state;
    this.#lengths =
      lastWrite === undefined ? [] : prefixes(lastWrite.position, lastWrite.bytes.length);
    const steps = this.#lengths.map((_, index) => index);
    // State 0 is the whole write.
    this.units = steps.length === 0 ? [] : [{ steps, count: steps.length + 1 }];
  }

  disk(choice: readonly number[]): DiskState {
    const copy = this.#state.clone();
    const { lastWrite } = copy;
    copy.lastWrite = undefined;
    const length = this.#lengths[(choice[0] ?? 0) - 1];
    if (lastWrite === undefined || length === undefined) return copy;
    const { node, step, position, bytes } = lastWrite;
    node.undo(step);
    if (length > 0) node.write(bytes.subarray(0, length), position, step);
    return copy;
  }
}

function prefixes(position: number, length: number): number[] {
  const lengths = new Set<number>();
  if (length <= BYTES_MAX) for (let at = 0; at < length; at++) lengths.add(at);
  for (const at of [0, 1, 7, 8, 47, 48, 49, 52, length - 1]) lengths.add(at);
  for (let at = SECTOR_BYTES - (position % SECTOR_BYTES); at < length; at += SECTOR_BYTES) {
    for (const near of [at - 1, at, at + 1]) lengths.add(near);
  }
  return [...lengths].filter((at) => at >= 0 && at < length).sort((a, b) => a - b);
}

/** Everything before a moment; of the write at that moment, what lies below a position. */
interface Moment {
  readonly step: number;
  readonly below: number;
}

/** What a power cut leaves of a disk that writes in order, sector by sector. */
export class PrefixSpace implements CrashSpace {
  readonly units: readonly Unit[];
  readonly #state: DiskState;
  readonly #moments: readonly Moment[];

  constructor(state: DiskState) {
    this.#state = state;
    const ranges = new Map<number, { from: number; to: number }>();
    collect(state.root, ranges, new Set());
    const steps = [...ranges.keys()].sort((a, b) => a - b);
    this.#moments = steps.flatMap((step) => {
      const { from, to } = ranges.get(step) ?? { from: 0, to: 0 };
      return momentsOf(step, from, to);
    });
    const all = this.#moments.map(({ step }) => step);
    this.units = all.length === 0 ? [] : [{ steps: all, count: all.length + 1 }];
  }

  disk(choice: readonly number[]): DiskState {
    const reached = choice[0] ?? 0;
    const moment = reached === 0 ? { step: 0, below: 0 } : this.#moments[reached - 1];
    if (moment === undefined) throw new RangeError(`no crash state ${reached}`);
    return this.#state.restarted(arrivedDirectory(this.#state.root, moment, new Map()));
  }
}

function momentsOf(step: number, from: number, to: number): Moment[] {
  const moments: Moment[] = [];
  for (let at = from - (from % SECTOR_BYTES) + SECTOR_BYTES; at < to; at += SECTOR_BYTES) {
    moments.push({ step, below: at });
  }
  moments.push({ step, below: Number.POSITIVE_INFINITY });
  return moments;
}

/** The positions that each step wrote; from 0 to 0 for one that wrote none. */
function collect(
  directory: DirectoryNode,
  ranges: Map<number, { from: number; to: number }>,
  seen: Set<Node>,
): void {
  const visit = (node: Node) => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.kind === "directory") return collect(node, ranges, seen);
    for (const { step } of node.sizes) ranges.set(step, ranges.get(step) ?? { from: 0, to: 0 });
    for (const [index, { versions }] of node.slots.entries()) {
      for (const { step, from, to } of versions) {
        const [start, end] = [index * PAGE_BYTES + from, index * PAGE_BYTES + to];
        const known = ranges.get(step);
        if (known === undefined || known.to === 0) ranges.set(step, { from: start, to: end });
        else known.to = end;
      }
    }
  };
  for (const { step, set } of directory.changes) {
    ranges.set(step, { from: 0, to: 0 });
    if (set !== undefined) visit(set.node);
  }
  for (const node of directory.durable.values()) visit(node);
}

function arrivedDirectory(
  directory: DirectoryNode,
  moment: Moment,
  made: Map<Node, Node>,
): DirectoryNode {
  const entries = new Map(directory.durable);
  for (const change of directory.changes) if (change.step <= moment.step) apply(entries, change);
  const arrived = new Map<string, Node>();
  for (const [name, node] of entries) {
    const copy =
      made.get(node) ??
      (node.kind === "directory" ? arrivedDirectory(node, moment, made) : arrivedAt(node, moment));
    made.set(node, copy);
    arrived.set(name, copy);
  }
  return new DirectoryNode(directory.id, arrived);
}

function arrivedAt(node: FileNode, moment: Moment): FileNode {
  let size = node.durableSize;
  for (const version of node.sizes) {
    if (version.step < moment.step) size = version.size;
    else if (version.step === moment.step) size = partSize(size, version.size, moment.below);
  }
  const pages = node.slots.map((slot, index) => pageAt(slot, index * PAGE_BYTES, moment));
  return arrivedFile(node, pages, size);
}

/** A truncation happens at once, an extension as far as the write has come. */
function partSize(before: number, after: number, below: number): number {
  return after < before ? after : Math.min(after, Math.max(before, below));
}

function pageAt(slot: Slot, start: number, { step, below }: Moment): Page {
  let page = slot.durable;
  for (const version of slot.versions) {
    if (version.step > step) break;
    const to = version.step < step ? version.to : Math.min(version.to, below - start);
    if (to === version.to) page = version.page;
    else if (to > version.from) {
      const part = new Uint8Array(to - version.from);
      version.page.readInto(part, version.from);
      page = page.with(part, version.from);
    }
  }
  return page;
}
