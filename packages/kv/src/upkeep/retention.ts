// Retention: the log and the snapshot files that history no longer needs go, so that targets reach as far back as was
// asked for, and disks do not fill.
// Invariant: at each step, on disk as well, there are a sound snapshot file at the beginning of the window and all of
// the log after it, and a newer sound one. So every commit of the window can be rebuilt, and the present without its newest file.

import { assert } from "../errors.js";
import { type FoldSource, firstOffset } from "../fold/fold.js";
import {
  listSnapshots,
  removeSnapshots,
  type SnapshotFile,
  sizeOfSnapshot,
} from "../formats/layout.js";
import { SoundFiles } from "./sound-files.js";
import { thinnedOut } from "./thinning.js";

/** How far back history reaches; beyond either limit, what is older may go. */
export interface HistoryLimits {
  /** Bytes of log; infinite for no limit. */
  readonly maxBytes: number;
  /** ms; infinite for no limit. */
  readonly maxAgeMs: number;
}

export class Retention {
  readonly #source: FoldSource;
  readonly #limits: HistoryLimits;
  /** ms since the Unix epoch, as it is: a clock that has stepped back makes everything younger, and nothing goes early. */
  readonly #clock: () => number;
  readonly #sound: SoundFiles;
  #mayCut = true;

  constructor(source: FoldSource, limits: HistoryLimits, clock: () => number) {
    this.#source = source;
    this.#limits = limits;
    this.#clock = clock;
    this.#sound = new SoundFiles(source);
  }

  /**
   * Removes what is older than the window; nothing that is pinned. Not to be called while it runs, or a checkpoint does. Resolves
   * with the number of snapshot files that were removed.
   */
  async apply(signal: AbortSignal): Promise<number> {
    const files = await this.#usableFiles();
    const cut = await this.#cut(files, signal);
    return cut + (await this.#thinOut(signal));
  }

  async #cut(files: readonly SnapshotFile[], signal: AbortSignal): Promise<number> {
    const { fileSystem, snapshots, pins } = this.#source;
    const wanted = await this.#newBase(files, this.#windowStart(files), signal);
    if (wanted === undefined || !this.#mayCut) return 0;
    // Whoever renamed it may have died, or failed, before its name was durable. After a sync that fails nobody knows.
    this.#mayCut = false;
    await fileSystem.syncDirectory(snapshots);
    this.#mayCut = true;
    // Who reads what lies below is left to it, and nobody else begins there: so that is over one day.
    pins.closeBelow(wanted.endOffset);
    const highest = Math.min(wanted.endOffset, pins.lowest);
    const base = await this.#newBase(files, highest, signal);
    return base === undefined ? 0 : await this.#cutBelow(base, files);
  }

  /** Newest first. */
  async #usableFiles(): Promise<readonly SnapshotFile[]> {
    const { fileSystem, snapshots, log } = this.#source;
    const files = await listSnapshots(fileSystem, snapshots);
    const { startOffset, acknowledgedOffset } = log;
    // One that claims more than the log has is another's, whatever it holds.
    return files.filter(
      ({ endOffset }) => endOffset >= startOffset && endOffset <= acknowledgedOffset,
    );
  }

  /** The newest sound file that ends at or below an offset, which there is a newer sound one than; undefined if there is none. */
  async #newBase(
    files: readonly SnapshotFile[],
    highest: number,
    signal: AbortSignal,
  ): Promise<SnapshotFile | undefined> {
    const { log } = this.#source;
    const candidates = files.filter(
      ({ endOffset }) => endOffset <= highest && endOffset > log.startOffset,
    );
    if (candidates.length === 0) return undefined;
    let newest: SnapshotFile | undefined;
    for (const file of files) {
      if (newest !== undefined && !candidates.includes(file)) continue;
      if (!(await this.#sound.isSound(file, signal))) continue;
      if (newest !== undefined) return file;
      newest = file;
    }
    return undefined;
  }

  /** The newest of their end offsets below which nothing has to be kept; 0 if all has to. */
  #windowStart(files: readonly SnapshotFile[]): number {
    const { log } = this.#source;
    const { maxBytes, maxAgeMs } = this.#limits;
    const youngFrom = this.goesByAge ? this.#firstYoungerThan(maxAgeMs) : 0;
    const found = files.find(
      ({ endOffset }) => endOffset <= youngFrom || log.bytesFrom(endOffset) >= maxBytes,
    );
    return found?.endOffset ?? 0;
  }

  /** Whether the log from this offset on begins with what is older than the window, though no snapshot file ends behind that. */
  isAgedFrom(offset: number): boolean {
    return this.goesByAge && this.#firstYoungerThan(this.#limits.maxAgeMs) > offset;
  }

  /** Whether what is old enough may go, however little there is. */
  get goesByAge(): boolean {
    return this.#limits.maxAgeMs !== Number.POSITIVE_INFINITY;
  }

  #firstYoungerThan(ageMs: number): number {
    const time = this.#clock() - ageMs;
    return time <= 0 ? 0 : this.#source.log.offsetAt(time);
  }

  async #cutBelow(base: SnapshotFile, files: readonly SnapshotFile[]): Promise<number> {
    const { fileSystem, log, pins } = this.#source;
    const { endOffset } = base;
    assert(pins.lowest >= endOffset, "nothing is removed that someone reads");
    // A crash from here on leaves files that are of no use, which the next opening or retention removes.
    await log.truncateBefore(endOffset);
    const outdated = files.filter((file) => file.endOffset < endOffset);
    await removeSnapshots(fileSystem, outdated);
    return outdated.length;
  }

  /** Where files outweigh the log behind the first of them, those between go that are closest to others. */
  async #thinOut(signal: AbortSignal): Promise<number> {
    const { fileSystem, log, pins } = this.#source;
    const first = firstOffset(this.#source);
    const files = (await this.#usableFiles()).filter(({ endOffset }) => endOffset >= first);
    const sized = files.map((file) => ({ ...file, size: sizeOfSnapshot(fileSystem, file) }));
    const bytes = (endOffset: number) => log.bytesFrom(endOffset);
    const superfluous = thinnedOut(sized, bytes, first > 0);
    const removable = superfluous.filter(({ endOffset }) => endOffset < pins.lowest);
    if (removable.length === 0 || !(await this.#isReadable(files, signal))) return 0;
    await removeSnapshots(fileSystem, removable);
    return removable.length;
  }

  /** Whether the state can be built without those between: from the log's beginning, or from a sound file there. */
  async #isReadable(files: readonly SnapshotFile[], signal: AbortSignal): Promise<boolean> {
    const oldest = files.at(-1);
    if (firstOffset(this.#source) === 0) return true;
    return oldest !== undefined && (await this.#sound.isSound(oldest, signal));
  }
}
