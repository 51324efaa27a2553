// Every block of JavaScript in the documents runs, those of a document in order and in one directory, and prints what the
// comments behind its console.log calls say (several lines are parted by " | "). What a shell is told to do is there to be done.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const testFolder = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(testFolder);

/** Who shows that these are true: a test here, or one named for the document. */
const LANGUAGES = ["js", "sh", "console", "jsonl"];

const documents = spawnSync("git", ["ls-files", "*.md"], { cwd: root, encoding: "utf8" })
  .stdout.split("\n")
  .filter((document) => document !== "");

function blocksOf(document: string, language: string): string[] {
  const text = readFileSync(join(root, document), "utf8");
  const blocks = text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"));
  return Array.from(blocks, ([, code = ""]) => code);
}

/** The documents that have blocks in a language. */
function inLanguage(language: string): string[] {
  return documents.filter((document) => blocksOf(document, language).length > 0);
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

describe.each(inLanguage("js"))("%s", (document) => {
  test("its code runs and prints what it says", () => {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-docs-"));
    symlinkSync(join(testFolder, "node_modules"), join(folder, "node_modules"));
    try {
      for (const [index, code] of blocksOf(document, "js").entries()) {
        const { stdout, stderr, status } = run(folder, `block-${index}.mjs`, code);
        expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
        expect(stdout.split("\n").slice(0, -1)).toEqual(expectedOutput(code));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("documents with code have it in languages that something runs", () => {
  expect(inLanguage("js")).toContain("README.md");
  // Their own tests run these: packages/kv/test/cli.
  expect(inLanguage("console")).toEqual(["docs/cli.md"]);
  expect(inLanguage("jsonl")).toEqual(["docs/exports.md"]);
  for (const document of documents) {
    const fences = readFileSync(join(root, document), "utf8").matchAll(/^ *```(\w+)$/gm);
    for (const [, language = ""] of fences) expect(LANGUAGES, document).toContain(language);
  }
});

describe.each(inLanguage("sh"))("%s", (document) => {
  test("the commands that it tells of are there", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    for (const line of blocksOf(document, "sh").flatMap((block) => block.trimEnd().split("\n"))) {
      const [program, first = "", second = ""] = line.split(/\s+/);
      if (line.startsWith("npx tidemark ")) {
        expect(existsSync(join(root, "packages/kv/src/cli/commands", `${second}.ts`)), line).toBe(
          true,
        );
      } else {
        expect(program, line).toBe("npm");
        if (first !== "install")
          expect(scripts, line).toHaveProperty(first === "run" ? second : first);
      }
    }
  });
});
