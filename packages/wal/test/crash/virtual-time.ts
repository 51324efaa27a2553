// Time that passes only when it is told to: what a program does must not depend on how fast the machine is.

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

const REAL = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
};
const realNow = performance.now.bind(performance);

export class VirtualTime {
  /** In ms since the Unix epoch. */
  now = 1_000_000;
  /** Those not gone off yet, oldest first. */
  readonly #timers = new Set<Timer>();

  /** Stands in for the time of this process while `run` is at work. One at a time. */
  async during(run: () => Promise<void>): Promise<void> {
    const clearTimeout = (timer: unknown) => {
      if (!this.#timers.delete(timer as Timer)) REAL.clearTimeout(timer as NodeJS.Timeout);
    };
    const setTimeout = (callback: () => void, ms = 0) => this.#start(callback, ms);
    Object.assign(globalThis, { setTimeout, clearTimeout });
    Object.assign(performance, { now: () => this.now });
    try {
      await run();
    } finally {
      Object.assign(globalThis, REAL);
      Object.assign(performance, { now: realNow });
    }
  }

  /** Lets time pass; timers go off in the order in which they are due. */
  pass(ms: number): void {
    const endMs = this.now + ms;
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#timers.delete(next);
      this.now = Math.max(this.now, next.atMs);
      next.run();
    }
    this.now = endMs;
  }

  #start(run: () => void, ms: number): Timer & { unref(): Timer; ref(): Timer } {
    const timer = { atMs: this.now + ms, run, unref: () => timer, ref: () => timer };
    this.#timers.add(timer);
    return timer;
  }

  #next(endMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs <= endMs && (first === undefined || timer.atMs < first.atMs)) first = timer;
    }
    return first;
  }
}
