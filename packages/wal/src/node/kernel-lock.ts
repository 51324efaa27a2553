// Locks of the kernel through fs-native-extensions, the only importer of it. They belong to the open
// file (Linux: open-file-description locks, macOS: flock, Windows: LockFileEx), so a second opener in
// the same process is refused as well, and they go when the file is closed or the process dies.
// Why this addon: docs/decisions/0002-lock.md.

import { createRequire } from "node:module";
import type { LockOutcome } from "../file-system.js";
import { hasLibuv } from "./runtime.js";
import { errorCode } from "./system-call.js";

type TryLock = (fd: number, position: number, length: number) => boolean;

// Windows keeps others from reading what is locked, and they must read the holder's text: there one byte
// far behind it stands for the file. Elsewhere locks are advisory, and macOS has whole-file locks only.
const [LOCK_POSITION, LOCK_LENGTH] = process.platform === "win32" ? [2 ** 40, 1] : [0, 0];

const BUSY = new Set(["EAGAIN", "EWOULDBLOCK", "EACCES", "EBUSY"]);
// A file system without locks, or one whose lock server does not answer.
const UNSUPPORTED = new Set(["ENOLCK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL"]);

let loaded: { readonly tryLock: TryLock | undefined } | undefined;

/** Throws Node's error for what is neither busy nor unsupported. */
export function tryKernelLock(fd: number): LockOutcome {
  loaded ??= { tryLock: load() };
  if (loaded.tryLock === undefined) return "unsupported";
  try {
    return loaded.tryLock(fd, LOCK_POSITION, LOCK_LENGTH) ? "locked" : "busy";
  } catch (cause) {
    const code = errorCode(cause);
    if (code !== undefined && BUSY.has(code)) return "busy";
    if (code !== undefined && UNSUPPORTED.has(code)) return "unsupported";
    throw cause;
  }
}

// Whatever keeps it from loading (another libc, another platform, a bundle without it) means that there
// is no kernel lock here; the lock's text decides then.
function load(): TryLock | undefined {
  if (!hasLibuv) return undefined;
  try {
    const addon: unknown = createRequire(import.meta.url)("fs-native-extensions");
    return isAddon(addon) ? addon.tryLock : undefined;
  } catch {
    return undefined;
  }
}

function isAddon(value: unknown): value is { tryLock: TryLock } {
  return (
    typeof value === "object" &&
    value !== null &&
    "tryLock" in value &&
    typeof value.tryLock === "function"
  );
}
