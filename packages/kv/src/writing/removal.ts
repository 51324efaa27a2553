// Removing what has expired, by deletions that the log records like any other. Reading does not depend on it: what has
// expired is gone from the moment it expires, removed or not.
// Invariant: at most one removal is under way, and while anything has an expiry, a timer is set, or one is under way.

import { expiryChannel } from "../channels.js";
import { hasCode } from "../errors.js";
import type { DatabaseReport } from "../report.js";
import type { Present } from "../state/present.js";

/** Keys of one commit, and about how many bytes of them: applying it takes a few ms, and the log is not filled at a stroke. */
const KEYS_MAX = 1000;
const BYTES_MAX = 1024 * 1024;
/** A timer knows nothing of a clock that is set, nor of a machine that sleeps: the clock is looked at so often. */
const LOOK_MS = 60_000;
const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 60_000;
/** The longest that a timer can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface RemovalParts {
  /** Of the database. */
  readonly directory: string;
  readonly present: Present;
  /** The later of clock and last commit, in ms. */
  readonly now: () => number;
  /** Time after its expiry at which a key is removed, so that many go together; infinity for never. */
  readonly afterMs: number;
  /** Deletes keys, in one commit. */
  readonly remove: (keys: readonly string[]) => Promise<number>;
  readonly report: (report: DatabaseReport) => void;
}

export class Removal {
  readonly #parts: RemovalParts;
  /** Count of keys that were removed. */
  removed = 0;
  #timer: NodeJS.Timeout | undefined;
  /** What expires from then on is seen to: infinity for nothing, minus infinity while nothing may be planned. */
  #plannedFor = Number.POSITIVE_INFINITY;
  #retryMs = RETRY_MS_MIN;
  #stopped = false;

  constructor(parts: RemovalParts) {
    this.#parts = parts;
  }

  /** Sets the timer for the next expiry, if it is not set for one as early. `now` in ms; to be called after each change. */
  plan(now: number): void {
    const { present, afterMs } = this.#parts;
    const { nextExpiry } = present.state;
    if (nextExpiry >= this.#plannedFor || afterMs === Number.POSITIVE_INFINITY) return;
    const dueMs = Math.max(nextExpiry - now, 0);
    this.#wait(Math.max(afterMs, Math.min(dueMs + afterMs, LOOK_MS)), nextExpiry);
  }

  /** For good. What is under way ends with the log. */
  stop(): void {
    this.#stopped = true;
    this.#plannedFor = Number.NEGATIVE_INFINITY;
    clearTimeout(this.#timer);
  }

  #wait(ms: number, plannedFor: number): void {
    clearTimeout(this.#timer);
    this.#plannedFor = plannedFor;
    this.#timer = setTimeout(() => void this.#run(), Math.min(ms, TIMER_MS_MAX)).unref();
  }

  async #run(): Promise<void> {
    this.#plannedFor = Number.NEGATIVE_INFINITY;
    try {
      while (!this.#stopped && (await this.#removeSome()));
      if (this.#stopped) return;
      this.#retryMs = RETRY_MS_MIN;
      this.#plannedFor = Number.POSITIVE_INFINITY;
      this.plan(this.#parts.now());
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Whether there may be more to remove at once. */
  async #removeSome(): Promise<boolean> {
    const { present, now } = this.#parts;
    present.settle();
    const keys: string[] = [];
    let bytes = 0;
    for (const { key } of present.state.expired(now())) {
      keys.push(key);
      bytes += key.length;
      if (keys.length === KEYS_MAX || bytes >= BYTES_MAX) break;
    }
    if (keys.length > 0) await this.#remove(keys);
    return keys.length === KEYS_MAX || bytes >= BYTES_MAX;
  }

  async #remove(keys: readonly string[]): Promise<void> {
    const { remove, directory } = this.#parts;
    const offset = await remove(keys);
    this.removed += keys.length;
    if (!expiryChannel.hasSubscribers) return;
    expiryChannel.publish({ directory, keys: keys.length, offset });
  }

  /** A log that writes nothing more is let be; without space, or too busy, it is asked again, each time later. */
  #failed(error: unknown): void {
    if (this.#stopped || hasCode(error, "KV_FAILED", "KV_CLOSED")) {
      this.stop();
      return;
    }
    if (this.#retryMs === RETRY_MS_MIN) {
      const message = "expired keys could not be removed; they count as gone all the same";
      this.#parts.report({ kind: "expiry", message, cause: error });
    }
    this.#wait(this.#retryMs, Number.NEGATIVE_INFINITY);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
  }
}
