// How far long work is, on a terminal: one line on standard error, drawn over until the work is done, with the rate
// and the time that remains. In a pipe or a file there is nothing of it.

import type { WriteStream } from "node:tty";
import { showBytes, showCount, showDuration } from "./amounts.js";

/** What is counted. */
export type Unit = "bytes" | "commits" | "entries";

const REDRAW_MS = 100;
/** Work that is done by then shows nothing. */
const QUIET_MS = 300;
/** No rate is worth showing before. */
const RATE_AFTER_MS = 1000;
const WIDTH = 80;

export class Progress {
  readonly #stream: WriteStream;
  readonly #isShown: boolean;
  #label = "";
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #isDrawn = false;

  constructor(stream: WriteStream, isShown: boolean) {
    this.#stream = stream;
    this.#isShown = isShown;
  }

  /** Begins a piece of work, such as "reading the log". Its label shows even if nothing more is heard of it. */
  start(label: string): void {
    this.clear();
    this.#label = label;
    this.#startedAt = performance.now();
    if (this.#isShown) this.#timer = setTimeout(() => this.#draw("…"), QUIET_MS).unref();
  }

  /** `done` of `total`, where that is known. Cheap enough to be called often. */
  update(unit: Unit, done: number, total?: number): void {
    if (!this.#isShown) return;
    const now = performance.now();
    if (now - this.#startedAt < QUIET_MS || now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#draw(describeProgress(unit, done, total, now - this.#startedAt));
  }

  #draw(text: string): void {
    const width = Math.max(20, this.#stream.columns || WIDTH) - 1;
    this.#stream.write(`\r\x1b[K${`${this.#label}: ${text}`.slice(0, width)}`);
    this.#isDrawn = true;
  }

  /** Takes the line away; the next update draws it again. */
  clear(): void {
    clearTimeout(this.#timer);
    if (this.#isDrawn) this.#stream.write("\r\x1b[K");
    this.#isDrawn = false;
  }
}

/** "45 % of 1.2 GiB, 210 MiB/s, 3 s left". */
export function describeProgress(
  unit: Unit,
  done: number,
  total: number | undefined,
  elapsedMs: number,
): string {
  const show = (count: number) => (unit === "bytes" ? showBytes(count) : showCount(count, unit));
  const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
  const parts = [
    share === undefined || total === undefined
      ? show(done)
      : `${Math.floor(share * 100)} % of ${show(total)}`,
  ];
  if (elapsedMs >= RATE_AFTER_MS && done > 0) {
    parts.push(`${show(Math.round((done / elapsedMs) * 1000))}/s`);
    if (share !== undefined && share > 0) {
      parts.push(`${showDuration((elapsedMs / share) * (1 - share))} left`);
    }
  }
  return parts.join(", ");
}
