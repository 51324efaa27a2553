// Which snapshot files have been read back whole: nothing is removed on the word of one that has not.

import { nodeFileSystem } from "@tidemark/wal";
import type { SnapshotOwner } from "../fold/fold.js";
import { isSound } from "../fold/fold-to-file.js";
import { type SnapshotFile, sizeOfSnapshot } from "../formats/layout.js";
import { Pace } from "../pace.js";
import { askThread, THREAD_BYTES_MIN } from "../threads/thread-link.js";

export class SoundFiles {
  readonly #owner: SnapshotOwner;
  readonly #sound = new Set<string>();

  constructor(owner: SnapshotOwner) {
    this.#owner = owner;
  }

  /** Reads a file to its end, once. False if it is damaged; rejects if that cannot be told. */
  async isSound(file: SnapshotFile, signal: AbortSignal): Promise<boolean> {
    if (this.#sound.has(file.path)) return true;
    if (!(await this.#read(file, signal))) return false;
    this.#sound.add(file.path);
    return true;
  }

  /** On a thread of its own if that is worth its start, in slices otherwise. */
  async #read(file: SnapshotFile, signal: AbortSignal): Promise<boolean> {
    const { fileSystem, keys, log } = this.#owner;
    if (fileSystem === nodeFileSystem && sizeOfSnapshot(fileSystem, file) >= THREAD_BYTES_MIN) {
      const task = { kind: "verify", file, keys, logId: log.id } as const;
      const result = await askThread(task, { signal });
      if (result?.kind === "verify") return result.sound;
    }
    return await isSound(this.#owner, file, new Pace(signal));
  }
}
