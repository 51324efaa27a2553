// Items in ascending order, found by the prefixes of their texts (item.ts): a B+ tree whose nodes are copied before
// they change if a fork may share them, so that forking costs nothing and keeping a root keeps a state.
// Measured in docs/decisions/0102-ordered-map.md and 0112-items.md.
// Invariants: a map changes only nodes whose owner is its own token; forking leaves both maps with new tokens. Each node
// knows the lowest expiry below it, so that what has expired is found without a look at the rest
// (docs/decisions/0105-expiry-in-the-tree.md).

import { hasPrefix, prefixOfText } from "./item.js";
import {
  Branch,
  childIndex,
  countExpired,
  countItems,
  type ExpiryOf,
  earliestIn,
  Leaf,
  leavesBack,
  leavesExpired,
  leavesFrom,
  lowerBound,
  NODE_FILLED,
  NODE_MAX,
  NODE_MIN,
  type Node,
  splitPoint,
} from "./tree-node.js";

/** What there is under one key. */
export interface Held<V> {
  readonly text: string;
  readonly beside: V | undefined;
}

/** Items of a leaf with indexes from `from` to `to` (exclusive). */
export interface Run<V> {
  readonly leaf: Leaf<V>;
  readonly from: number;
  readonly to: number;
}

type Make<V, T> = (text: string, beside: V | undefined) => T;

/** The right half of a node that became too large. */
interface Split<V> {
  readonly low: string;
  readonly node: Node<V>;
}

/** Keys, or prefixes, from `gte` (inclusive; "" for no bound) to `lt` (exclusive; undefined for no bound). */
export interface KeyInterval {
  readonly gte: string;
  readonly lt: string | undefined;
}

/** Of items without expiry. */
export const never = () => Number.POSITIVE_INFINITY;

export class OrderedMap<V extends object> {
  readonly #expiryOf: ExpiryOf;
  #owner: object;
  #root: Node<V>;
  #size: number;
  #previous: Held<V> | undefined;

  /** Takes over a tree all of whose nodes belong to `owner`, or to nobody who still changes them. */
  constructor(
    expiryOf: ExpiryOf = never,
    owner: object = {},
    root: Node<V> = new Leaf<V>(owner, []),
    size = 0,
  ) {
    this.#expiryOf = expiryOf;
    this.#owner = owner;
    this.#root = root;
    this.#size = size;
  }

  /** Count of items. */
  get size(): number {
    return this.#size;
  }

  /** The lowest expiry of all items; infinity if none has one. */
  get earliest(): number {
    return this.#root.earliest;
  }

  /** The text under a prefix. */
  get(prefix: string): string | undefined {
    const { texts } = this.#leafOf(prefix);
    const text = texts[lowerBound(texts, prefix)];
    return text !== undefined && hasPrefix(text, prefix) ? text : undefined;
  }

  /** What is beside the text under a prefix, where there is one. */
  beside(prefix: string): V | undefined {
    const leaf = this.#leafOf(prefix);
    return leaf.beside(lowerBound(leaf.texts, prefix));
  }

  #leafOf(prefix: string): Leaf<V> {
    let node = this.#root;
    while (node instanceof Branch) node = node.child(childIndex(node.lows, prefix));
    return node;
  }

  /** A map with the same items, in constant time; changing one does not change the other. */
  fork(): OrderedMap<V> {
    this.#owner = {};
    return new OrderedMap(this.#expiryOf, {}, this.#root, this.#size);
  }

  /** Puts an item under its prefix; the text is a string of its own. Returns what was there before. */
  set(prefix: string, text: string, beside?: V): Held<V> | undefined {
    this.#root = this.#own(this.#root);
    const split = this.#set(this.#root, prefix, { text, beside });
    if (split !== undefined) {
      this.#root = new Branch<V>(this.#owner, ["", split.low], [this.#root, split.node]);
    }
    const previous = this.#previous;
    // It may be large, and the next call far away.
    this.#previous = undefined;
    return previous;
  }

  #own(node: Node<V>): Node<V> {
    if (node.owner === this.#owner) return node;
    return node instanceof Leaf
      ? node.copy(this.#owner)
      : new Branch(this.#owner, node.lows.slice(), node.children.slice(), node.earliest);
  }

  #ownChild(branch: Branch<V>, at: number): Node<V> {
    const owned = this.#own(branch.child(at));
    branch.children[at] = owned;
    return owned;
  }

  #set(node: Node<V>, prefix: string, item: Held<V>): Split<V> | undefined {
    if (node instanceof Leaf) return this.#setInLeaf(node, prefix, item);
    const at = childIndex(node.lows, prefix);
    const child = this.#ownChild(node, at);
    const before = child.earliest;
    const split = this.#set(child, prefix, item);
    if (split === undefined) {
      this.#adjustEarliest(node, before, child.earliest);
      return undefined;
    }
    node.lows.splice(at + 1, 0, split.low);
    node.children.splice(at + 1, 0, split.node);
    if (node.count <= NODE_MAX) {
      this.#renewEarliest(node);
      return undefined;
    }
    const half = splitPoint(at + 1);
    const lows = node.lows.splice(half);
    const right = new Branch(this.#owner, lows, node.children.splice(half));
    this.#renewEarliest(node);
    return { low: lows[0] as string, node: right };
  }

  /** After one of the expiries below a node, or the lowest below one of its children, has become another. */
  #adjustEarliest(node: Node<V>, before: number, after: number): void {
    if (after <= node.earliest) node.earliest = after;
    else if (before === node.earliest) this.#renewEarliest(node);
  }

  #renewEarliest(node: Node<V>): void {
    node.earliest = earliestIn(node, this.#expiryOf);
  }

  #setInLeaf(leaf: Leaf<V>, prefix: string, { text, beside }: Held<V>): Split<V> | undefined {
    const at = lowerBound(leaf.texts, prefix);
    const found = leaf.texts[at];
    const expiry = this.#expiryOf(text, prefix.length);
    if (found !== undefined && hasPrefix(found, prefix)) {
      this.#previous = { text: found, beside: leaf.beside(at) };
      leaf.replace(at, text, beside);
      this.#adjustEarliest(leaf, this.#expiryOf(found, prefix.length), expiry);
      return undefined;
    }
    this.#size += 1;
    leaf.insert(at, text, beside);
    leaf.earliest = Math.min(leaf.earliest, expiry);
    if (leaf.count <= NODE_MAX) return undefined;
    const right = leaf.split(splitPoint(at));
    this.#renewEarliest(right);
    this.#renewEarliest(leaf);
    return { low: prefixOfText(right.texts[0] as string), node: right };
  }

  /** Returns what was there before. */
  delete(prefix: string): Held<V> | undefined {
    // Looked up first, so that no node is copied for a key that is not there.
    const text = this.get(prefix);
    if (text === undefined) return undefined;
    const previous = { text, beside: this.beside(prefix) };
    this.#root = this.#own(this.#root);
    this.#delete(this.#root, prefix);
    this.#lowerRoot();
    this.#size -= 1;
    return previous;
  }

  #lowerRoot(): void {
    while (this.#root instanceof Branch && this.#root.count === 1) this.#root = this.#root.child(0);
    if (this.#root.count === 0) this.#root = new Leaf<V>(this.#owner, []);
  }

  #delete(node: Node<V>, prefix: string): void {
    if (node instanceof Leaf) {
      const at = lowerBound(node.texts, prefix);
      const expiry = this.#expiryOf(node.texts[at] as string, prefix.length);
      node.remove(at, 1);
      this.#adjustEarliest(node, expiry, Number.POSITIVE_INFINITY);
      return;
    }
    const at = childIndex(node.lows, prefix);
    const changed = this.#ownChild(node, at);
    const before = changed.earliest;
    this.#delete(changed, prefix);
    this.#adjustEarliest(node, before, changed.earliest);
    this.#tidy(node, at);
  }

  /** Removes a child without entries; merges one with few. */
  #tidy(branch: Branch<V>, at: number): void {
    const { count } = branch.child(at);
    if (count === 0) {
      branch.lows.splice(at, 1);
      branch.children.splice(at, 1);
    } else if (count < NODE_MIN && !this.#merge(branch, at - 1)) {
      this.#merge(branch, at);
    }
  }

  /** Deletes all items of an interval of prefixes; what lies wholly within it is cut off, not visited but for counting. */
  clear({ gte, lt }: KeyInterval): void {
    if (lt !== undefined && lt <= gte) return;
    this.#root = this.#own(this.#root);
    this.#size -= this.#cut(this.#root, gte, lt);
    this.#lowerRoot();
  }

  /** Returns the count of items that it deleted. */
  #cut(node: Node<V>, gte: string, lt: string | undefined): number {
    const cut = node instanceof Leaf ? cutLeaf(node, gte, lt) : this.#cutBranch(node, gte, lt);
    this.#renewEarliest(node);
    return cut;
  }

  #cutBranch(branch: Branch<V>, gte: string, lt: string | undefined): number {
    const first = childIndex(branch.lows, gte);
    const last = lt === undefined ? branch.count - 1 : childIndex(branch.lows, lt);
    if (first === last) {
      const cut = this.#cut(this.#ownChild(branch, first), gte, lt);
      this.#tidy(branch, first);
      return cut;
    }
    let cut = this.#cut(this.#ownChild(branch, first), gte, undefined);
    cut += this.#cut(this.#ownChild(branch, last), "", lt);
    branch.lows.splice(first + 1, last - first - 1);
    const whole = branch.children.splice(first + 1, last - first - 1);
    for (const node of whole) cut += countItems(node);
    this.#tidy(branch, first + 1);
    this.#tidy(branch, first);
    return cut;
  }

  /** Merges a child with the one to its right, if both exist and fit into one. */
  #merge(branch: Branch<V>, at: number): boolean {
    if (at < 0 || at + 1 >= branch.count) return false;
    const right = branch.child(at + 1);
    if (branch.child(at).count + right.count > NODE_FILLED) return false;
    const left = this.#ownChild(branch, at);
    if (left instanceof Leaf && right instanceof Leaf) {
      left.append(right);
    } else if (left instanceof Branch && right instanceof Branch) {
      // The low of its first child is what this branch says: in the child itself it was never looked at.
      left.lows.push(branch.lows[at + 1] as string, ...right.lows.slice(1));
      left.children.push(...right.children);
    }
    left.earliest = Math.min(left.earliest, right.earliest);
    branch.lows.splice(at + 1, 1);
    branch.children.splice(at + 1, 1);
    return true;
  }

  /**
   * The items within an interval of prefixes, a leaf at a time, ascending or from the last to the first; within a run
   * they ascend. The map must not change meanwhile: iterate over a fork.
   */
  *runs({ gte, lt }: KeyInterval, reverse: boolean): Generator<Run<V>, void, void> {
    const leaves = reverse ? leavesBack(this.#root, lt) : leavesFrom(this.#root, gte);
    for (const leaf of leaves) {
      const from = lowerBound(leaf.texts, gte);
      const to = lt === undefined ? leaf.count : lowerBound(leaf.texts, lt);
      if (from < to) yield { leaf, from, to };
      // Whatever bound it has on the way stands in this leaf.
      if (reverse ? from > 0 : to < leaf.count) return;
    }
  }

  /** What `make` makes of the items within an interval of prefixes, ascending. The map must not change meanwhile. */
  *ascending<T>(interval: KeyInterval, make: Make<V, T>): Generator<T, void, void> {
    for (const { leaf, from, to } of this.runs(interval, false)) {
      for (let i = from; i < to; i++) yield make(leaf.texts[i] as string, leaf.beside(i));
    }
  }

  /** As `ascending`, from the last to the first. */
  *descending<T>(interval: KeyInterval, make: Make<V, T>): Generator<T, void, void> {
    for (const { leaf, from, to } of this.runs(interval, true)) {
      for (let i = to - 1; i >= from; i--) yield make(leaf.texts[i] as string, leaf.beside(i));
    }
  }

  /** Count of the items whose expiry is at or before a time. */
  countExpired(time: number): number {
    return countExpired(this.#root, time, this.#expiryOf);
  }

  /** As `ascending`, of the items whose expiry is at or before a time. */
  *expired<T>(time: number, make: Make<V, T>): Generator<T, void, void> {
    for (const leaf of leavesExpired(this.#root, time)) {
      for (const [i, text] of leaf.texts.entries()) {
        if (this.#expiryOf(text) <= time) yield make(text, leaf.beside(i));
      }
    }
  }
}

function cutLeaf<V>(leaf: Leaf<V>, gte: string, lt: string | undefined): number {
  const from = lowerBound(leaf.texts, gte);
  const to = lt === undefined ? leaf.count : lowerBound(leaf.texts, lt);
  leaf.remove(from, to - from);
  return to - from;
}
