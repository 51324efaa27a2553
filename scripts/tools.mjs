// Runs the programs that the other scripts need, from the root of the repository.

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

// Pinned here and not as `packageManager` in package.json: pnpm records that pin in the lockfile or
// not, depending on what the registry answers, and a frozen lockfile must not depend on it.
export const pnpmVersion = "12.21.0";

/** Scripts, relative to the root. */
export const bins = {
  biome: "node_modules/@biomejs/biome/bin/biome",
  typedoc: "reference/node_modules/typedoc/bin/typedoc",
  tsc: "node_modules/typescript/bin/tsc",
  vitest: "node_modules/vitest/vitest.mjs",
};

/**
 * Runs a script with this Node.js, its output shown. True if it exits with 0.
 *
 * @param {string} script relative to the root
 * @param {string[]} args
 */
export function runNode(script, args = []) {
  const { status, error } = spawnSync(process.execPath, [join(root, script), ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error) throw error;
  return status === 0;
}

/**
 * Runs one of the workspace's own tools.
 *
 * @param {keyof typeof bins} tool
 * @param {string[]} args
 */
export function runTool(tool, args) {
  return runNode(bins[tool], args);
}

/**
 * Runs pnpm at the pinned version, which npx fetches if need be.
 *
 * @param {string[]} args
 */
export function runPnpm(args) {
  const { status, error } = spawnSync("npx", ["--yes", `pnpm@${pnpmVersion}`, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (error) throw error;
  return status === 0;
}
