// Every link within the repository's documents leads to a file, and to a heading where it names one.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { root } from "./tools.mjs";

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;

/** @param {string} path */
function textOf(path) {
  // What stands in code is no link.
  return readFileSync(path, "utf8")
    .replace(/^```[\s\S]*?^```/gm, "")
    .replace(/`[^`\n]*`/g, "");
}

/**
 * The names by which headings can be linked to.
 *
 * @param {string} path
 */
function anchorsOf(path) {
  const headings = readFileSync(path, "utf8").matchAll(/^#+\s+(.*)$/gm);
  return new Set(
    Array.from(headings, ([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replace(/\s/g, "-"),
    ),
  );
}

const documents = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.md"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((name) => name !== "" && existsSync(join(root, name)));

/** @type {string[]} */
const broken = [];
let links = 0;
for (const name of documents) {
  const path = join(root, name);
  for (const [, target = ""] of textOf(path).matchAll(LINK)) {
    if (/^[a-z]+:/.test(target)) continue;
    links += 1;
    const [file = "", anchor] = target.split("#");
    const linked = file === "" ? path : resolve(dirname(path), file);
    if (!existsSync(linked)) broken.push(`${name}: ${target} leads nowhere`);
    else if (anchor !== undefined && !anchorsOf(linked).has(anchor)) {
      broken.push(`${name}: ${target} names no heading`);
    }
  }
}
for (const line of broken) console.error(line);
console.log(`${links} links in ${documents.length} documents, ${broken.length} broken`);
process.exitCode = broken.length > 0 || links === 0 ? 1 : 0;
