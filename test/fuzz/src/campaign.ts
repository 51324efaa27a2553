// One target under coverage guidance: inputs are made from those that reached something new, and what reaches
// something new is kept. What is tried follows from the seed.

import { getHeapStatistics } from "node:v8";
import { Random } from "@tidemark/wal/testing";
import type { Coverage } from "./coverage.js";
import { type Input, sizeOf } from "./input.js";
import { mutated } from "./mutation.js";
import { type Target, Wrong } from "./target.js";

/** Inputs between two looks at what has run. A look takes about as long as several decodings. */
const INPUTS_PER_LOOK = 48;
const KEPT_MAX = 400;

/** Told of each input before it is judged: if that hangs or takes all memory, somebody else can say on what. */
export type Announce = (input: Input) => void;

/** An input that shows something wrong. */
export interface Finding {
  readonly target: string;
  readonly reason: string;
  readonly input: Input;
}

export class Campaign {
  readonly target: Target;
  /** Inputs judged. */
  inputs = 0;
  readonly #random: Random;
  readonly #coverage: Coverage;
  readonly #announce: Announce;
  readonly #kept: Input[] = [];

  constructor(target: Target, seed: number, coverage: Coverage, announce: Announce) {
    this.target = target;
    this.#random = new Random(seed);
    this.#coverage = coverage;
    this.#announce = announce;
  }

  /** Inputs that reached something new. */
  get kept(): number {
    return this.#kept.length;
  }

  /** Tries some more inputs while there is time; what it returns is the first that shows something wrong. */
  async go(untilMs: number): Promise<Finding | undefined> {
    const batch = this.#kept.length === 0 ? [...this.target.seeds] : this.#made();
    this.#coverage.look(this.target.watched);
    for (const input of batch) {
      if (performance.now() >= untilMs) return undefined;
      const reason = await this.#judge(input);
      if (reason !== undefined) return { target: this.target.name, reason, input };
    }
    const run = this.#coverage.look(this.target.watched);
    if (this.#kept.length === 0) this.#kept.push(...batch);
    else if (!run.isNew) return undefined;
    else if (batch.length === 1) this.#keep(batch);
    else await this.#keepNew(batch);
    run.add();
    return undefined;
  }

  #made(): Input[] {
    return Array.from({ length: this.target.isSlow === true ? 1 : INPUTS_PER_LOOK }, () =>
      mutated(this.target, this.#pick(), this.#pick(), this.#random),
    );
  }

  /** Small ones are worth more: a change of them more often means something, and they are judged sooner. */
  #pick(): Input {
    const [one, other] = [this.#pickAny(), this.#pickAny()];
    return sizeOf(one) <= sizeOf(other) || this.#random.oneIn(4) ? one : other;
  }

  /** The newest have been changed least. */
  #pickAny(): Input {
    const count = this.#kept.length;
    const isAny = this.#random.oneIn(2);
    const back = this.#random.below(isAny ? count : Math.min(count, 12));
    const picked = this.#kept[count - 1 - back];
    if (picked === undefined) throw new Error("nothing to begin from");
    return picked;
  }

  /** Judges again, by halves, to see which of them it was. */
  async #keepNew(batch: readonly Input[]): Promise<void> {
    const middle = batch.length >> 1;
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      this.#coverage.look(this.target.watched);
      for (const input of half) await this.#judge(input);
      const run = this.#coverage.look(this.target.watched);
      if (!run.isNew) continue;
      if (half.length > 1) await this.#keepNew(half);
      else this.#keep(half);
      run.add();
    }
  }

  #keep(inputs: readonly Input[]): void {
    this.#kept.push(...inputs);
    // The first ones are the seeds.
    if (this.#kept.length > KEPT_MAX) this.#kept.splice(this.target.seeds.length, 1);
  }

  #judge(input: Input): Promise<string | undefined> {
    this.inputs += 1;
    this.#announce(input);
    return judge(this.target, input);
  }
}

/** What a heap may grow by without anything being wrong: garbage that is not collected yet. */
const HEAP_SLACK_BYTES = 80 * 1024 * 1024;

/** What is wrong with how a target takes an input; undefined if nothing is. */
export async function judge(target: Target, input: Input): Promise<string | undefined> {
  const before = getHeapStatistics();
  try {
    const judging = target.judge(input);
    if (judging !== undefined) {
      await judging;
      // Timers get their turn, and a rejection that nobody handles is told of while this input is at hand.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    if (error instanceof Wrong) return error.message;
    return `an error that has no type: ${error instanceof Error ? error.stack : String(error)}`;
  }
  const after = getHeapStatistics();
  const bytes = after.external_memory - before.external_memory;
  const bytesMax = target.bytesMax(sizeOf(input));
  if (bytes > bytesMax) return `takes ${bytes} bytes of memory, more than ${bytesMax}`;
  const heapBytes = after.used_heap_size - before.used_heap_size;
  const heapBytesMax = HEAP_SLACK_BYTES + bytesMax;
  if (heapBytes > heapBytesMax)
    return `takes ${heapBytes} bytes of heap, more than ${heapBytesMax}`;
  return undefined;
}
