// A reader beside a writer in a process of its own. Writers that are killed are in test/torture.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Log, LogError } from "@tidemark/wal";
import { describe, expect, onTestFinished, test } from "vitest";
import { expectNumbered, numberOf, openReader, temporaryDirectory } from "./fixture.js";

const SCRIPT = fileURLToPath(new URL("writer.mjs", import.meta.url));

class WriterProcess {
  /** Lines that it has written so far. */
  readonly lines: string[] = [];
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #exited: Promise<unknown>;
  #onLine: () => void = () => undefined;

  constructor(directory: string) {
    this.#child = spawn(process.execPath, [SCRIPT, directory], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#exited = once(this.#child, "exit");
    createInterface(this.#child.stdout).on("line", (line) => {
      this.lines.push(line);
      this.#onLine();
    });
    onTestFinished(() => this.kill());
  }

  /** Resolves with the first line of this kind. */
  async said(kind: string): Promise<string> {
    for (;;) {
      const line = this.lines.find((said) => said.startsWith(kind));
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => {
        this.#onLine = resolve;
      });
    }
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** Tells it to close its log and end. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#exited;
  }
}

describe("fault 70: a reader beside a writer in another process", () => {
  /** Reads until it has read so many records; typed ends of a reading are the only ones allowed. */
  async function readBeside(
    readSome: () => Promise<number>,
    wanted: number,
    ends: readonly string[],
  ): Promise<Map<string, number>> {
    const met = new Map<string, number>();
    for (let read = 0; read < wanted; ) {
      try {
        read += await readSome();
      } catch (error) {
        if (!(error instanceof LogError)) throw error;
        expect(ends, error.message).toContain(error.code);
        met.set(error.code, (met.get(error.code) ?? 0) + 1);
      }
      await setImmediate();
    }
    return met;
  }

  test("sees no false damage through rotation, retention and truncation, in any way of reading", async () => {
    const directory = temporaryDirectory();
    const writer = new WriterProcess(directory);
    await writer.said("opened");
    const reader = await openReader(directory);
    const check = (offset: number, payload: Uint8Array) => {
      if (numberOf(payload) !== offset) throw new Error(`${numberOf(payload)} at ${offset}`);
    };
    const scan = async () => {
      await reader.refresh();
      let read = 0;
      for (const { offset, payload } of reader.records()) {
        check(offset, payload);
        read += 1;
        if (read % 97 === 0) await setImmediate();
      }
      return read;
    };
    const pick = async () => {
      await reader.refresh();
      const { startOffset, endOffset } = reader;
      for (let index = 0; index < 20 && endOffset > startOffset; index++) {
        const offset = startOffset + Math.floor(Math.random() * (endOffset - startOffset));
        check(offset, reader.read(offset).payload);
        expect(reader.offsetAt(0)).toBe(reader.startOffset);
      }
      return 20;
    };
    const follow = async () => {
      let read = 0;
      for await (const { offset, payload } of reader.follow()) {
        check(offset, payload);
        read += 1;
        if (read === 500) break;
      }
      return read;
    };
    const open = async () => {
      const fresh: Log = await openReader(directory);
      try {
        let read = 0;
        for (const { offset, payload } of fresh.records()) {
          check(offset, payload);
          read += 1;
        }
        return read;
      } finally {
        await fresh.close();
      }
    };
    await Promise.all([
      readBeside(scan, 150_000, ["LOG_TRUNCATED"]),
      readBeside(pick, 10_000, ["LOG_TRUNCATED", "LOG_OUT_OF_RANGE"]),
      readBeside(follow, 20_000, ["LOG_TRUNCATED"]),
      readBeside(open, 50_000, ["LOG_TRUNCATED"]),
    ]);
    await writer.end();
    const [, start, end] = (await writer.said("closed")).split(" ").map(Number);
    await reader.refresh();
    expect([reader.startOffset, reader.endOffset]).toEqual([start, end]);
    expectNumbered(reader, reader.startOffset, reader.endOffset);
  });
});
