// The seed of everything that tests do by chance: another one for each commit, and the same for all runs of it.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./tools.mjs";

/** Of the commit that is checked out, or of the version where there is no repository; below 2^31. */
export function commitSeed() {
  const digest = createHash("sha256")
    .update(commit() ?? version())
    .digest();
  return digest.readUInt32LE() >>> 1;
}

function commit() {
  try {
    return execFileSync("git", ["rev-parse", "HEAD"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    // No git, or no repository: an archive of the sources.
    return undefined;
  }
}

/** @returns {string} */
function version() {
  return JSON.parse(readFileSync(join(root, "packages/wal/package.json"), "utf8")).version;
}
