// A slice of writers that are processes of their own and are killed.

import { KillTally } from "./kills/course.js";
import { playOne } from "./kills/plays.js";
import { replayLine } from "./kills/violation.js";
import { NOTHING, type Slice, type Tally } from "./slice.js";

export class KillsSlice {
  readonly #slice: Slice;
  readonly #tellAt: (replayLine: string) => void;
  readonly #played = new KillTally();

  constructor(slice: Slice, tellAt: (replayLine: string) => void) {
    this.#slice = slice;
    this.#tellAt = tellAt;
  }

  get tally(): Tally {
    return { ...NOTHING, kills: this.#played.kills };
  }

  /** Plays one after the other while there is time, at least one. Throws what is wrong. */
  async run(): Promise<void> {
    const { seed, durationMs } = this.#slice;
    const untilMs = performance.now() + durationMs;
    let number = 0;
    do {
      const play = { seed, number: number++ };
      this.#tellAt(replayLine(play));
      await playOne(play, this.#played);
    } while (performance.now() < untilMs);
  }
}
