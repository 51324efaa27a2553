// Every class, interface, type, function and method that the packages export, through any entry point, is documented; what
// their types are made of is exported too; links within comments lead somewhere.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, runTool } from "./tools.mjs";

/** @param {string} file @returns {any} */
function read(file) {
  return JSON.parse(readFileSync(join(root, file), "utf8"));
}

let good = true;
for (const folder of ["packages/wal", "packages/kv"]) {
  const exported = Object.values(read(`${folder}/package.json`).exports).map(({ types }) => types);
  const sources = exported
    .filter((types) => types !== undefined)
    .map((types) => types.replace(/^\.\/dist\/(.*)\.d\.ts$/, "src/$1.ts"));
  const { entryPoints } = read(`${folder}/typedoc.json`);
  if (String(sources.sort()) !== String(entryPoints.sort())) {
    console.error(`${folder}/typedoc.json has ${entryPoints}, and what is exported is ${sources}`);
    good = false;
  }
}
const checked = runTool("typedoc", ["--options", "reference/typedoc.json", "--emit", "none"]);
process.exitCode = good && checked ? 0 : 1;
