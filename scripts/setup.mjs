// Everything between a fresh clone and something that runs; quick when it is all there.

import { pathToFileURL } from "node:url";
import { build } from "./build.mjs";
import { install } from "./install.mjs";
import { buildMapping } from "./mapping.mjs";

export function setUp() {
  return install() && buildMapping() && build("tsconfig.build.json");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = setUp() ? 0 : 1;
}
