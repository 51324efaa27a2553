// Building an ordered map from entries that come in order.

import { never, OrderedMap } from "./ordered-map.js";
import { Branch, type ExpiryOf, Leaf, NODE_FILLED, type Node } from "./tree-node.js";

/** Builds a map from entries that come in ascending order, much faster than setting each. */
export class OrderedMapBuilder<V extends object> {
  readonly #expiryOf: ExpiryOf<V>;
  readonly #owner = {};
  readonly #leaves: Leaf<V>[] = [];
  #size = 0;

  constructor(expiryOf: ExpiryOf<V> = never) {
    this.#expiryOf = expiryOf;
  }

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
    leaf.earliest = Math.min(leaf.earliest, this.#expiryOf(value));
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
    return new OrderedMap(this.#expiryOf, this.#owner, level[0], this.#size);
  }
}
