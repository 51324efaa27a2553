// Builds mmap-io where there is a compiler. It is optional: without it, sealed files are read into
// memory instead of mapped.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./tools.mjs";

const walFolder = join(root, "packages/wal");
// Remembers a build that failed, so that not every start tries it again.
const failureFile = join(root, "node_modules/.tidemark-mapping-failed");
const runtime = `${process.version} ${process.platform} ${process.arch}`;

/** Tried in a child: a binary for another Node.js must not be able to end this process. */
function loads() {
  return spawnSync(process.execPath, ["-e", "require('mmap-io')"], { cwd: walFolder }).status === 0;
}

function failedBefore() {
  return existsSync(failureFile) && readFileSync(failureFile, "utf8") === runtime;
}

/** Returns undefined on success, otherwise what the build printed. */
function compile() {
  const { status, stdout, stderr, error } = spawnSync("npm", ["run", "build-addon"], {
    cwd: realpathSync(join(walFolder, "node_modules/mmap-io")),
    encoding: "utf8",
    // As published it asks for C++11, with which the headers of Node.js 20 and later don't compile.
    env: { ...process.env, CXXFLAGS: `${process.env["CXXFLAGS"] ?? ""} -std=c++20` },
    shell: process.platform === "win32",
    timeout: 120_000,
  });
  return status === 0 && loads() ? undefined : `${stdout}${stderr}${error ?? ""}`;
}

/**
 * False only if the addon is required (TIDEMARK_REQUIRE_MMAP=1, as in CI, so that mapping is really
 * tested there) and can't be had.
 */
export function buildMapping() {
  const required = process.env["TIDEMARK_REQUIRE_MMAP"] === "1";
  if (loads() || (!required && failedBefore())) return true;
  const output = compile();
  if (output === undefined) return true;
  if (required) {
    console.error(
      `${output}\nmmap-io could not be built, and TIDEMARK_REQUIRE_MMAP=1 asks for it.`,
    );
    return false;
  }
  writeFileSync(failureFile, runtime);
  console.log(
    "mmap-io could not be built: files are read, not mapped (it needs g++, make, python3).",
  );
  return true;
}
