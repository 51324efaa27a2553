// A map from strings in ascending order: a B+ tree whose nodes are copied before they change if a fork may
// share them, so that forking costs nothing and keeping a root keeps a state. Measured against a Map
// with sorted-btree in docs/decisions/0102-ordered-map.md.
// Invariants: a map changes only nodes whose owner is its own token; forking leaves both maps with new tokens. Each node
// knows the lowest expiry below it, so that what has expired is found without a look at the rest
// (docs/decisions/0105-expiry-in-the-tree.md).

import { ownString } from "./own-string.js";
import {
  Branch,
  childIndex,
  countEntries,
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

/** The right half of a node that became too large. */
interface Split<V> {
  readonly low: string;
  readonly node: Node<V>;
}

/** Keys from `gte` (inclusive; "" for no bound) to `lt` (exclusive; undefined for no bound). */
export interface KeyInterval {
  readonly gte: string;
  readonly lt: string | undefined;
}

/** Of entries without expiry. */
export const never = () => Number.POSITIVE_INFINITY;

export class OrderedMap<V extends object> {
  readonly #expiryOf: ExpiryOf<V>;
  #owner: object;
  #root: Node<V>;
  #size: number;
  #previous: V | undefined;

  /** Takes over a tree all of whose nodes belong to `owner`, or to nobody who still changes them. */
  constructor(
    expiryOf: ExpiryOf<V> = never,
    owner: object = {},
    root: Node<V> = new Leaf<V>(owner, [], []),
    size = 0,
  ) {
    this.#expiryOf = expiryOf;
    this.#owner = owner;
    this.#root = root;
    this.#size = size;
  }

  /** Count of entries. */
  get size(): number {
    return this.#size;
  }

  /** The lowest expiry of all entries; infinity if none has one. */
  get earliest(): number {
    return this.#root.earliest;
  }

  get(key: string): V | undefined {
    let node = this.#root;
    while (node instanceof Branch) node = node.child(childIndex(node.lows, key));
    const at = lowerBound(node.keys, key);
    return node.keys[at] === key ? node.values[at] : undefined;
  }

  /** A map with the same entries, in constant time; changing one does not change the other. */
  fork(): OrderedMap<V> {
    this.#owner = {};
    return new OrderedMap(this.#expiryOf, {}, this.#root, this.#size);
  }

  /** Returns what the key had before. */
  set(key: string, value: V): V | undefined {
    this.#root = this.#own(this.#root);
    const split = this.#set(this.#root, key, value);
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
      ? new Leaf(this.#owner, node.keys.slice(), node.values.slice(), node.earliest)
      : new Branch(this.#owner, node.lows.slice(), node.children.slice(), node.earliest);
  }

  #ownChild(branch: Branch<V>, at: number): Node<V> {
    const owned = this.#own(branch.child(at));
    branch.children[at] = owned;
    return owned;
  }

  #set(node: Node<V>, key: string, value: V): Split<V> | undefined {
    if (node instanceof Leaf) return this.#setInLeaf(node, key, value);
    const at = childIndex(node.lows, key);
    const child = this.#ownChild(node, at);
    const before = child.earliest;
    const split = this.#set(child, key, value);
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

  #setInLeaf(leaf: Leaf<V>, key: string, value: V): Split<V> | undefined {
    const { keys, values } = leaf;
    const at = lowerBound(keys, key);
    if (keys[at] === key) {
      const previous = values[at] as V;
      this.#previous = previous;
      values[at] = value;
      this.#adjustEarliest(leaf, this.#expiryOf(previous), this.#expiryOf(value));
      return undefined;
    }
    this.#size += 1;
    keys.splice(at, 0, ownString(key));
    values.splice(at, 0, value);
    leaf.earliest = Math.min(leaf.earliest, this.#expiryOf(value));
    if (keys.length <= NODE_MAX) return undefined;
    const half = splitPoint(at);
    const moved = keys.splice(half);
    const right = new Leaf(this.#owner, moved, values.splice(half));
    this.#renewEarliest(right);
    this.#renewEarliest(leaf);
    return { low: moved[0] as string, node: right };
  }

  /** Returns what the key had before. */
  delete(key: string): V | undefined {
    // Looked up first, so that no node is copied for a key that is not there.
    const previous = this.get(key);
    if (previous === undefined) return undefined;
    this.#root = this.#own(this.#root);
    this.#delete(this.#root, key);
    this.#lowerRoot();
    this.#size -= 1;
    return previous;
  }

  #lowerRoot(): void {
    while (this.#root instanceof Branch && this.#root.count === 1) this.#root = this.#root.child(0);
    if (this.#root.count === 0) this.#root = new Leaf<V>(this.#owner, [], []);
  }

  #delete(node: Node<V>, key: string): void {
    if (node instanceof Leaf) {
      const at = lowerBound(node.keys, key);
      node.keys.splice(at, 1);
      const [deleted] = node.values.splice(at, 1);
      this.#adjustEarliest(node, this.#expiryOf(deleted as V), Number.POSITIVE_INFINITY);
      return;
    }
    const at = childIndex(node.lows, key);
    const changed = this.#ownChild(node, at);
    const before = changed.earliest;
    this.#delete(changed, key);
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

  /** Deletes all keys of an interval; what lies wholly within it is cut off, not visited but for counting. */
  clear({ gte, lt }: KeyInterval): void {
    if (lt !== undefined && lt <= gte) return;
    this.#root = this.#own(this.#root);
    this.#size -= this.#cut(this.#root, gte, lt);
    this.#lowerRoot();
  }

  /** Returns the count of entries that it deleted. */
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
    for (const node of whole) cut += countEntries(node);
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
      left.keys.push(...right.keys);
      left.values.push(...right.values);
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

  /** The entries within the interval, ascending. The map must not change meanwhile: iterate over a fork. */
  *ascending({ gte, lt }: KeyInterval): Generator<[key: string, value: V], void, void> {
    for (const { keys, values } of leavesFrom(this.#root, gte)) {
      for (let i = lowerBound(keys, gte); i < keys.length; i++) {
        const key = keys[i] as string;
        if (lt !== undefined && key >= lt) return;
        yield [key, values[i] as V];
      }
    }
  }

  /** The entries whose expiry is at or before a time, ascending. The map must not change meanwhile. */
  *expired(time: number): Generator<[key: string, value: V], void, void> {
    for (const { keys, values } of leavesExpired(this.#root, time)) {
      for (let i = 0; i < keys.length; i++) {
        const value = values[i] as V;
        if (this.#expiryOf(value) <= time) yield [keys[i] as string, value];
      }
    }
  }

  /** As `ascending`, from the last to the first. */
  *descending({ gte, lt }: KeyInterval): Generator<[key: string, value: V], void, void> {
    for (const { keys, values } of leavesBack(this.#root, lt)) {
      for (let i = (lt === undefined ? keys.length : lowerBound(keys, lt)) - 1; i >= 0; i--) {
        const key = keys[i] as string;
        if (key < gte) return;
        yield [key, values[i] as V];
      }
    }
  }
}

function cutLeaf<V>({ keys, values }: Leaf<V>, gte: string, lt: string | undefined): number {
  const from = lowerBound(keys, gte);
  const to = lt === undefined ? keys.length : lowerBound(keys, lt);
  keys.splice(from, to - from);
  values.splice(from, to - from);
  return to - from;
}
