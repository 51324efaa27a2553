// An open file of the simulated disk, as one process has it.

import type { File, LockOutcome, Mapping } from "../file-system.js";
import type { FileNode } from "./file-node.js";
import type { ProcessCalls } from "./process-calls.js";

export class SimulatedFile implements File {
  readonly path: string;
  readonly #calls: ProcessCalls;
  readonly #node: FileNode;
  readonly #writable: boolean;
  #closed = false;

  constructor(calls: ProcessCalls, path: string, node: FileNode, writable: boolean) {
    this.path = path;
    this.#calls = calls;
    this.#node = node;
    this.#writable = writable;
    calls.openFiles.add(this);
  }

  sizeSync(): number {
    return this.#calls.doSync("stat", this.path, this.#closed, () => this.#node.size);
  }

  readSync(into: Uint8Array, position: number): number {
    return this.#calls.doSync("read", this.path, this.#closed, () => {
      if (this.#node.unreadable.size > 0 && this.#node.meetsUnreadable(position, into.length))
        throw this.#calls.error("read", this.path, "EIO");
      return this.#node.read(into, position);
    });
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    const turn = this.#calls.turn();
    if (turn !== undefined) await turn;
    return this.writeSync(bytes, position);
  }

  writeSync(bytes: Uint8Array, position: number): number {
    this.#checkWritable("write");
    return this.#calls.write(this.path, this.#node, bytes, position);
  }

  async datasync(): Promise<void> {
    const turn = this.#calls.turn();
    if (turn !== undefined) await turn;
    this.#checkOpen("datasync");
    this.#calls.sync("datasync", this.path, () => this.#node);
  }

  async sync(): Promise<void> {
    const turn = this.#calls.turn();
    if (turn !== undefined) await turn;
    this.#checkOpen("sync");
    this.#calls.sync("sync", this.path, () => this.#node);
  }

  async truncate(length: number): Promise<void> {
    const turn = this.#calls.turn();
    if (turn !== undefined) await turn;
    this.#checkWritable("truncate");
    const cut = () => this.#node.truncate(length, this.#calls.nextStep());
    this.#calls.doSync("truncate", this.path, false, cut, { length });
  }

  close(): Promise<void> {
    return this.#calls.do("close", this.path, () => this.#letGo());
  }

  closeSync(): void {
    this.#calls.doSync("close", this.path, false, () => this.#letGo());
  }

  tryLock(): LockOutcome {
    return this.#calls.doSync("lock", this.path, this.#closed, () => {
      if (!this.#calls.shared.kernelLocks) return "unsupported";
      this.#node.lockedBy ??= this;
      return this.#node.lockedBy === this ? "locked" : "busy";
    });
  }

  map(): Mapping {
    const bytes = new Uint8Array(this.sizeSync());
    this.readSync(bytes, 0);
    return { bytes, way: "read" };
  }

  /** Closes the file as the end of its process does. */
  abandon(): void {
    this.#closed = true;
    if (this.#node.lockedBy === this) this.#node.lockedBy = undefined;
    this.#calls.openFiles.delete(this);
  }

  #letGo(): void {
    if (this.#closed) throw this.#calls.error("close", this.path, "EBADF");
    this.abandon();
  }

  #checkOpen(call: "write" | "truncate" | "datasync" | "sync"): void {
    if (this.#closed) throw this.#calls.error(call, this.path, "EBADF");
  }

  #checkWritable(call: "write" | "truncate"): void {
    if (this.#closed || !this.#writable) throw this.#calls.error(call, this.path, "EBADF");
  }
}
