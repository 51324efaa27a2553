// Every block of JavaScript in these documents runs, in order and in one directory, and prints what the comments
// behind its console.log calls say (several lines are parted by " | ").

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const testFolder = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(testFolder);

const DOCUMENTS = [
  "README.md",
  "packages/wal/README.md",
  "packages/kv/README.md",
  "docs/keyv.md",
  "docs/level.md",
  "docs/observability.md",
  "docs/time-travel.md",
];

function blocksOf(document: string): string[] {
  const text = readFileSync(join(root, document), "utf8");
  return Array.from(text.matchAll(/^```js\n([\s\S]*?)^```/gm), ([, code = ""]) => code);
}

function expectedOutput(code: string): string[] {
  const comments = code.matchAll(/console\.log\(.*\);\s*\/\/ (.*)$/gm);
  return Array.from(comments, ([, comment = ""]) => comment.split(" | ")).flat();
}

/** Runs a program where `@tidemark/*` resolve as for a user of the workspace. */
function run(folder: string, name: string, code: string) {
  const program = join(folder, name);
  writeFileSync(program, code);
  return spawnSync(process.execPath, [program], { cwd: folder, encoding: "utf8", timeout: 30_000 });
}

describe.each(DOCUMENTS)("%s", (document) => {
  test("its code runs and prints what it says", () => {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-docs-"));
    symlinkSync(join(testFolder, "node_modules"), join(folder, "node_modules"));
    try {
      const blocks = blocksOf(document);
      expect(blocks.length).toBeGreaterThan(0);
      for (const [index, code] of blocks.entries()) {
        const { stdout, stderr, status } = run(folder, `block-${index}.mjs`, code);
        expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
        expect(stdout.split("\n").slice(0, -1)).toEqual(expectedOutput(code));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
