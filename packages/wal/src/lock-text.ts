// What a holder writes into LOCK: one line of JSON that says who it is, and what follows from it about
// whether the holder still lives. Whatever cannot be proved from here is "unknown".

import type { FileSystem, HostIdentity } from "./file-system.js";

/** Bytes of a text; what is longer was not written by us. */
export const TEXT_BYTES_MAX = 4096;

/** Who holds, or held, the lock. */
export interface Holder extends HostIdentity {
  /** What its lock rests on: the kernel's lock, or this text alone. */
  readonly lock: "kernel" | "text";
  /** When it took the lock, in ISO 8601. */
  readonly since: string;
}

export type Life = "alive" | "dead" | "unknown";

export function holderText(holder: Holder): string {
  const { pid, host, bootId, pidNamespace, lock, since } = holder;
  return `${JSON.stringify({ pid, host, bootId, pidNamespace, lock, since })}\n`;
}

/** The holder that the first line of `text` names; undefined if it names none. */
export function parseHolder(text: string): Holder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text.split("\n", 1)[0] ?? "");
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { pid, host, bootId, pidNamespace, lock, since }: Partial<Record<keyof Holder, unknown>> =
    value;
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (typeof host !== "string" || typeof since !== "string") return undefined;
  if (!isOptionalText(bootId) || !isOptionalText(pidNamespace)) return undefined;
  if (lock !== "kernel" && lock !== "text") return undefined;
  return { pid, host, bootId, pidNamespace, lock, since };
}

/**
 * Dead only by proof: this machine has been started again since, or it is still the same start and the
 * same pid namespace, and there is no such process.
 */
export function lifeOf(holder: Holder | undefined, fileSystem: FileSystem): Life {
  if (holder === undefined) return "unknown";
  const here = fileSystem.identity();
  if (holder.host !== here.host) return "unknown";
  if (holder.bootId === undefined || here.bootId === undefined) return "unknown";
  if (holder.bootId !== here.bootId) return "dead";
  if (holder.pidNamespace === undefined || holder.pidNamespace !== here.pidNamespace) {
    return "unknown";
  }
  return fileSystem.processExists(holder.pid) ? "alive" : "dead";
}

/** For messages: names the holder, or quotes what is there instead. */
export function nameHolder(text: string, fileSystem: FileSystem): string {
  const holder = parseHolder(text);
  if (holder === undefined) {
    return text === "" ? "a holder that has not named itself yet" : `“${printable(text)}”`;
  }
  const here = fileSystem.identity();
  const same =
    holder.pid === here.pid && holder.bootId === here.bootId && holder.host === here.host;
  const self = same && holder.pidNamespace === here.pidNamespace ? " (this process)" : "";
  return `process ${holder.pid}${self} on ${printable(holder.host)} since ${printable(holder.since)}`;
}

/** One line that no terminal takes for commands. */
export function printable(text: string): string {
  return text
    .trim()
    .replace(/[^\x20-\x7e]/gu, "?")
    .slice(0, 400);
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}
