// Node's file system with calls that fail, wait or fall short on demand, and a record of all calls.
// It stands behind the public seam, so it sees exactly what the log asks of a disk.

import { basename } from "node:path";
import {
  type Committer,
  type DirectoryEntry,
  type File,
  type FileSystem,
  type FileSystemCall,
  FileSystemError,
  type HostIdentity,
  type LockOutcome,
  type Mapping,
  nodeFileSystem,
} from "@tidemark/wal";

/** Which calls are meant: by name, and by the name of the file. */
export interface CallFilter {
  readonly call: FileSystemCall | readonly FileSystemCall[];
  readonly file?: RegExp;
}

export interface FaultOptions {
  /** Calls that go well first; default 0. */
  readonly after?: number;
  /** Calls that fail then; default all. */
  readonly times?: number;
  /** `"done"`: the call does its work and fails nevertheless. `"half"`: a write writes half. */
  readonly how?: "undone" | "half" | "done";
}

export interface SeenCall {
  readonly call: FileSystemCall;
  readonly file: string;
}

/** Some calls that fail; `lift` ends that. */
export class Fault {
  /** Calls that failed. */
  hits = 0;
  #left: number;
  #before: number;
  readonly #filter: CallFilter;
  readonly code: string;
  readonly how: "undone" | "half" | "done";

  constructor(filter: CallFilter, code: string, options: FaultOptions) {
    this.#filter = filter;
    this.code = code;
    this.how = options.how ?? "undone";
    this.#before = options.after ?? 0;
    this.#left = options.times ?? Number.POSITIVE_INFINITY;
  }

  lift(): void {
    this.#left = 0;
  }

  /** Whether this call is one that fails. */
  strikes(call: FileSystemCall, file: string): boolean {
    if (!matches(this.#filter, call, file) || this.#left === 0) return false;
    if (this.#before > 0) {
      this.#before -= 1;
      return false;
    }
    this.#left -= 1;
    this.hits += 1;
    return true;
  }
}

/** Calls that wait until they are released. */
export class Gate {
  /** Resolves when the first call waits. */
  readonly reached: Promise<void>;
  readonly filter: CallFilter;
  isOpen = false;
  /** Calls that do not wait. */
  letThrough = 0;
  readonly #open: Promise<void>;
  #onReach: () => void = () => undefined;
  #onOpen: () => void = () => undefined;

  constructor(filter: CallFilter) {
    this.filter = filter;
    this.reached = new Promise((resolve) => {
      this.#onReach = resolve;
    });
    this.#open = new Promise((resolve) => {
      this.#onOpen = resolve;
    });
  }

  async pass(): Promise<void> {
    if (this.letThrough > 0) {
      this.letThrough -= 1;
      return;
    }
    this.#onReach();
    await this.#open;
  }

  release(): void {
    this.isOpen = true;
    this.#onOpen();
  }
}

/** Writes some bytes so far behind the place that was asked for; returns how many. */
type Work<T> = (part: Uint8Array, at: number) => T;

const EVERY_CALL: readonly FileSystemCall[] = [
  "open",
  "create",
  "mkdir",
  "list",
  "rename",
  "unlink",
  "rmdir",
  "syncDirectory",
  "write",
  "datasync",
  "sync",
  "truncate",
  "close",
];

function matches(filter: CallFilter, call: FileSystemCall, file: string): boolean {
  const calls = typeof filter.call === "string" ? [filter.call] : filter.call;
  return calls.includes(call) && (filter.file === undefined || filter.file.test(file));
}

export class FaultyFileSystem implements FileSystem {
  /** Every call so far that went to the disk, or failed on its way. */
  readonly calls: SeenCall[] = [];
  /** Bytes asked for by reads. */
  bytesRead = 0;
  readonly #openFiles = new Set<File>();
  /** Writes write at most so many bytes. */
  writeBytesMax = Number.POSITIVE_INFINITY;
  readonly #faults: Fault[] = [];
  readonly #gates: Gate[] = [];
  #atWork = 0;
  #onIdle: () => void = () => undefined;

  /** From now on these calls fail. */
  fail(filter: CallFilter, code: string, options: FaultOptions = {}): Fault {
    const fault = new Fault(filter, code, options);
    this.#faults.push(fault);
    return fault;
  }

  /** From now on these calls wait; those that are not asynchronous do not. */
  hold(filter: CallFilter): Gate {
    const gate = new Gate(filter);
    this.#gates.push(gate);
    return gate;
  }

  /**
   * Runs something between two calls: those under way are finished, and further ones wait meanwhile. What
   * it sees of the disk is what a kill at this moment would leave.
   */
  between<T>(run: () => T): Promise<T> {
    return this.afterCalls(0, Promise.resolve(), run);
  }

  /** As `between`, once so many further calls have begun, or `work` is done without that many. */
  async afterCalls<T>(count: number, work: Promise<unknown>, run: () => T): Promise<T> {
    const gate = this.hold({ call: EVERY_CALL });
    gate.letThrough = count;
    try {
      await Promise.race([gate.reached, work]);
      gate.letThrough = 0;
      while (this.#atWork > 0) {
        await new Promise<void>((resolve) => {
          this.#onIdle = resolve;
        });
      }
      return run();
    } finally {
      this.#gates.splice(this.#gates.indexOf(gate), 1);
      gate.release();
    }
  }

  /** How many calls there were. */
  count(filter: CallFilter): number {
    return this.calls.filter(({ call, file }) => matches(filter, call, file)).length;
  }

  /** Names of files that were opened and not closed. */
  get leftOpen(): string[] {
    return [...this.#openFiles].map(({ path }) => basename(path));
  }

  /** Calls that change something on disk. */
  get changes(): number {
    return this.count({
      call: ["create", "mkdir", "rename", "unlink", "rmdir", "write", "truncate"],
    });
  }

  runSync<T>(call: FileSystemCall, path: string, work: () => T): T {
    const fault = this.#struck(call, path);
    if (fault === undefined) return work();
    if (fault.how === "done") work();
    throw new FileSystemError(call, path, fault.code);
  }

  async run<T>(call: FileSystemCall, path: string, work: () => Promise<T>): Promise<T> {
    await this.#enter(call, path);
    try {
      const fault = this.#struck(call, path);
      if (fault === undefined) return await work();
      if (fault.how === "done") await work();
      throw new FileSystemError(call, path, fault.code);
    } finally {
      this.#leave();
    }
  }

  /** A write that may fail half way or fall short. */
  async write(path: string, bytes: Uint8Array, work: Work<Promise<number>>): Promise<number> {
    await this.#enter("write", path);
    try {
      const { part, error } = this.#plan(path, bytes);
      let written = 0;
      while (written < part.length) written += await work(part.subarray(written), written);
      if (error !== undefined) throw error;
      return written;
    } finally {
      this.#leave();
    }
  }

  /** As `write`, at once. */
  writeSync(path: string, bytes: Uint8Array, work: Work<number>): number {
    const { part, error } = this.#plan(path, bytes);
    let written = 0;
    while (written < part.length) written += work(part.subarray(written), written);
    if (error !== undefined) throw error;
    return written;
  }

  async #enter(call: FileSystemCall, path: string): Promise<void> {
    const passed = new Set<Gate>();
    for (;;) {
      const gate = this.#gates.find((gate) => {
        return !gate.isOpen && !passed.has(gate) && matches(gate.filter, call, basename(path));
      });
      if (gate === undefined) break;
      passed.add(gate);
      await gate.pass();
    }
    this.#atWork += 1;
  }

  #leave(): void {
    this.#atWork -= 1;
    if (this.#atWork === 0) this.#onIdle();
  }

  #struck(call: FileSystemCall, path: string): Fault | undefined {
    const file = basename(path);
    this.calls.push({ call, file });
    return this.#faults.find((fault) => fault.strikes(call, file));
  }

  /** The bytes that the file gets, and the error after them. */
  #plan(path: string, bytes: Uint8Array): { part: Uint8Array; error?: FileSystemError } {
    const fault = this.#struck("write", path);
    if (fault === undefined) return { part: bytes.subarray(0, this.writeBytesMax) };
    const length = { undone: 0, half: bytes.length >> 1, done: bytes.length }[fault.how];
    const error = new FileSystemError("write", path, fault.code);
    return { part: bytes.subarray(0, length), error };
  }

  #keep(file: File): File {
    const kept: File = new FaultyFile(this, file, () => this.#openFiles.delete(kept));
    this.#openFiles.add(kept);
    return kept;
  }

  open(path: string, access: "read" | "write"): Promise<File> {
    return this.run("open", path, async () => this.#keep(await nodeFileSystem.open(path, access)));
  }

  openSync(path: string): File {
    return this.runSync("open", path, () => this.#keep(nodeFileSystem.openSync(path)));
  }

  create(path: string): Promise<File> {
    return this.run("create", path, async () => this.#keep(await nodeFileSystem.create(path)));
  }

  makeDirectory(path: string): Promise<void> {
    return this.run("mkdir", path, () => nodeFileSystem.makeDirectory(path));
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.run("list", path, () => nodeFileSystem.list(path));
  }

  listSync(path: string): DirectoryEntry[] {
    return this.runSync("list", path, () => nodeFileSystem.listSync(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.run("rename", to, () => nodeFileSystem.rename(from, to));
  }

  unlink(path: string): Promise<void> {
    return this.run("unlink", path, () => nodeFileSystem.unlink(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.run("rmdir", path, () => nodeFileSystem.removeDirectory(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.run("syncDirectory", path, () => nodeFileSystem.syncDirectory(path));
  }

  sizeSync(path: string): number {
    return this.runSync("stat", path, () => nodeFileSystem.sizeSync(path));
  }

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

class FaultyFile implements File {
  readonly path: string;
  readonly #fileSystem: FaultyFileSystem;
  readonly #file: File;
  readonly #onClose: () => void;

  constructor(fileSystem: FaultyFileSystem, file: File, onClose: () => void) {
    this.path = file.path;
    this.#fileSystem = fileSystem;
    this.#file = file;
    this.#onClose = onClose;
  }

  sizeSync(): number {
    return this.#fileSystem.runSync("stat", this.path, () => this.#file.sizeSync());
  }

  readSync(into: Uint8Array, position: number): number {
    this.#fileSystem.bytesRead += into.length;
    return this.#fileSystem.runSync("read", this.path, () => this.#file.readSync(into, position));
  }

  write(bytes: Uint8Array, position: number): Promise<number> {
    return this.#fileSystem.write(this.path, bytes, (part, at) =>
      this.#file.write(part, position + at),
    );
  }

  writeSync(bytes: Uint8Array, position: number): number {
    return this.#fileSystem.writeSync(this.path, bytes, (part, at) =>
      this.#file.writeSync(part, position + at),
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
    this.#onClose();
    return this.#fileSystem.run("close", this.path, () => this.#file.close());
  }

  closeSync(): void {
    this.#onClose();
    this.#fileSystem.runSync("close", this.path, () => this.#file.closeSync());
  }

  tryLock(): LockOutcome {
    return this.#fileSystem.runSync("lock", this.path, () => this.#file.tryLock());
  }

  map(): Mapping {
    return this.#fileSystem.runSync("read", this.path, () => this.#file.map());
  }
}
