// A map from strings in ascending order: a B+ tree whose nodes are copied before they change if a fork may
// share them, so that forking costs nothing and keeping a root keeps a state. Measured against a Map
// with sorted-btree in docs/decisions/0102-ordered-map.md.
// Invariant: a map changes only nodes whose owner is its own token; forking leaves both maps with new tokens.

import { ownString } from "./own-string.js";
import {
  Branch,
  childIndex,
  Leaf,
  leavesBack,
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

export class OrderedMap<V extends object> {
  #owner: object;
  #root: Node<V>;
  #size: number;
  #previous: V | undefined;

  /** Takes over a tree all of whose nodes belong to `owner`, or to nobody who still changes them. */
  constructor(owner: object = {}, root: Node<V> = new Leaf<V>(owner, [], []), size = 0) {
    this.#owner = owner;
    this.#root = root;
    this.#size = size;
  }

  /** Count of entries. */
  get size(): number {
    return this.#size;
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
    return new OrderedMap({}, this.#root, this.#size);
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
      ? new Leaf(this.#owner, node.keys.slice(), node.values.slice())
      : new Branch(this.#owner, node.lows.slice(), node.children.slice());
  }

  #ownChild(branch: Branch<V>, at: number): Node<V> {
    const owned = this.#own(branch.child(at));
    branch.children[at] = owned;
    return owned;
  }

  #set(node: Node<V>, key: string, value: V): Split<V> | undefined {
    if (node instanceof Leaf) return this.#setInLeaf(node, key, value);
    const at = childIndex(node.lows, key);
    const split = this.#set(this.#ownChild(node, at), key, value);
    if (split === undefined) return undefined;
    node.lows.splice(at + 1, 0, split.low);
    node.children.splice(at + 1, 0, split.node);
    if (node.count <= NODE_MAX) return undefined;
    const half = splitPoint(at + 1);
    const lows = node.lows.splice(half);
    const right = new Branch(this.#owner, lows, node.children.splice(half));
    return { low: lows[0] as string, node: right };
  }

  #setInLeaf(leaf: Leaf<V>, key: string, value: V): Split<V> | undefined {
    const { keys, values } = leaf;
    const at = lowerBound(keys, key);
    if (keys[at] === key) {
      this.#previous = values[at];
      values[at] = value;
      return undefined;
    }
    this.#size += 1;
    keys.splice(at, 0, ownString(key));
    values.splice(at, 0, value);
    if (keys.length <= NODE_MAX) return undefined;
    const half = splitPoint(at);
    const moved = keys.splice(half);
    const right = new Leaf(this.#owner, moved, values.splice(half));
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
      node.values.splice(at, 1);
      return;
    }
    const at = childIndex(node.lows, key);
    const changed = this.#ownChild(node, at);
    this.#delete(changed, key);
    if (changed.count === 0) {
      node.lows.splice(at, 1);
      node.children.splice(at, 1);
    } else if (changed.count < NODE_MIN && !this.#merge(node, at - 1)) {
      this.#merge(node, at);
    }
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

/** Builds a map from entries that come in ascending order, much faster than setting each. */
export class OrderedMapBuilder<V extends object> {
  readonly #owner = {};
  readonly #leaves: Leaf<V>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The key must be above all before. */
  append(key: string, value: V): void {
    let leaf = this.#leaves.at(-1);
    if (leaf === undefined || leaf.count === NODE_FILLED) {
      leaf = new Leaf<V>(this.#owner, [], []);
      this.#leaves.push(leaf);
    }
    leaf.keys.push(key);
    leaf.values.push(value);
    this.#size += 1;
  }

  build(): OrderedMap<V> {
    let level: Node<V>[] = this.#leaves;
    let lows = this.#leaves.map((leaf) => leaf.keys[0] as string);
    while (level.length > 1) {
      const above: Node<V>[] = [];
      for (let i = 0; i < level.length; i += NODE_FILLED) {
        const end = i + NODE_FILLED;
        above.push(new Branch(this.#owner, lows.slice(i, end), level.slice(i, end)));
      }
      lows = lows.filter((_, i) => i % NODE_FILLED === 0);
      level = above;
    }
    return new OrderedMap(this.#owner, level[0], this.#size);
  }
}
