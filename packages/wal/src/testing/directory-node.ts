// A directory of the simulated disk: the entries that are on the disk, and the changes since, each of which
// may arrive or not until the directory is synced. A rename is one change.

import type { FileNode } from "./file-node.js";

export type Node = FileNode | DirectoryNode;

/** One creation, rename or unlink: names that go, and a name that comes or means something else from then on. */
export interface EntryChange {
  readonly step: number;
  readonly directory: DirectoryNode;
  readonly removed: string | undefined;
  readonly set: { readonly name: string; readonly node: Node } | undefined;
  /** The other half of a rename from one directory to another: both arrive or neither does. */
  readonly twin: EntryChange | undefined;
}

export class DirectoryNode {
  readonly kind = "directory";
  readonly id: number;
  entries = new Map<string, Node>();
  durable = new Map<string, Node>();
  changes: EntryChange[] = [];

  constructor(id: number) {
    this.id = id;
  }

  change(
    step: number,
    { removed, set, twin }: Partial<Pick<EntryChange, "removed" | "set" | "twin">>,
  ): EntryChange {
    const change = { step, directory: this, removed, set, twin };
    this.changes.push(change);
    apply(this.entries, change);
    return change;
  }

  sync(): void {
    this.durable = new Map(this.entries);
    const { changes } = this;
    this.changes = [];
    // A journal holds both halves of a rename in one transaction.
    for (const { twin } of changes) twin?.directory.arrive(twin);
  }

  /** One change is on the disk, whatever the others are. */
  arrive(change: EntryChange): void {
    if (!this.changes.includes(change)) return;
    this.changes = this.changes.filter((other) => other !== change);
    apply(this.durable, change);
  }
}

export function apply(entries: Map<string, Node>, { removed, set }: EntryChange): void {
  if (removed !== undefined) entries.delete(removed);
  if (set !== undefined) entries.set(set.name, set.node);
}
