// A disk that forgets what was not synced, behind the seam of file-system.ts. It keeps what was written apart
// from what is durable, and gives the disk that a crash at this moment would leave: one, or all that are possible.

import type {
  Committer,
  DirectoryEntry,
  File,
  FileSystem,
  FileSystemCall,
  HostIdentity,
} from "../file-system.js";
import {
  type CrashOptions,
  type CrashProfile,
  type CrashStatesOptions,
  crashAs,
  crashStatesOf,
} from "./crash.js";
import type { DirectoryNode, Node } from "./directory-node.js";
import { DiskState, digestOf, filesIn, namesOf } from "./disk-state.js";
import type { FileNode } from "./file-node.js";
import { damage, type MediaDamage } from "./media.js";
import { type FaultPlan, PlannedFault } from "./planned-fault.js";
import { type DiskWatcher, ProcessCalls, type SharedCalls } from "./process-calls.js";
import { Random } from "./random.js";
import { SimulatedCommitter } from "./simulated-committer.js";
import { SimulatedFile } from "./simulated-file.js";

/** What is special about a simulated disk. */
export interface SimulatedDiskOptions {
  /**
   * Calls under way at the same time come about in an order that follows from this; without it each is over at
   * once, before anything else happens.
   */
  readonly orderSeed?: number;
  /** Bytes that all files may take together; writes beyond fail with `ENOSPC`. Default: no limit. */
  readonly capacityBytes?: number;
  /** Whether files can be locked, as with a kernel that has such locks; default true. */
  readonly kernelLocks?: boolean;
}

/** A disk as a crash left it. */
export interface CrashState {
  readonly profile: CrashProfile;
  /** Gives this state again: `crash({ profile, choice })`. */
  readonly choice: string;
  /** Equal for disks that read the same. */
  readonly digest: string;
  readonly disk: SimulatedDisk;
}

/**
 * A disk in memory, as one process sees it. Deterministic: what it does follows from the calls made and the
 * seeds given. Paths start at its own root; relative ones too. A rename stays within its directory (`EXDEV`).
 */
export class SimulatedDisk implements FileSystem {
  #shared: SharedCalls;
  #calls: ProcessCalls;

  constructor(options: SimulatedDiskOptions = {}) {
    this.#shared = sharedOf(new DiskState(), options);
    this.#calls = new ProcessCalls(this.#shared);
  }

  static #over(shared: SharedCalls): SimulatedDisk {
    const disk = new SimulatedDisk();
    disk.#shared = shared;
    disk.#calls = new ProcessCalls(shared);
    return disk;
  }

  /** A disk of its own, with the same machine around it. */
  #alone(state: DiskState): SimulatedDisk {
    const { kernelLocks } = this.#shared;
    return SimulatedDisk.#over(sharedOf(state, { kernelLocks }));
  }

  /** The same disk, files and all, as another process sees it. */
  startProcess(): SimulatedDisk {
    return SimulatedDisk.#over(this.#shared);
  }

  /** Ends this process: its files are closed, its locks released, and what it still asks for fails with `EKILLED`. */
  kill(): void {
    this.#calls.kill();
  }

  /** An independent copy: same contents, same writes on their way, no process, no planned fault. */
  fork(): SimulatedDisk {
    return this.#alone(this.#shared.state.clone());
  }

  /** The disk after a crash at this moment, which goes on as it is. Everything that the new one shows is durable, but for P0. */
  crash(options: CrashOptions): SimulatedDisk {
    return this.#alone(crashAs(this.#shared.state, options));
  }

  /**
   * The disks that a crash at this moment can leave, each once: all of them if they are no more than `limit`,
   * otherwise none of what was on its way, all of it, each prefix, each suffix, each one missing, each one alone,
   * all pairs, and samples.
   */
  *crashStates(
    profile: CrashOptions["profile"],
    options: CrashStatesOptions = {},
  ): Generator<CrashState> {
    // Of this moment, however far the disk has gone on when the next one is asked for.
    const moment = this.#shared.state.clone();
    for (const { choice, state } of crashStatesOf(moment, profile, options)) {
      const disk = this.#alone(state);
      yield { profile, choice, digest: digestOf(state.root), disk };
    }
  }

  /** Plans failures of calls, by any process on this disk. The first plan that strikes decides. */
  fail(plan: FaultPlan): PlannedFault {
    const fault = new PlannedFault(plan);
    this.#shared.faults.push(fault);
    return fault;
  }

  /** Damages what is on the disk, beneath the file system's feet. Throws `RangeError` where there is nothing to damage. */
  damage(what: MediaDamage): void {
    const node = this.#find("stat", what.path);
    if (node.kind !== "file") throw this.#error("stat", what.path, "ENOTREG");
    damage(node, what);
  }

  /** Tells of every changing call, by any process on this disk, until the function that it returns is called. */
  watch(watcher: DiskWatcher): () => void {
    this.#shared.watchers.add(watcher);
    return () => this.#shared.watchers.delete(watcher);
  }

  /** Decides from now on in which order calls under way come about; undefined: each is over at once. */
  set orderSeed(seed: number | undefined) {
    this.#shared.order = seed === undefined ? undefined : new Random(seed);
  }

  /** Bytes that all files may take together, from now on. */
  set capacityBytes(bytes: number) {
    this.#shared.capacityBytes = bytes;
  }

  /** Bytes that all files take together; those never written do not count. */
  get usedBytes(): number {
    return this.#shared.state.usedBytes();
  }

  /** Names what all files hold: equal for disks that read the same. */
  get digest(): string {
    return digestOf(this.#shared.state.root);
  }

  /** Paths of the files that this process has open. */
  get openPaths(): string[] {
    return [...this.#calls.openFiles].map(({ path }) => path);
  }

  /** Paths of all files, in order. */
  paths(): string[] {
    return [...filesIn(this.#shared.state.root)].map(({ path }) => path);
  }

  /** The bytes of a file as a read would give them; the caller's own. */
  bytesOf(path: string): Uint8Array {
    const node = this.#find("read", path);
    if (node.kind !== "file") throw this.#error("read", path, "ENOTREG");
    const bytes = new Uint8Array(node.size);
    node.read(bytes, 0);
    return bytes;
  }

  open(path: string, access: "read" | "write"): Promise<File> {
    return this.#calls.do("open", path, () => this.#open(path, access === "write"));
  }

  openSync(path: string): File {
    return this.#calls.doSync("open", path, false, () => this.#open(path, false));
  }

  create(path: string): Promise<File> {
    return this.#calls.do("create", path, () => {
      const { state } = this.#shared;
      const { directory, name } = this.#place("create", path);
      if (directory.entries.has(name)) throw this.#error("create", path, "EEXIST");
      const node = state.newFile();
      directory.change({ step: state.nextStep(), set: { name, node } });
      return new SimulatedFile(this.#calls, path, node, true);
    });
  }

  async makeDirectory(path: string): Promise<void> {
    const names = namesOf(path);
    const parent = `/${names.slice(0, -1).join("/")}`;
    if (names.length > 1 && this.#shared.state.find(parent) === undefined)
      await this.makeDirectory(parent);
    await this.#calls.do("mkdir", path, () => {
      const { state } = this.#shared;
      const { directory, name } = this.#place("mkdir", path);
      if (directory.entries.has(name)) throw this.#error("mkdir", path, "EEXIST");
      directory.change({ step: state.nextStep(), set: { name, node: state.newDirectory() } });
    });
    await this.syncDirectory(parent);
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.#calls.do("list", path, () => this.#list(path));
  }

  listSync(path: string): DirectoryEntry[] {
    return this.#calls.doSync("list", path, false, () => this.#list(path));
  }

  rename(from: string, to: string): Promise<void> {
    const work = () => {
      const { state } = this.#shared;
      const [source, target] = [this.#place("rename", from), this.#place("rename", to)];
      const node = source.directory.entries.get(source.name);
      if (node === undefined) throw this.#error("rename", from, "ENOENT");
      if (source.directory !== target.directory) throw this.#error("rename", to, "EXDEV");
      const replaced = target.directory.entries.get(target.name);
      if (replaced?.kind === "file" && replaced !== node) state.free(replaced);
      const set = { name: target.name, node };
      target.directory.change({ step: state.nextStep(), removed: source.name, set });
    };
    return this.#calls.do("rename", to, work, { from });
  }

  unlink(path: string): Promise<void> {
    return this.#calls.do("unlink", path, () => {
      const { state } = this.#shared;
      const { directory, name } = this.#place("unlink", path);
      const node = directory.entries.get(name);
      if (node === undefined) throw this.#error("unlink", path, "ENOENT");
      if (node.kind !== "file") throw this.#error("unlink", path, "EISDIR");
      state.free(node);
      directory.change({ step: state.nextStep(), removed: name });
    });
  }

  removeDirectory(path: string): Promise<void> {
    return this.#calls.do("rmdir", path, () => {
      const { directory, name } = this.#place("rmdir", path);
      const node = directory.entries.get(name);
      if (node === undefined) throw this.#error("rmdir", path, "ENOENT");
      if (node.kind !== "directory") throw this.#error("rmdir", path, "ENOTDIR");
      if (node.entries.size > 0) throw this.#error("rmdir", path, "ENOTEMPTY");
      directory.change({ step: this.#shared.state.nextStep(), removed: name });
    });
  }

  async syncDirectory(path: string): Promise<void> {
    const turn = this.#calls.turn();
    if (turn !== undefined) await turn;
    this.#calls.sync("syncDirectory", path, () => this.#directory("syncDirectory", path));
  }

  sizeSync(path: string): number {
    return this.#calls.doSync("stat", path, false, () => this.#file("stat", path).size);
  }

  openCommitter(): Committer {
    return new SimulatedCommitter();
  }

  identity(): HostIdentity {
    const { boots } = this.#shared.state;
    return {
      pid: this.#calls.pid,
      host: "simulated",
      bootId: `boot-${boots}`,
      pidNamespace: "simulated",
    };
  }

  processExists(pid: number): boolean {
    return this.#shared.state.livingPids.has(pid);
  }

  #open(path: string, writable: boolean): File {
    return new SimulatedFile(this.#calls, path, this.#file("open", path), writable);
  }

  #list(path: string): DirectoryEntry[] {
    const { entries } = this.#directory("list", path);
    return [...entries].map(([name, { kind }]) => ({ name, kind }));
  }

  #find(call: FileSystemCall, path: string): Node {
    const node = this.#shared.state.find(path);
    if (node === undefined) throw this.#error(call, path, "ENOENT");
    return node;
  }

  #file(call: FileSystemCall, path: string): FileNode {
    const node = this.#find(call, path);
    if (node.kind !== "file") throw this.#error(call, path, "ENOTREG");
    return node;
  }

  #directory(call: FileSystemCall, path: string): DirectoryNode {
    const node = this.#find(call, path);
    if (node.kind !== "directory") throw this.#error(call, path, "ENOTDIR");
    return node;
  }

  /** The directory that holds what a path names, or would hold it. */
  #place(call: FileSystemCall, path: string): { directory: DirectoryNode; name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw this.#error(call, path, "EINVAL");
    return { directory: this.#directory(call, `/${names.join("/")}`), name };
  }

  #error(call: FileSystemCall, path: string, code: string): Error {
    return this.#calls.error(call, path, code);
  }
}

function sharedOf(state: DiskState, options: SimulatedDiskOptions = {}): SharedCalls {
  const { orderSeed, capacityBytes, kernelLocks } = options;
  return {
    state,
    faults: [],
    watchers: new Set(),
    order: orderSeed === undefined ? undefined : new Random(orderSeed),
    capacityBytes: capacityBytes ?? Number.POSITIVE_INFINITY,
    kernelLocks: kernelLocks ?? true,
  };
}
