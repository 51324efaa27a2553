// The machine that it ran on.

import { statfsSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

const TMPFS = 0x01021994;
/** statfs(2) */
const FILE_SYSTEMS = new Map([
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [TMPFS, "tmpfs"],
]);

/** Lines that say what figures depend on. */
export function describeMachine(directory: string): string[] {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const lines = [
    `${cpus().length} × ${first?.model.trim() ?? "?"}, ${memory}, ${process.platform} ${release()}, Node.js ${process.version}`,
    `${new Date().toISOString().slice(0, 10)}, files on ${fileSystemOf(directory)}`,
  ];
  if (statfsSync(directory).type === TMPFS) {
    lines.push(
      "NOTE: that is memory, not a disk: nothing durable is measured. Give a --directory.",
    );
  }
  return lines;
}

function fileSystemOf(directory: string): string {
  const { type } = statfsSync(directory);
  return FILE_SYSTEMS.get(type) ?? `a file system of type 0x${type.toString(16)}`;
}
