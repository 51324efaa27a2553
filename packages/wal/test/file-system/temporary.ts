// Directories of a test, removed after it.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-files-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A file system of its own with so much space; undefined where this user may not mount one. */
export function smallDisk(bytes: number): string | undefined {
  return mountTmpfs(`size=${bytes}`);
}

/** Root may write whatever the mode says, but not on a read-only mount; undefined if there is none. */
export function unwritableDirectory(): string | undefined {
  if (process.getuid?.() === 0) return mountTmpfs("ro");
  const directory = temporaryDirectory();
  chmodSync(directory, 0o500);
  return directory;
}

function mountTmpfs(options: string): string | undefined {
  if (process.platform !== "linux") return undefined;
  const directory = temporaryDirectory();
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory]);
  if (mounted.status !== 0) return undefined;
  onTestFinished(() => {
    // Lazily: a test that failed may have left a file open there.
    spawnSync("umount", ["--lazy", directory]);
  });
  return directory;
}
