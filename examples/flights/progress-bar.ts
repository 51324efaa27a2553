// How far the ingestion is: a bar on a terminal, elsewhere a line for each tenth.

import { line, movable, paint } from "./terminal.js";

const BAR_CELLS = 30;
const REDRAW_MS = 50;

export class ProgressBar {
  readonly #total: number;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #tenthsDrawn = 0;
  #done = 0;
  #text = "";
  #drawn = true;

  constructor(total: number) {
    this.#total = total;
  }

  /** `done` of the total, in words. */
  show(done: number, text: string): void {
    this.#done = done;
    this.#text = text;
    this.#drawn = false;
    if (this.#isDue()) this.#draw();
  }

  /** Shows where it has come to, and leaves it there. */
  end(): void {
    if (!this.#drawn) this.#draw();
    if (movable) process.stdout.write("\n");
  }

  get #share(): number {
    return this.#done / this.#total;
  }

  #isDue(): boolean {
    return movable
      ? performance.now() - this.#drawnMs >= REDRAW_MS
      : Math.floor(this.#share * 10) > this.#tenthsDrawn;
  }

  #draw(): void {
    this.#drawn = true;
    this.#drawnMs = performance.now();
    this.#tenthsDrawn = Math.floor(this.#share * 10);
    const percent = `${Math.floor(this.#share * 100)} %`.padStart(5);
    const text = `${percent}   ${this.#text}`;
    if (movable) process.stdout.write(`\r\x1b[2K  ${this.#bar(text.length)}${text}`);
    else line(text);
  }

  /** As long as the line leaves room for, beside so many other characters. */
  #bar(besides: number): string {
    // A terminal that does not know its width says 0.
    const columns = process.stdout.columns || 80;
    const cells = Math.min(BAR_CELLS, columns - besides - 6);
    if (cells < 5) return "";
    const full = Math.round(this.#share * cells);
    return paint(36, `[${"#".repeat(full)}${".".repeat(cells - full)}]`);
  }
}
