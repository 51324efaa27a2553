// Inputs that are directories, on a simulated disk each.

import { type Random, SimulatedDisk } from "@tidemark/wal/testing";
import type { Input, Part } from "../input.js";

/** All files of a disk. */
export function partsOf(disk: SimulatedDisk): Part[] {
  return disk.paths().map((name) => ({ name, bytes: disk.bytesOf(name) }));
}

/** A disk with these files, and those directories too. */
export async function diskWith({ parts }: Input, ...directories: string[]): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  for (const { name } of parts) directories.push(name.slice(0, name.lastIndexOf("/")));
  for (const directory of new Set(directories)) await disk.makeDirectory(directory);
  for (const { name, bytes } of parts) {
    const file = await disk.create(name);
    if (bytes.length > 0) file.writeSync(bytes, 0);
    file.closeSync();
  }
  return disk;
}

/** A file lost, two exchanged, or one under the name that the next of its kind would have. */
export function changedFiles(input: Input, random: Random): Input | undefined {
  const { parts } = input;
  const [from, to] = [random.below(parts.length), random.below(parts.length)];
  const [one, other] = [parts[from], parts[to]];
  if (one === undefined || other === undefined) return undefined;
  if (random.oneIn(2)) return { ...input, parts: parts.filter((part) => part !== one) };
  if (random.oneIn(2)) {
    const name = one.name.replace(/\d+(?=\.)/, (digits) =>
      String(Number(digits) + 1).padStart(digits.length, "0"),
    );
    if (parts.some((part) => part.name === name)) return undefined;
    return { ...input, parts: [...parts, { name, bytes: one.bytes.slice() }] };
  }
  const exchanged = parts.map((part) => {
    if (part === one) return { ...part, bytes: other.bytes };
    return part === other ? { ...part, bytes: one.bytes } : part;
  });
  return { ...input, parts: exchanged };
}
