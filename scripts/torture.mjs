// `npm run torture`: sets up, then tortures the log and the database with the arguments given: see
// test/torture/run.ts.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "./build.mjs";
import { install } from "./install.mjs";
import { buildMapping } from "./mapping.mjs";
import { root } from "./tools.mjs";

if (install() && buildMapping() && build("tsconfig.json")) {
  await import(pathToFileURL(join(root, "test/torture/dist/test/torture/run.js")).href);
} else {
  process.exitCode = 1;
}
