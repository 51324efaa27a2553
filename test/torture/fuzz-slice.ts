// A slice of changed bytes for everything that decodes or opens some.

import { fuzz } from "#fuzz";
import { NOTHING, type Slice, type Tally } from "./slice.js";

export class FuzzSlice {
  readonly #slice: Slice;
  #inputs = 0;

  constructor(slice: Slice) {
    this.#slice = slice;
  }

  get tally(): Tally {
    return { ...NOTHING, inputs: this.#inputs };
  }

  /** Throws what is wrong. */
  async run(): Promise<void> {
    const { seed, durationMs } = this.#slice;
    const { inputs, violations } = await fuzz({ seed, durationMs });
    this.#inputs = inputs;
    const messages = violations.map(({ message }) => message);
    if (messages.length > 0) throw new Error(messages.join("\n"));
  }
}
