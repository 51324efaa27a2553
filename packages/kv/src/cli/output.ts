// Where results go: lines of text or of JSON on standard output, some together in one write, as fast as they are
// read. Nobody reading any more ends the run, quietly.

import type { WriteStream } from "node:tty";
import { escapeUnsafe } from "./printable.js";
import { STYLES } from "./style.js";

const BUFFER_LENGTH = 64 * 1024;
/** Lines that come slowly are not kept back for longer. */
const BUFFER_MS = 50;

export class Output {
  readonly #stream: WriteStream;
  readonly #signal: AbortSignal;
  readonly #beforeWriting: () => void;
  #lines: string[] = [];
  #length = 0;
  #flushedAt = performance.now();

  /** `signal`: nothing more is written, and writing throws its reason. `beforeWriting` makes room on a terminal. */
  constructor(stream: WriteStream, signal: AbortSignal, beforeWriting: () => void) {
    this.#stream = stream;
    this.#signal = signal;
    this.#beforeWriting = beforeWriting;
  }

  /** A line, in which nothing but our own styles is a control character when it gets out. */
  async line(text = ""): Promise<void> {
    await this.#add(`${harmless(text)}\n`);
  }

  /** A line of JSON. */
  async json(value: unknown): Promise<void> {
    await this.#add(`${escapeUnsafe(JSON.stringify(value))}\n`);
  }

  /** Lines with their ends, in which nothing needs to be escaped any more. */
  async text(lines: string): Promise<void> {
    await this.#add(lines);
  }

  /** Bytes as they are. */
  async raw(bytes: Uint8Array): Promise<void> {
    await this.flush();
    await this.#write(bytes);
  }

  /** Resolves once all lines are with the system. */
  async flush(): Promise<void> {
    this.#signal.throwIfAborted();
    const text = this.#lines.join("");
    this.#lines = [];
    this.#length = 0;
    if (text !== "") await this.#write(text);
    this.#flushedAt = performance.now();
  }

  async #add(line: string): Promise<void> {
    this.#lines.push(line);
    this.#length += line.length;
    const isDue = performance.now() - this.#flushedAt >= BUFFER_MS;
    if (isDue || this.#length >= BUFFER_LENGTH) await this.flush();
  }

  #write(chunk: string | Uint8Array): Promise<void> {
    this.#beforeWriting();
    return new Promise<void>((resolve, reject) => {
      // A reader that has stopped reading without going away must not keep the run from ending.
      const onAbort = () => reject(this.#signal.reason);
      this.#signal.addEventListener("abort", onAbort, { once: true });
      this.#stream.write(chunk, (error) => {
        this.#signal.removeEventListener("abort", onAbort);
        // What went wrong is told by the stream's event too, which is where the run is ended.
        if (error === null || error === undefined) resolve();
        else reject(this.#signal.aborted ? this.#signal.reason : error);
      });
    });
  }
}

/** Escapes control characters, but for the sequences of our own styles. */
export function harmless(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
  const parts = text.split(/(\x1b\[\d+m)/);
  return parts.map((part) => (STYLES.has(part) ? part : escapeUnsafe(part))).join("");
}
