// What a writer does by itself: syncs by time, notes when it is idle, retention. Timers never keep a process
// alive, and one that is set serves all who would set it again.

import type { ResolvedOptions } from "./options.js";
import { retainedFrom } from "./retention.js";
import type { SegmentList } from "./segment-list.js";
import type { Structure } from "./structure.js";
import type { Writer } from "./writer.js";

/** Age is looked at no more often than this, however short `maxAgeMs` is. */
const RETENTION_MS_MIN = 100;
const RETENTION_MS_MAX = 60_000;

export class Background {
  readonly #options: ResolvedOptions;
  readonly #list: SegmentList;
  readonly #structure: Structure;
  readonly #writer: Writer;
  #syncTimer: NodeJS.Timeout | undefined;
  #noteTimer: NodeJS.Timeout | undefined;
  #retentionTimer: NodeJS.Timeout | undefined;
  #retaining: Promise<void> | undefined;
  #retainAgain = false;
  /** Groups so far, and how many there were when the timer of the note was set. */
  #commits = 0;
  #noteCommits = 0;
  #newestId: number;
  #stopped = false;

  constructor(options: ResolvedOptions, list: SegmentList, structure: Structure, writer: Writer) {
    this.#options = options;
    this.#list = list;
    this.#structure = structure;
    this.#writer = writer;
    this.#newestId = structure.active.id;
    // A log may have been opened with less to keep than it has.
    this.#retain();
    const { maxAgeMs } = options.retention;
    if (maxAgeMs !== undefined) {
      const everyMs = Math.min(RETENTION_MS_MAX, Math.max(RETENTION_MS_MIN, maxAgeMs / 10));
      this.#retentionTimer = setInterval(() => this.#retain(), everyMs).unref();
    }
  }

  /** After each group: `unsynced` records wait for a sync by time, or no batch states yet what is durable. */
  committed(unsynced: boolean, unstated: boolean): void {
    if (this.#stopped) return;
    const { durability, syncIntervalMs, noteAfterMs } = this.#options;
    this.#commits += 1;
    if (unsynced && durability === "interval" && this.#syncTimer === undefined) {
      this.#syncTimer = setTimeout(() => this.#sync(), syncIntervalMs).unref();
    }
    if (unstated && noteAfterMs > 0 && this.#noteTimer === undefined) {
      this.#noteCommits = this.#commits;
      this.#noteTimer = setTimeout(() => this.#note(), noteAfterMs).unref();
    }
    const newest = this.#structure.active.id;
    if (newest === this.#newestId) return;
    this.#newestId = newest;
    this.#retain();
  }

  #sync(): void {
    this.#syncTimer = undefined;
    // A failed sync has poisoned the log, which is told through onFailure and to every later call.
    this.#writer.sync().catch(() => undefined);
  }

  #note(): void {
    this.#noteTimer = undefined;
    if (this.#writer.isIdle && this.#commits === this.#noteCommits) this.#writer.note();
    else this.committed(false, true);
  }

  #retain(): void {
    const { retention } = this.#options;
    if (retention.maxBytes === undefined && retention.maxAgeMs === undefined) return;
    // What is added while it is at work is looked at afterwards.
    this.#retainAgain = true;
    this.#retaining ??= this.#applyRetention().finally(() => {
      this.#retaining = undefined;
    });
  }

  async #applyRetention(): Promise<void> {
    try {
      while (this.#retainAgain && !this.#stopped) {
        this.#retainAgain = false;
        // A segment can go once it is sealed, which follows its rotation.
        await this.#structure.sealInactive();
        const { retention, clock } = this.#options;
        const from = retainedFrom(this.#list, retention, clock());
        if (from > this.#list.startOffset) await this.#structure.truncateBefore(from);
      }
    } catch (cause) {
      const message = "retention failed; it is tried again at the next rotation";
      this.#options.onReport({ kind: "retention", message, cause });
    }
  }

  /** Ends the timers and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#syncTimer);
    clearTimeout(this.#noteTimer);
    clearInterval(this.#retentionTimer);
    await this.#retaining;
  }
}
