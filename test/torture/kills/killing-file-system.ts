// Node's file system, in which the process kills itself at one of the calls that change something, by SIGKILL: right
// before it, right after it, or with half of a write done. Before each such call it tells its name.

import { basename, dirname } from "node:path";
import {
  type Committer,
  type DirectoryEntry,
  type File,
  type FileSystem,
  type HostIdentity,
  type LockOutcome,
  type Mapping,
  nodeFileSystem,
} from "@tidemark/wal";

export interface Kill {
  /** Which of the calls, counted from 0. */
  readonly call: number;
  /** Half of it: at that call, or at the first one from then on that writes. */
  readonly when: "before" | "half" | "after";
}

/** Ends this process at once; nothing after it runs. */
function die(): never {
  for (;;) process.kill(process.pid, "SIGKILL");
}

/** What a path is, without numbers that differ from run to run. */
function nameOf(path: string): string {
  const name = basename(path)
    .replace(/\d{8,}/, "N")
    .replace(/-[0-9a-f]{8}$/, "-X");
  return /^(log|snapshots)$/.test(basename(dirname(path)))
    ? `${basename(dirname(path))}/${name}`
    : name;
}

export class KillingFileSystem implements FileSystem {
  readonly #kill: Kill | undefined;
  readonly #onCall: (step: string) => void;
  #calls = 0;

  constructor(kill: Kill | undefined, onCall: (step: string) => void) {
    this.#kill = kill;
    this.#onCall = onCall;
  }

  /** Whether the process dies in this call; if it is to die before it, it does. */
  #begin(call: string, path: string): "half" | "after" | undefined {
    this.#onCall(`${call} ${nameOf(path)}`);
    const number = this.#calls++;
    const kill = this.#kill;
    if (kill === undefined || number < kill.call) return undefined;
    if (kill.when === "half") return call === "write" ? "half" : undefined;
    if (number > kill.call) return undefined;
    return kill.when === "before" ? die() : "after";
  }

  async run<T>(call: string, path: string, work: () => Promise<T>): Promise<T> {
    const dying = this.#begin(call, path);
    const result = await work();
    return dying === undefined ? result : die();
  }

  runSync<T>(call: string, path: string, work: () => T): T {
    const dying = this.#begin(call, path);
    const result = work();
    return dying === undefined ? result : die();
  }

  /** Half of it goes to the disk where the process dies in the middle. */
  async write(
    path: string,
    bytes: Uint8Array,
    work: (part: Uint8Array) => Promise<number>,
  ): Promise<number> {
    const dying = this.#begin("write", path);
    const count = await work(dying === "half" ? bytes.subarray(0, bytes.length >> 1) : bytes);
    return dying === undefined ? count : die();
  }

  /** As `write`, at once. */
  writeSync(path: string, bytes: Uint8Array, work: (part: Uint8Array) => number): number {
    const dying = this.#begin("write", path);
    const count = work(dying === "half" ? bytes.subarray(0, bytes.length >> 1) : bytes);
    return dying === undefined ? count : die();
  }

  async open(path: string, access: "read" | "write"): Promise<File> {
    return new KillingFile(this, await nodeFileSystem.open(path, access));
  }

  openSync(path: string): File {
    return new KillingFile(this, nodeFileSystem.openSync(path));
  }

  create(path: string): Promise<File> {
    return this.run("create", path, async () => {
      return new KillingFile(this, await nodeFileSystem.create(path));
    });
  }

  makeDirectory(path: string): Promise<void> {
    return this.run("make", path, () => nodeFileSystem.makeDirectory(path));
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return nodeFileSystem.list(path);
  }

  listSync(path: string): DirectoryEntry[] {
    return nodeFileSystem.listSync(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.run("rename to", to, () => nodeFileSystem.rename(from, to));
  }

  unlink(path: string): Promise<void> {
    return this.run("unlink", path, () => nodeFileSystem.unlink(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.run("remove", path, () => nodeFileSystem.removeDirectory(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.run("sync directory", path, () => nodeFileSystem.syncDirectory(path));
  }

  sizeSync(path: string): number {
    return nodeFileSystem.sizeSync(path);
  }

  /** Node's, which finds files of ours here: so it writes through them, and not on a thread. */
  openCommitter(): Committer {
    return nodeFileSystem.openCommitter();
  }

  identity(): HostIdentity {
    return nodeFileSystem.identity();
  }

  processExists(pid: number): boolean {
    return nodeFileSystem.processExists(pid);
  }
}

class KillingFile implements File {
  readonly path: string;
  readonly #fileSystem: KillingFileSystem;
  readonly #file: File;

  constructor(fileSystem: KillingFileSystem, file: File) {
    this.path = file.path;
    this.#fileSystem = fileSystem;
    this.#file = file;
  }

  sizeSync(): number {
    return this.#file.sizeSync();
  }

  readSync(into: Uint8Array, position: number): number {
    return this.#file.readSync(into, position);
  }

  write(bytes: Uint8Array, position: number): Promise<number> {
    return this.#fileSystem.write(this.path, bytes, (part) => this.#file.write(part, position));
  }

  writeSync(bytes: Uint8Array, position: number): number {
    return this.#fileSystem.writeSync(this.path, bytes, (part) =>
      this.#file.writeSync(part, position),
    );
  }

  datasync(): Promise<void> {
    return this.#fileSystem.run("datasync", this.path, () => this.#file.datasync());
  }

  sync(): Promise<void> {
    return this.#fileSystem.run("sync", this.path, () => this.#file.sync());
  }

  truncate(length: number): Promise<void> {
    return this.#fileSystem.run("truncate", this.path, () => this.#file.truncate(length));
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  closeSync(): void {
    this.#file.closeSync();
  }

  tryLock(): LockOutcome {
    return this.#fileSystem.runSync("lock", this.path, () => this.#file.tryLock());
  }

  map(): Mapping {
    return this.#file.map();
  }
}
