// A directory of the simulated disk: the entries that are on the disk, and the changes since, each of which
// may arrive or not until the directory is synced. A rename is one change.

import type { FileNode } from "./file-node.js";

export type Node = FileNode | DirectoryNode;

/** One creation, rename or unlink: a name that goes, and a name that means something else from then on. */
export interface EntryChange {
  /** Place in the order of all that happened on the disk. */
  readonly step: number;
  readonly removed?: string;
  readonly set?: { readonly name: string; readonly node: Node };
}

export class DirectoryNode {
  readonly kind = "directory";
  /** Same in all copies of the disk. */
  readonly id: number;
  readonly entries: Map<string, Node>;
  durable: Map<string, Node>;
  changes: EntryChange[] = [];
  lateError: string | undefined;

  constructor(id: number, durable = new Map<string, Node>()) {
    this.id = id;
    this.durable = durable;
    this.entries = new Map(durable);
  }

  change(change: EntryChange): void {
    this.changes.push(change);
    apply(this.entries, change);
  }

  sync(): void {
    this.durable = new Map(this.entries);
    this.changes = [];
  }

  /** Nothing: entries go through a journal, which does not forget what it has not written. */
  markClean(): void {
    this.lateError = undefined;
  }

  /** Nothing either. */
  revert(): void {
    this.lateError = undefined;
  }
}

export function apply(entries: Map<string, Node>, { removed, set }: EntryChange): void {
  if (removed !== undefined) entries.delete(removed);
  if (set !== undefined) entries.set(set.name, set.node);
}
