// Everything that is on a simulated disk or on its way there, shared by the processes that use it.

import { DirectoryNode, type Node } from "./directory-node.js";
import { FileNode } from "./file-node.js";
import type { Page } from "./page.js";

/** Pages of unlinked files that are kept to turn up again as garbage. */
const FREED_PAGES_MAX = 8;

/** The write under way: a process that is killed now may have written a prefix of it. */
export interface LastWrite {
  readonly node: FileNode;
  readonly step: number;
  readonly position: number;
  readonly bytes: Uint8Array;
}

export class DiskState {
  root = new DirectoryNode(0);
  /** Times at which a power cut started the machine anew. */
  boots = 1;
  lastPid = 0;
  readonly livingPids = new Set<number>();
  lastWrite: LastWrite | undefined;
  /** What unlinked files held, newest last. */
  freed: Page[] = [];
  #step = 0;
  #lastId = 0;

  /** Returns the new process's id. */
  startProcess(): number {
    this.lastPid += 1;
    this.livingPids.add(this.lastPid);
    return this.lastPid;
  }

  nextStep(): number {
    this.#step += 1;
    return this.#step;
  }

  newFile(): FileNode {
    this.#lastId += 1;
    return new FileNode(this.#lastId);
  }

  newDirectory(): DirectoryNode {
    this.#lastId += 1;
    return new DirectoryNode(this.#lastId);
  }

  free({ slots }: FileNode): void {
    for (const { current } of slots) if (current.digest !== "") this.freed.push(current);
    this.freed = this.freed.slice(-FREED_PAGES_MAX);
  }

  /** Bytes that all files take, those of pages that were never written left out. */
  usedBytes(): number {
    let used = 0;
    for (const { node } of filesIn(this.root)) {
      for (const { current } of node.slots) used += current.bytes.length;
    }
    return used;
  }

  /** The node that a path names. */
  find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of namesOf(path)) {
      if (node?.kind !== "directory") return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  /** A copy that shares pages and nothing else: the same contents, the same things on their way. */
  clone(): DiskState {
    const copied = new Map<Node, Node>();
    const copy = this.#copyWith(cloneDirectory(this.root, copied));
    const { lastWrite } = this;
    const node = lastWrite === undefined ? undefined : copied.get(lastWrite.node);
    if (lastWrite !== undefined && node?.kind === "file") copy.lastWrite = { ...lastWrite, node };
    return copy;
  }

  /** The disk after a power cut, with what arrived on it. */
  restarted(root: DirectoryNode): DiskState {
    const copy = this.#copyWith(root);
    copy.boots += 1;
    return copy;
  }

  #copyWith(root: DirectoryNode): DiskState {
    const copy = new DiskState();
    copy.root = root;
    copy.boots = this.boots;
    copy.lastPid = this.lastPid;
    copy.freed = this.freed;
    copy.#step = this.#step;
    copy.#lastId = this.#lastId;
    return copy;
  }
}

/** The names on the way to a path; relative paths start at the root. */
export function namesOf(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name === "..") names.pop();
    else names.push(name);
  }
  return names;
}

function cloneDirectory(directory: DirectoryNode, copied: Map<Node, Node>): DirectoryNode {
  const copyOf = (node: Node): Node => {
    const known = copied.get(node);
    if (known !== undefined) return known;
    const copy = node.kind === "file" ? node.clone() : cloneDirectory(node, copied);
    copied.set(node, copy);
    return copy;
  };
  const copy = new DirectoryNode(directory.id);
  for (const [name, node] of directory.durable) copy.durable.set(name, copyOf(node));
  for (const [name, node] of directory.entries) copy.entries.set(name, copyOf(node));
  copy.lateError = directory.lateError;
  copy.changes = directory.changes.map((change) =>
    change.set === undefined
      ? change
      : { ...change, set: { name: change.set.name, node: copyOf(change.set.node) } },
  );
  return copy;
}

/** All files of a directory and those in it, in the order of their paths. */
export function* filesIn(
  directory: DirectoryNode,
  path = "",
): Generator<{ path: string; node: FileNode }> {
  for (const name of [...directory.entries.keys()].sort()) {
    const node = directory.entries.get(name);
    if (node?.kind === "file") yield { path: `${path}/${name}`, node };
    else if (node !== undefined) yield* filesIn(node, `${path}/${name}`);
  }
}

/** Names what all files hold, by path, and the directories: equal for disks that read the same. */
export function digestOf(root: DirectoryNode): string {
  const parts: string[] = [];
  addDigests(root, "", parts);
  return parts.join(" ");
}

function addDigests(directory: DirectoryNode, path: string, parts: string[]): void {
  parts.push(`${path}/`);
  for (const name of [...directory.entries.keys()].sort()) {
    const node = directory.entries.get(name);
    if (node?.kind === "directory") addDigests(node, `${path}/${name}`, parts);
    if (node?.kind !== "file") continue;
    parts.push(`${path}/${name}:${node.size}`);
    for (const { current } of node.slots) parts.push(current.digest);
    if (node.unreadable.size > 0) parts.push([...node.unreadable].join("!"));
  }
}
