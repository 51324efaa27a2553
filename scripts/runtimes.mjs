// `npm run runtimes`: sets up, then runs the tests on each of the runtimes of runtime-list.mjs.
//   npm run runtimes -- --only node26 --only bun     these alone
//   npm run runtimes -- --short                      as in CI: without exploring crashes and fuzzing
//   npm run runtimes -- --only deno keyv             only the files whose path has this in it

import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { install } from "./install.mjs";
import { buildMapping } from "./mapping.mjs";
import { runtimes } from "./runtime-list.mjs";
import { testOn } from "./runtime-suite.mjs";

const { values, positionals } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: Object.keys(runtimes) },
    short: { type: "boolean", default: false },
  },
  allowPositionals: true,
});

if (install() && buildMapping() && build("tsconfig.json")) {
  /** @type {string[]} */
  const lines = [];
  for (const name of values.only) {
    const start = performance.now();
    const { passed, skipped, differing, wrong } = testOn(name, {
      short: values.short,
      filters: positionals,
    });
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    const counts = `${passed} passed, ${skipped} skipped, ${differing.length} differing, ${wrong.length} wrong`;
    lines.push(`${runtimes[name]?.title}: ${counts} (${seconds} s)`);
    for (const one of wrong) lines.push(`  wrong: ${one}`);
    if (wrong.length > 0) process.exitCode = 1;
  }
  console.log(lines.join("\n"));
} else {
  process.exitCode = 1;
}
