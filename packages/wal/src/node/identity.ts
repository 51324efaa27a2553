// Who holds a lock: this process and this machine, as far as the system tells.

import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { HostIdentity } from "../file-system.js";
import { errorCode } from "./system-call.js";

let known: HostIdentity | undefined;

export function identity(): HostIdentity {
  known ??= {
    pid: process.pid,
    host: hostname(),
    bootId: whereKnown(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    pidNamespace: whereKnown(() => readlinkSync("/proc/self/ns/pid")),
  };
  return known;
}

// Linux alone has these files, and a sandbox may hide them.
function whereKnown(read: () => string): string | undefined {
  try {
    const text = read();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}

export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: it exists and belongs to someone else.
    return errorCode(cause) !== "ESRCH";
  }
}
