// Node's file system behind the public seam, with calls that fail or wait on demand, and a look at the disk
// before any call: what a kill at that moment would leave.

import { basename } from "node:path";
import { type File, type FileSystem, FileSystemError, nodeFileSystem } from "@tidemark/wal";

/** Names of the methods that are seen, and what the seam calls them in errors. */
const callNames = {
  open: "open",
  openSync: "open",
  create: "create",
  makeDirectory: "mkdir",
  list: "list",
  listSync: "list",
  rename: "rename",
  unlink: "unlink",
  removeDirectory: "rmdir",
  syncDirectory: "syncDirectory",
  readSync: "read",
  write: "write",
  writeSync: "write",
  datasync: "datasync",
  sync: "sync",
  truncate: "truncate",
  close: "close",
  closeSync: "close",
} as const;

export type CallName = (typeof callNames)[keyof typeof callNames];

/** Which calls are meant. */
export interface CallFilter {
  readonly call: CallName | readonly CallName[];
  /** Matches the whole path. */
  readonly path?: RegExp;
}

interface Fault {
  readonly filter: CallFilter;
  readonly code: string;
  after: number;
  times: number;
}

interface Gate {
  readonly filter: CallFilter;
  readonly once: boolean;
  readonly reach: () => void;
  readonly released: Promise<void>;
}

interface Call {
  readonly call: CallName;
  readonly file: string;
  /** Bytes that a write was given; 0 for all else. */
  readonly length: number;
}

export interface FaultOptions {
  /** Calls that go well first; default 0. */
  readonly after?: number;
  /** Calls that fail then; default all. */
  readonly times?: number;
}

export class FaultyDisk {
  /** What the database is given. */
  readonly fileSystem: FileSystem;
  /** Every call so far. */
  readonly calls: Call[] = [];
  /** Told before each call that changes something. */
  beforeChange: (() => void) | undefined;
  readonly #faults: Fault[] = [];
  readonly #gates: Gate[] = [];

  constructor() {
    this.fileSystem = this.#watch<FileSystem>(nodeFileSystem, undefined);
  }

  /** From now on these calls fail. Returns what ends that. */
  fail(filter: CallFilter, code: string, options: FaultOptions = {}): () => void {
    const { after = 0, times = Number.POSITIVE_INFINITY } = options;
    const fault = { filter, code, after, times };
    this.#faults.push(fault);
    return () => {
      fault.times = 0;
    };
  }

  /** From now on these calls wait, or the next of them alone, where they are asynchronous. */
  hold(
    filter: CallFilter,
    { once = false } = {},
  ): { readonly reached: Promise<void>; readonly release: () => void } {
    let reach: () => void = () => undefined;
    let release: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const gate = { filter, once, reach, released };
    this.#gates.push(gate);
    const open = () => {
      this.#remove(gate);
      release();
    };
    return { reached, release: open };
  }

  #remove(gate: Gate): void {
    const at = this.#gates.indexOf(gate);
    if (at >= 0) this.#gates.splice(at, 1);
  }

  count(filter: CallFilter): number {
    return this.calls.filter(({ call, file }) => matches(filter, call, file)).length;
  }

  #watch<T extends object>(target: T, ownPath: string | undefined): T {
    return new Proxy(target, {
      get: (_, property) => {
        const member: unknown = Reflect.get(target, property, target);
        if (typeof member !== "function") return member;
        const call = callNames[property as keyof typeof callNames];
        if (call === undefined) return member.bind(target);
        const sync = String(property).endsWith("Sync");
        return (...given: unknown[]) => {
          const path = ownPath ?? String(call === "rename" ? given[1] : given[0]);
          const length = call === "write" ? (given[0] as Uint8Array).length : 0;
          const run = (): unknown => member.apply(target, given);
          const made = { call, file: path, length };
          return sync ? this.#runSync(made, run) : this.#run(made, run);
        };
      },
    });
  }

  #runSync(made: Call, run: () => unknown): unknown {
    const { call, file } = made;
    // A close that fails has closed all the same.
    if (call === "close") run();
    this.#strike(made);
    if (call === "close") return undefined;
    const result = run();
    return call === "open" ? this.#watch(result as File, file) : result;
  }

  async #run(made: Call, run: () => unknown): Promise<unknown> {
    const { call, file } = made;
    for (const gate of this.#gates.filter(({ filter }) => matches(filter, call, file))) {
      if (gate.once) this.#remove(gate);
      gate.reach();
      await gate.released;
    }
    if (call === "close") await run();
    this.#strike(made);
    if (call === "close") return undefined;
    const result = await run();
    return call === "open" || call === "create" ? this.#watch(result as File, file) : result;
  }

  #strike(made: Call): void {
    const { call, file } = made;
    if (changing.has(call)) this.beforeChange?.();
    this.calls.push(made);
    for (const fault of this.#faults) {
      if (fault.times === 0 || !matches(fault.filter, call, file)) continue;
      if (fault.after > 0) {
        fault.after -= 1;
        continue;
      }
      fault.times -= 1;
      throw new FileSystemError(call, file, fault.code);
    }
  }
}

const changing = new Set<CallName>([
  "create",
  "mkdir",
  "rename",
  "unlink",
  "rmdir",
  "write",
  "truncate",
]);

/** All calls that change something, or make it last. */
export const changingCalls: readonly CallName[] = [
  ...changing,
  "sync",
  "datasync",
  "syncDirectory",
];

function matches(filter: CallFilter, call: CallName, path: string): boolean {
  const calls = typeof filter.call === "string" ? [filter.call] : filter.call;
  return calls.includes(call) && (filter.path === undefined || filter.path.test(path));
}

/** The name of a file, for messages. */
export function nameOf(path: string): string {
  return basename(path);
}
