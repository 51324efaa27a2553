// Makes a writer's calls: the issue of each is told before it and its outcome after it.

import { type Asked, firstSerial, type Item } from "./issue.js";
import { nowUs, tell } from "./telling.js";

/** Where a log or a database stands. */
export interface Standing {
  readonly startOffset: number;
  readonly durableOffset: number;
}

export class Calls {
  readonly #standing: Standing;
  #count = 0;
  #serial: number;
  #now = Date.now();

  constructor(standing: Standing, life: number) {
    this.#standing = standing;
    this.#serial = firstSerial(life);
  }

  /** In ms, as of the last item: what a call is given between its issue and its end. */
  readonly clock = (): number => this.#now;

  /** One that no other call of any life has. */
  item(length: number): Item {
    this.#now = Math.max(this.#now, Date.now());
    return { serial: this.#serial++, length };
  }

  /** The call begins at once. What it rejects with is nothing that may happen here. */
  async make(asked: Asked, call: () => Promise<number | undefined>): Promise<void> {
    const number = this.#count++;
    tell({ is: "issued", issue: { ...asked, number } });
    let offset: number | undefined;
    try {
      offset = await call();
    } catch (error) {
      throw new Error(`${asked.do} was rejected`, { cause: error });
    }
    const { startOffset, durableOffset } = this.#standing;
    const told = offset === undefined ? {} : { offset };
    tell({
      is: "done",
      number,
      ...told,
      start: startOffset,
      durable: durableOffset,
      atUs: nowUs(),
    });
  }
}
