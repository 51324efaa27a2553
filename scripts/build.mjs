// Compiles the workspace, and removes outputs whose source is gone: they would be imported,
// tested and published as if it were still there.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, runTool } from "./tools.mjs";

/** @type {[sources: string, outputs: string][]} */
const folders = [
  ["packages/wal/src", "packages/wal/dist"],
  ["packages/kv/src", "packages/kv/dist"],
  ["examples", "examples/dist"],
  ["bench/src", "bench/dist"],
  [".", "test/torture/dist"],
  ["test/fuzz/src", "test/fuzz/dist"],
];

/**
 * @param {string} sources
 * @param {string} outputs
 */
function removeStale(sources, outputs) {
  if (!existsSync(join(root, outputs))) return;
  for (const name of readdirSync(join(root, outputs), { recursive: true, encoding: "utf8" })) {
    const stem = /^(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(name)?.[1];
    if (stem === undefined || existsSync(join(root, sources, `${stem}.ts`))) continue;
    rmSync(join(root, outputs, name));
  }
}

/**
 * @param {"tsconfig.json" | "tsconfig.build.json"} project the first one checks the tests too
 */
export function build(project) {
  for (const [sources, outputs] of folders) removeStale(sources, outputs);
  return runTool("tsc", ["-b", project]);
}
