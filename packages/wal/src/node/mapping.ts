// Whole files as bytes: mapped through mmap-io, the only importer of it, or read into memory.
// Invariant: only files that never change again are mapped. A mapped file that is truncated ends the
// process with SIGBUS at the next access. Why optional, and its limits: docs/decisions/0003-mapping.md.

import { fstatSync } from "node:fs";
import { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";
import type { File, Mapping } from "../file-system.js";
import { attempt } from "./system-call.js";

interface Addon {
  readonly PROT_READ: number;
  readonly MAP_SHARED: number;
  map(length: number, protection: number, flags: number, fd: number): Uint8Array;
}

// The addon counts lengths in 32 bits with sign.
const MAPPED_BYTES_MAX = 2 ** 31 - 1;

let loaded: { readonly addon: Addon | undefined } | undefined;

/** The bytes of the whole of `file`, whose open descriptor is `fd`. */
export function mapFile(fd: number, file: File): Mapping {
  const size = attempt("stat", file.path, () => fstatSync(fd).size);
  const mapped = size > 0 && size <= MAPPED_BYTES_MAX ? tryMap(fd, size) : undefined;
  if (mapped !== undefined) return { bytes: mapped, way: "mapped" };
  const bytes = new Uint8Array(size);
  const count = file.readSync(bytes, 0);
  return { bytes: count === size ? bytes : bytes.subarray(0, count), way: "read" };
}

function tryMap(fd: number, size: number): Uint8Array | undefined {
  // Looked up each time: whoever sets it in a running program means from now on.
  if (process.env["TIDEMARK_NO_MMAP"] === "1") return undefined;
  loaded ??= { addon: load() };
  const { addon } = loaded;
  if (addon === undefined) return undefined;
  try {
    const mapped = addon.map(size, addon.PROT_READ, addon.MAP_SHARED, fd);
    // It gives a Buffer, whose `slice` does not copy, unlike that of the arrays that reading gives.
    return new Uint8Array(mapped.buffer, mapped.byteOffset, mapped.byteLength);
  } catch {
    // No address space, or a file system that cannot map. Reading says what is really wrong, if anything.
    return undefined;
  }
}

// Optional: whatever keeps it from loading (not installed, not compiled) means that it is not to be had.
// It registers itself once per process, so a second thread could not load it, and a thread that ends
// would unload it under the mappings of the others: the main thread alone uses it.
function load(): Addon | undefined {
  if (!isMainThread) return undefined;
  try {
    const addon: unknown = createRequire(import.meta.url)("mmap-io");
    return isAddon(addon) ? addon : undefined;
  } catch {
    return undefined;
  }
}

function isAddon(value: unknown): value is Addon {
  return (
    typeof value === "object" &&
    value !== null &&
    "map" in value &&
    typeof value.map === "function" &&
    "PROT_READ" in value &&
    typeof value.PROT_READ === "number" &&
    "MAP_SHARED" in value &&
    typeof value.MAP_SHARED === "number"
  );
}
