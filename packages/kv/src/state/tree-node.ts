// The nodes of the B+ tree behind an ordered map, and the searches within one.

/** Items of a node at most; a fuller one is split. */
export const NODE_MAX = 64;
/** A node with fewer is merged with a neighbour where both fit. */
export const NODE_MIN = NODE_MAX / 4;
/** Items of a node that was merged or built: less than full, so that the next put does not split it. */
export const NODE_FILLED = (NODE_MAX * 3) / 4;

/**
 * Tells from the text of an item, and the length of its prefix if that is known, the time in ms from which on it counts
 * as gone; infinity for never.
 */
export type ExpiryOf = (text: string, prefixLength?: number) => number;

export class Leaf<V> {
  /** The one map that may change this node. */
  readonly owner: object;
  /** The texts of the items, ascending. */
  readonly texts: string[];
  /** The lowest expiry of its items; infinity if none has one. */
  earliest: number;
  /** By the same index, what is held beside the items; undefined as long as none has anything. */
  #beside: (V | undefined)[] | undefined;

  constructor(
    owner: object,
    texts: string[],
    beside?: (V | undefined)[],
    earliest = Number.POSITIVE_INFINITY,
  ) {
    this.owner = owner;
    this.texts = texts;
    this.#beside = beside;
    this.earliest = earliest;
  }

  get count(): number {
    return this.texts.length;
  }

  beside(at: number): V | undefined {
    return this.#beside?.[at];
  }

  copy(owner: object): Leaf<V> {
    return new Leaf(owner, this.texts.slice(), this.#beside?.slice(), this.earliest);
  }

  insert(at: number, text: string, beside: V | undefined): void {
    if (beside !== undefined) this.#beside ??= this.texts.map(() => undefined);
    this.texts.splice(at, 0, text);
    this.#beside?.splice(at, 0, beside);
  }

  push(text: string, beside: V | undefined): void {
    if (beside !== undefined) this.#beside ??= this.texts.map(() => undefined);
    this.texts.push(text);
    this.#beside?.push(beside);
  }

  replace(at: number, text: string, beside: V | undefined): void {
    if (beside !== undefined) this.#beside ??= this.texts.map(() => undefined);
    this.texts[at] = text;
    if (this.#beside !== undefined) this.#beside[at] = beside;
  }

  remove(at: number, count: number): void {
    this.texts.splice(at, count);
    this.#beside?.splice(at, count);
  }

  /** Moves the items from an index on into a new leaf. What is the earliest in each, none before that of both, is to be told anew. */
  split(at: number): Leaf<V> {
    return new Leaf(this.owner, this.texts.splice(at), this.#beside?.splice(at), this.earliest);
  }

  /** Appends the items of the leaf to the right. */
  append(right: Leaf<V>): void {
    for (const [at, text] of right.texts.entries()) this.push(text, right.beside(at));
  }
}

/** `lows[i]` is a prefix: at most every one below `children[i]` and above every one before it; `lows[0]` is never looked at. */
export class Branch<V> {
  /** The one map that may change this node. */
  readonly owner: object;
  readonly lows: string[];
  readonly children: Node<V>[];
  /** The lowest expiry of the items below it; infinity if none has one. */
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

/** What `earliest` of a node has to be; that of a leaf is at most that now. */
export function earliestIn<V>(node: Node<V>, expiryOf: ExpiryOf): number {
  if (node instanceof Branch) return earliestOf(node.children);
  // Where none expires, no text is read: most are in no cache.
  if (node.earliest === Number.POSITIVE_INFINITY) return node.earliest;
  let earliest = Number.POSITIVE_INFINITY;
  for (const text of node.texts) earliest = Math.min(earliest, expiryOf(text));
  return earliest;
}

/** Count of the items below a node. */
export function countItems<V>(node: Node<V>): number {
  if (node instanceof Leaf) return node.count;
  let count = 0;
  for (const child of node.children) count += countItems(child);
  return count;
}

/** Index of the first text that is not below a prefix. */
export function lowerBound(texts: readonly string[], prefix: string): number {
  let low = 0;
  let high = texts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((texts[middle] as string) < prefix) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the child that holds `prefix` if any does. */
export function childIndex(lows: readonly string[], prefix: string): number {
  let low = 1;
  let high = lows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((lows[middle] as string) <= prefix) low = middle + 1;
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

/** Count of the items below a node whose expiry is at or before a time. */
export function countExpired<V>(node: Node<V>, time: number, expiryOf: ExpiryOf): number {
  if (node.earliest > time) return 0;
  let count = 0;
  if (node instanceof Leaf) {
    for (const text of node.texts) if (expiryOf(text) <= time) count += 1;
  } else for (const child of node.children) count += countExpired(child, time, expiryOf);
  return count;
}

/** The leaves below a node, in order, with items whose expiry is at or before a time; no others are visited. */
export function* leavesExpired<V>(node: Node<V>, time: number): Generator<Leaf<V>> {
  if (node.earliest > time) return;
  if (node instanceof Leaf) yield node;
  else for (const child of node.children) yield* leavesExpired(child, time);
}
