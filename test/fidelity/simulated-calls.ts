// What the same program asks of the simulated disk, in the same words.

import { type DiskCall, SimulatedDisk } from "@tidemark/wal/testing";
import { killed, play } from "./workload.mjs";

/** A disk on which acts are played one after the other, each by a process of its own. */
export class SimulatedStage {
  #disk = new SimulatedDisk();

  /** The directory's parent is there before. */
  async prepare(parent: string): Promise<void> {
    if (parent !== "/") await this.#disk.makeDirectory(parent);
  }

  get disk(): SimulatedDisk {
    return this.#disk;
  }

  /** The calls of an act, and what it tells. */
  async play(act: string, directory: string): Promise<string[]> {
    const lines: string[] = [];
    const unwatch = this.#disk.watch({ before: (call) => lines.push(wordsOf(call)) });
    const tell = (what: string) => lines.push(`told ${what}`);
    await play(act, { fileSystem: this.#disk, directory, tell });
    unwatch();
    if (killed.includes(act)) this.#disk.kill();
    this.#disk = this.#disk.startProcess();
    return lines;
  }
}

function wordsOf({ call, path, from, position, length }: DiskCall): string {
  if (call === "write") return `write ${path} ${length} at ${position}`;
  if (call === "truncate") return `truncate ${path} ${length}`;
  return call === "rename" ? `rename ${from} ${path}` : `${call} ${path}`;
}
