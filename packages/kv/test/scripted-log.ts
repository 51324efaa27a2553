// A log that is not ours, behind the contract of commit-log.ts.

import type { CommitLog } from "../src/commit-log.js";
import type { Operation, WrittenCommit } from "../src/formats/operations.js";

/** A log in memory whose acknowledgements and rejections come when the test says so. */
export class ScriptedLog implements CommitLog {
  readonly id = "00000000-0000-0000-0000-000000000000";
  readonly ancestry = undefined;
  readonly startOffset = 0;
  lastTime = 0;
  readonly durableOffset = 0;
  endOffset = 0;
  acknowledgedOffset = 0;
  full = false;
  readonly #waiting: { resolve: (offset: number) => void; reject: (error: Error) => void }[] = [];

  append(): Promise<number> {
    if (this.full) return Promise.reject(new Error("full"));
    this.endOffset += 1;
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  acknowledge(count: number): void {
    for (const { resolve } of this.#waiting.splice(0, count)) resolve(this.acknowledgedOffset++);
  }

  /** Lowers the end; the rejections come with what this returns. */
  fallBack(): () => void {
    this.endOffset = this.acknowledgedOffset;
    const rejected = this.#waiting.splice(0);
    return () => {
      for (const { reject } of rejected) reject(new Error("rejected"));
    };
  }

  records(): never {
    throw new Error("not in this test");
  }

  follow(): never {
    throw new Error("not in this test");
  }

  read(): never {
    throw new Error("not in this test");
  }

  offsetAt(): never {
    throw new Error("not in this test");
  }

  bytesFrom(): never {
    throw new Error("not in this test");
  }

  truncateBefore(): never {
    throw new Error("not in this test");
  }

  sync(): Promise<number> {
    return Promise.resolve(0);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A commit of which such a log keeps nothing. */
export function commitOf(...operations: Operation[]): WrittenCommit {
  return { operations, payload: new Uint8Array(), memory: Buffer.alloc(0) };
}
