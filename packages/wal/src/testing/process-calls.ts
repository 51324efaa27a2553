// What every call of one process on a simulated disk goes through: the order in which calls under way come
// about, planned faults, whoever watches, and the end of the process.

import { type FileSystemCall, FileSystemError } from "../file-system.js";
import type { DiskState } from "./disk-state.js";
import type { FileNode } from "./file-node.js";
import type { FaultManner, PlannedFault } from "./planned-fault.js";
import type { Random } from "./random.js";

/** A call that changes something on the disk, or makes changes durable. */
export interface DiskCall {
  readonly call: FileSystemCall;
  readonly path: string;
  /** The process that calls, as its `identity` names it. */
  readonly pid: number;
  /** Of a rename: what is renamed; `path` is the name that it gets. */
  readonly from?: string;
  /** Of a write. */
  readonly position?: number;
  /** Of a write, in bytes; of a truncation the size that the file gets. */
  readonly length?: number;
}

/** What a call is about, besides its path. */
export type CallDetails = Pick<DiskCall, "from" | "length">;

/** Told of each call that changes the disk: before it, and after it while nobody knows its outcome yet. */
export interface DiskWatcher {
  /** Told right before a call takes place. */
  before?(call: DiskCall): void;
  /** Told when it has taken place and its caller does not know yet. */
  after?(call: DiskCall): void;
}

/** What the processes on one disk share. */
export interface SharedCalls {
  readonly state: DiskState;
  readonly faults: PlannedFault[];
  readonly watchers: Set<DiskWatcher>;
  /** Decides how long each call takes; without it each is over at once. */
  order: Random | undefined;
  /** Bytes that files may take together. */
  capacityBytes: number;
  /** Whether there are locks; without them asking for one says so. */
  readonly kernelLocks: boolean;
}

/** What a sync is about. */
export interface Synced {
  /** The next sync fails: the error of one that seemed to succeed. */
  lateError: string | undefined;
  /** Everything is on the disk now. */
  sync(): void;
  /** What is in memory counts as written, whatever the disk has. */
  markClean(): void;
  /** What is on the disk is read anew. */
  revert(): void;
}

/** A file that a process has open. */
export interface OpenFile {
  readonly path: string;
  /** Closes it as the end of its process does. */
  abandon(): void;
}

const CHANGING: ReadonlySet<FileSystemCall> = new Set<FileSystemCall>([
  "create",
  "mkdir",
  "rename",
  "unlink",
  "rmdir",
  "syncDirectory",
  "write",
  "datasync",
  "sync",
  "truncate",
]);

export class ProcessCalls {
  readonly shared: SharedCalls;
  readonly pid: number;
  readonly openFiles = new Set<OpenFile>();
  killed = false;

  constructor(shared: SharedCalls) {
    this.shared = shared;
    this.pid = shared.state.startProcess();
  }

  nextStep(): number {
    return this.shared.state.nextStep();
  }

  error(call: FileSystemCall, path: string, code: string): FileSystemError {
    return new FileSystemError(call, path, this.killed ? "EKILLED" : code);
  }

  /** The time that a call takes, if it takes any. */
  turn(): Promise<void> | undefined {
    const { order } = this.shared;
    if (order === undefined || !order.oneIn(3)) return undefined;
    return turns(1 + order.below(4));
  }

  async do<T>(call: FileSystemCall, path: string, work: () => T, about?: CallDetails): Promise<T> {
    const turn = this.turn();
    if (turn !== undefined) await turn;
    return this.doSync(call, path, false, work, about);
  }

  doSync<T>(
    call: FileSystemCall,
    path: string,
    isClosed: boolean,
    work: () => T,
    about?: CallDetails,
  ): T {
    if (isClosed) throw this.error(call, path, "EBADF");
    return this.#watched({ call, path, pid: this.pid, ...about }, () => {
      const fault = this.#fault(call, path);
      if (fault === undefined) return work();
      if (fault.manner === "done") work();
      throw this.error(call, path, fault.code);
    });
  }

  write(path: string, node: FileNode, bytes: Uint8Array, position: number): number {
    const { pid } = this;
    const seen = { call: "write", path, pid, position, length: bytes.length } as const;
    return this.#watched(seen, () => {
      const fault = this.#fault("write", path);
      const wanted = fault === undefined ? bytes.length : part(fault.manner, bytes.length);
      const length = Math.min(wanted, this.#room(node, position));
      if (length > 0) this.#put(node, bytes.slice(0, length), position);
      if (fault !== undefined && fault.manner !== "short")
        throw this.error("write", path, fault.code);
      if (length === 0 && bytes.length > 0) throw this.error("write", path, "ENOSPC");
      return length;
    });
  }

  sync(call: "sync" | "datasync" | "syncDirectory", path: string, find: () => Synced): void {
    this.#watched({ call, path, pid: this.pid }, () => {
      const synced = find();
      const { lateError } = synced;
      synced.lateError = undefined;
      if (lateError !== undefined) throw this.error(call, path, lateError);
      const fault = this.#fault(call, path, "keeps");
      if (fault === undefined || fault.manner === "done") synced.sync();
      if (fault === undefined || fault.manner === "lies") return;
      if (fault.manner === "reverts") synced.revert();
      if (fault.manner === "keeps" || fault.manner === "late") synced.markClean();
      if (fault.manner !== "late") throw this.error(call, path, fault.code);
      synced.lateError = fault.code;
    });
  }

  /** The process is gone: whatever it still asks for does not come about. */
  kill(): void {
    for (const file of this.openFiles) file.abandon();
    this.shared.state.livingPids.delete(this.pid);
    this.killed = true;
  }

  #put(node: FileNode, bytes: Uint8Array, position: number): void {
    const { state, watchers } = this.shared;
    const step = state.nextStep();
    node.write(bytes, position, step);
    if (watchers.size > 0) state.lastWrite = { node, step, position, bytes };
  }

  /** How many bytes a write there may bring. */
  #room(node: FileNode, position: number): number {
    const { capacityBytes, state } = this.shared;
    if (capacityBytes === Number.POSITIVE_INFINITY) return capacityBytes;
    return Math.max(0, node.size - position) + Math.max(0, capacityBytes - state.usedBytes());
  }

  #watched<T>(call: DiskCall, work: () => T): T {
    if (this.killed) throw this.error(call.call, call.path, "EKILLED");
    const { watchers } = this.shared;
    if (watchers.size === 0 || !CHANGING.has(call.call)) return work();
    for (const watcher of watchers) watcher.before?.(call);
    try {
      return work();
    } finally {
      for (const watcher of watchers) watcher.after?.(call);
      this.shared.state.lastWrite = undefined;
    }
  }

  #fault(
    call: FileSystemCall,
    path: string,
    usual: FaultManner = "undone",
  ): { readonly code: string; readonly manner: FaultManner } | undefined {
    for (const fault of this.shared.faults) {
      if (!fault.strikes(call, path)) continue;
      return { code: fault.plan.code ?? "EIO", manner: fault.plan.manner ?? usual };
    }
    return undefined;
  }
}

function part(manner: FaultManner, length: number): number {
  if (manner === "done") return length;
  if (manner === "half") return length >> 1;
  return manner === "short" ? Math.max(1, length >> 1) : 0;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
