// Keeps each moment of a run at which a crash could come, with a copy of the disk and what was known then.

import type { DiskCall } from "./process-calls.js";
import type { SimulatedDisk } from "./simulated-disk.js";

/** A moment at which a crash could come. */
export interface CrashMoment<Facts> {
  /** The disk as it was. */
  readonly disk: SimulatedDisk;
  readonly facts: Facts;
  /** The call that came next, or, in the middle of a write, that write; undefined where `keep` was called. */
  readonly call: DiskCall | undefined;
  /** The write has not returned yet: a process that is killed now has written a prefix of it. */
  readonly isInWrite: boolean;
}

/** Given to the run of a workload. */
export class CrashRecorder<Facts> {
  readonly #moments: CrashMoment<Facts>[] = [];
  #stop: () => void = () => undefined;
  #keep: (call: DiskCall | undefined, isInWrite: boolean) => void = () => undefined;

  /** All moments so far, in order. */
  get moments(): readonly CrashMoment<Facts>[] {
    return this.#moments;
  }

  /**
   * Keeps the moment before each call that changes this disk, and the middle of each write, from now on. `facts` gives
   * what is known at that moment, as a value that does not change later. The disk given before is let go: a run that
   * crashes in its middle goes on with `record(disk.crash(…), facts)`.
   */
  record(disk: SimulatedDisk, facts: () => Facts): void {
    this.stop();
    this.#keep = (call, isInWrite) => {
      this.#moments.push({ disk: disk.fork(), facts: facts(), call, isInWrite });
    };
    this.#stop = disk.watch({
      before: (call) => this.#keep(call, false),
      after: (call) => {
        if (call.call === "write") this.#keep(call, true);
      },
    });
  }

  /** Keeps this moment too: when something has just been acknowledged, say. The end of the run is kept anyhow. */
  keep(): void {
    this.#keep(undefined, false);
  }

  /** Keeps no more moments. */
  stop(): void {
    this.#stop();
    this.#stop = () => undefined;
    this.#keep = () => undefined;
  }
}
