// What a transaction writes, in order: of what it does to one key, only the last counts, up to the next range
// that it clears.

import type { StateOperation } from "../formats/operations.js";

export class TransactionWrites {
  readonly #operations: StateOperation[] = [];
  /** Where in it each key is that was written since the last range was cleared. */
  readonly #places = new Map<string, number>();

  get operations(): readonly StateOperation[] {
    return this.#operations;
  }

  add(operation: StateOperation): void {
    if (operation.kind === "deleteRange") this.#places.clear();
    const place = operation.kind === "deleteRange" ? undefined : this.#places.get(operation.key);
    if (place !== undefined) {
      this.#operations[place] = operation;
      return;
    }
    if (operation.kind !== "deleteRange") this.#places.set(operation.key, this.#operations.length);
    this.#operations.push(operation);
  }
}
