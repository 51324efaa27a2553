// `npm start`: sets up, then runs the flights example with the arguments given.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { setUp } from "./setup.mjs";
import { root } from "./tools.mjs";

const example = join(root, "examples/dist/flights/main.js");

if (setUp()) {
  // The terminal sends Ctrl-C to the child as well; this process stays to report how it ended.
  process.on("SIGINT", () => undefined);
  const child = spawn(process.execPath, [example, ...process.argv.slice(2)], { stdio: "inherit" });
  child.on("exit", (code) => {
    process.exitCode = code ?? 1;
  });
} else {
  process.exitCode = 1;
}
