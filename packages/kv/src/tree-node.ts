// The nodes of the B+ tree behind an ordered map, and the searches within one.

/** Entries of a node at most; a fuller one is split. */
export const NODE_MAX = 64;
/** A node with fewer is merged with a neighbour where both fit. */
export const NODE_MIN = NODE_MAX / 4;
/** Entries of a node that was merged or built: less than full, so that the next put does not split it. */
export const NODE_FILLED = (NODE_MAX * 3) / 4;

/** Tells from a value the time in ms from which on its entry counts as gone; infinity for never. */
export type ExpiryOf<V> = (value: V) => number;

export class Leaf<V> {
  /** The one map that may change this node. */
  readonly owner: object;
  readonly keys: string[];
  readonly values: V[];
  /** The lowest expiry of its entries; infinity if none has one. */
  earliest: number;

  constructor(owner: object, keys: string[], values: V[], earliest = Number.POSITIVE_INFINITY) {
    this.owner = owner;
    this.keys = keys;
    this.values = values;
    this.earliest = earliest;
  }

  get count(): number {
    return this.keys.length;
  }
}

/** `lows[i]` is at most every key below `children[i]` and above every key before it; `lows[0]` is never looked at. */
export class Branch<V> {
  /** The one map that may change this node. */
  readonly owner: object;
  readonly lows: string[];
  readonly children: Node<V>[];
  /** The lowest expiry of the entries below it; infinity if none has one. */
  earliest: number;

  constructor(owner: object, lows: string[], children: Node<V>[], earliest = earliestOf(children)) {
    this.owner = owner;
    this.lows = lows;
    this.children = children;
    this.earliest = earliest;
  }

  get count(): number {
    return this.children.length;
  }

  /** The child at an index within the node. */
  child(at: number): Node<V> {
    return this.children[at] as Node<V>;
  }
}

export type Node<V> = Leaf<V> | Branch<V>;

function earliestOf(nodes: readonly { readonly earliest: number }[]): number {
  let earliest = Number.POSITIVE_INFINITY;
  for (const node of nodes) if (node.earliest < earliest) earliest = node.earliest;
  return earliest;
}

/** What `earliest` of a node has to be. */
export function earliestIn<V>(node: Node<V>, expiryOf: ExpiryOf<V>): number {
  if (node instanceof Branch) return earliestOf(node.children);
  let earliest = Number.POSITIVE_INFINITY;
  for (const value of node.values) earliest = Math.min(earliest, expiryOf(value));
  return earliest;
}

/** Count of the entries below a node. */
export function countEntries<V>(node: Node<V>): number {
  if (node instanceof Leaf) return node.count;
  let count = 0;
  for (const child of node.children) count += countEntries(child);
  return count;
}

/** Index of the first key that is not below `key`. */
export function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the child that holds `key` if any does. */
export function childIndex(lows: readonly string[], key: string): number {
  let low = 1;
  let high = lows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((lows[middle] as string) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Where to split a node that became too large: keys that come in ascending order leave full nodes behind. */
export function splitPoint(insertedAt: number): number {
  return insertedAt === NODE_MAX ? NODE_FILLED : (NODE_MAX + 1) >>> 1;
}

/** The leaves below a node in order, from the one that holds `from` if any does, else from the first. */
export function* leavesFrom<V>(node: Node<V>, from: string | undefined): Generator<Leaf<V>> {
  if (node instanceof Leaf) {
    yield node;
    return;
  }
  const first = from === undefined ? 0 : childIndex(node.lows, from);
  for (let i = first; i < node.count; i++) {
    yield* leavesFrom(node.child(i), i === first ? from : undefined);
  }
}

/** The leaves below a node backwards, from the one that holds `from` if any does, else from the last. */
export function* leavesBack<V>(node: Node<V>, from: string | undefined): Generator<Leaf<V>> {
  if (node instanceof Leaf) {
    yield node;
    return;
  }
  const first = from === undefined ? node.count - 1 : childIndex(node.lows, from);
  for (let i = first; i >= 0; i--) {
    yield* leavesBack(node.child(i), i === first ? from : undefined);
  }
}

/** The leaves below a node, in order, with entries whose expiry is at or before a time; no others are visited. */
export function* leavesExpired<V>(node: Node<V>, time: number): Generator<Leaf<V>> {
  if (node.earliest > time) return;
  if (node instanceof Leaf) yield node;
  else for (const child of node.children) yield* leavesExpired(child, time);
}
