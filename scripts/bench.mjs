// `npm run bench`: sets up, installs what is measured against, then measures.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setUp } from "./setup.mjs";
import { pnpmVersion, root, runPnpm, runTool } from "./tools.mjs";

const folder = join(root, "bench");
const stampFile = join(folder, "node_modules/.tidemark-install");

/** Changes whenever an install could have another outcome. */
function fingerprint() {
  const hash = createHash("sha256");
  // better-sqlite3 is compiled for one version of Node.js.
  hash.update(`${pnpmVersion} ${process.platform} ${process.arch} ${process.versions.modules}\n`);
  for (const name of ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"]) {
    hash.update(`${name}\n`).update(readFileSync(join(folder, name)));
  }
  return hash.digest("hex");
}

/** True if the peers are in place; takes minutes where better-sqlite3 has to be compiled. */
function installPeers() {
  const wanted = fingerprint();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) return true;
  console.log("installing what is measured against …");
  if (!runPnpm(["--dir", "bench", "install", "--frozen-lockfile"])) return false;
  writeFileSync(stampFile, wanted);
  return true;
}

if (setUp() && installPeers() && runTool("tsc", ["-b", "bench"])) {
  // The terminal sends Ctrl-C to the child as well; this process stays to report how it ended.
  process.on("SIGINT", () => undefined);
  const program = join(folder, "dist/main.js");
  const child = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: "inherit" });
  child.on("exit", (code) => {
    process.exitCode = code ?? 1;
  });
} else {
  process.exitCode = 1;
}
