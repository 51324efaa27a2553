// Building an ordered map from items that come in order.

import { prefixOfText } from "./item.js";
import { never, OrderedMap } from "./ordered-map.js";
import { Branch, type ExpiryOf, Leaf, NODE_FILLED, type Node } from "./tree-node.js";

/** Builds a map from items that come in ascending order, much faster than setting each. */
export class OrderedMapBuilder<V extends object> {
  readonly #expiryOf: ExpiryOf;
  readonly #owner = {};
  /** The last of each level, from those above the leaves upwards; they may not be full yet. */
  readonly #branches: Branch<V>[] = [];
  #leaf: Leaf<V>;
  #size = 0;

  constructor(expiryOf: ExpiryOf = never) {
    this.#expiryOf = expiryOf;
    this.#leaf = new Leaf<V>(this.#owner, []);
  }

  /** Count of items. */
  get size(): number {
    return this.#size;
  }

  /** The text must be above all before. */
  append(text: string, beside?: V): void {
    if (this.#leaf.count === NODE_FILLED) this.#closeLeaf();
    const leaf = this.#leaf;
    leaf.push(text, beside);
    leaf.earliest = Math.min(leaf.earliest, this.#expiryOf(text));
    this.#size += 1;
  }

  #closeLeaf(): void {
    // A copy, since an array that grew has room for half as much again.
    const leaf = this.#leaf.copy(this.#owner);
    this.#leaf = new Leaf<V>(this.#owner, []);
    this.#add(0, prefixOfText(leaf.texts[0] as string), leaf);
  }

  /** Adds a node behind the others of its level, below the branch at this level of branches. */
  #add(level: number, low: string, node: Node<V>): void {
    const branch = this.#branches[level];
    if (branch !== undefined && branch.count < NODE_FILLED) {
      branch.lows.push(low);
      branch.children.push(node);
      branch.earliest = Math.min(branch.earliest, node.earliest);
      return;
    }
    this.#branches[level] = new Branch(this.#owner, [low], [node]);
    if (branch !== undefined) this.#add(level + 1, branch.lows[0] as string, branch);
  }

  /** The map; the builder is of no more use. */
  build(): OrderedMap<V> {
    if (this.#leaf.count > 0) this.#closeLeaf();
    const branches = this.#branches;
    for (let level = 0; level + 1 < branches.length; level++) {
      const branch = branches[level] as Branch<V>;
      this.#add(level + 1, branch.lows[0] as string, branch);
    }
    let root: Node<V> | undefined = branches.at(-1);
    while (root instanceof Branch && root.count === 1) root = root.child(0);
    return new OrderedMap(this.#expiryOf, this.#owner, root, this.#size);
  }
}
