// The README says of each runtime what is known to differ there, and `npm run runtimes` holds the tests against it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "./runtime-list.mjs";
import { root } from "./tools.mjs";

const lines = readFileSync(join(root, "README.md"), "utf8").split("\n");
let missing = 0;
for (const { title, differences } of Object.values(runtimes)) {
  const row = lines.find((line) => line.startsWith(`| ${title} |`));
  for (const says of row === undefined ? [title] : differences.map((one) => one.says)) {
    if (row?.includes(says)) continue;
    console.error(`README.md does not say of ${title}: ${says}`);
    missing += 1;
  }
}
process.exitCode = missing === 0 ? 0 : 1;
