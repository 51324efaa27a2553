// The times of records: the clock's, but never lower than the record before, whatever the clock does.

import type { LogReport } from "./options.js";

/** What the format holds: 48 bits. */
const TIME_MAX = 2 ** 48 - 1;
/** A clock this far behind the newest record is worth a report. */
const REPORTED_STEP_MS = 1000;

export class LogClock {
  #lastTime: number;
  #behind = false;
  readonly #clock: () => number;
  readonly #onReport: (report: LogReport) => void;

  constructor(clock: () => number, lastTime: number, onReport: (report: LogReport) => void) {
    this.#clock = clock;
    this.#lastTime = lastTime;
    this.#onReport = onReport;
  }

  /** Time of the newest record, in ms. */
  get lastTime(): number {
    return this.#lastTime;
  }

  /** The time for a record that is appended now. */
  now(): number {
    const now = Math.floor(this.#clock());
    if (now > this.#lastTime) {
      this.#lastTime = Math.min(now, TIME_MAX);
      this.#behind = false;
    } else if (now < this.#lastTime - REPORTED_STEP_MS && !this.#behind) {
      this.#behind = true;
      const message = `the clock is ${this.#lastTime - now} ms behind the newest record; times stand still until it catches up`;
      this.#onReport({ kind: "clock", message });
    }
    return this.#lastTime;
  }
}
