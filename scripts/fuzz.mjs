// `npm run fuzz`: sets up, then gives changed files and structures to everything that reads them. The arguments
// are those of test/fuzz/src/run.ts.

import { build } from "./build.mjs";
import { install } from "./install.mjs";
import { runNode } from "./tools.mjs";

const ready = install() && build("tsconfig.json");
process.exitCode = ready && runNode("test/fuzz/dist/run.js", process.argv.slice(2)) ? 0 : 1;
