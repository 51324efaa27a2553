// New segments, each with an id that was never used and a marker of its own, so that nothing in old bytes can
// ever be taken for a record of them.

import { randomInt } from "node:crypto";
import type { ManifestState } from "./manifest-state.js";
import type { Poison } from "./poison.js";
import type { Segment } from "./segment.js";
import { copyFront, createSegment, type Place } from "./segment-files.js";
import type { ZeroFill } from "./zero-fill.js";

export interface CreationParts {
  readonly place: Place;
  readonly poison: Poison;
  readonly zeroFill: ZeroFill;
}

export class SegmentCreation {
  readonly #parts: CreationParts;
  readonly #state: ManifestState;

  constructor(parts: CreationParts, state: ManifestState) {
    this.#parts = parts;
    this.#state = state;
  }

  /** One without records. */
  empty(baseOffset: number, createdAt: number): Promise<Segment> {
    const { zeroFill } = this.#parts;
    return this.#create(this.#state.takeId(), baseOffset, createdAt, async (segment) => {
      segment.zeroedTo = await zeroFill.begin(segment.file, segment.size);
    });
  }

  /**
   * One with the records of another below `end`. It gets records before it is in use: until then it is
   * listed as being dropped, so that a crash in between leaves a file that may be removed.
   */
  async front(
    source: Segment,
    end: number,
    listAsDropped: (dropping: readonly number[]) => Promise<void>,
  ): Promise<Segment> {
    const id = this.#state.takeId();
    await listAsDropped([...this.#state.dropping, id]);
    const { baseOffset, createdAt } = source;
    return this.#create(id, baseOffset, createdAt, (front) => copyFront(source, front, end));
  }

  #create(
    id: number,
    baseOffset: number,
    createdAt: number,
    fill: (segment: Segment) => Promise<void>,
  ): Promise<Segment> {
    this.#parts.poison.check();
    const identity = { id, marker: randomInt(1, 2 ** 32), logId: this.#state.manifest.logId };
    return createSegment(
      this.#parts.place,
      { identity, createdAt, baseOffset },
      async (segment) => {
        await fill(segment);
        this.#parts.poison.check();
      },
    );
  }
}
