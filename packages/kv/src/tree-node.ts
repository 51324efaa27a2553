// The nodes of the B+ tree behind an ordered map, and the searches within one.

/** Entries of a node at most; a fuller one is split. */
export const NODE_MAX = 64;
/** A node with fewer is merged with a neighbour where both fit. */
export const NODE_MIN = NODE_MAX / 4;
/** Entries of a node that was merged or built: less than full, so that the next put does not split it. */
export const NODE_FILLED = (NODE_MAX * 3) / 4;

export class Leaf<V> {
  /** The one map that may change this node. */
  readonly owner: object;
  readonly keys: string[];
  readonly values: V[];

  constructor(owner: object, keys: string[], values: V[]) {
    this.owner = owner;
    this.keys = keys;
    this.values = values;
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

  constructor(owner: object, lows: string[], children: Node<V>[]) {
    this.owner = owner;
    this.lows = lows;
    this.children = children;
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
