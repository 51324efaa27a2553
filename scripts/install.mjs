// Installs what the lockfile names, unless that was done already.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pnpmVersion, root, runPnpm } from "./tools.mjs";

// Inside node_modules, so that removing that folder forgets it too.
const stampFile = join(root, "node_modules/.tidemark-install");

/** The workspace's folders that have a package.json, the root's own first. */
function importers() {
  const packages = readdirSync(join(root, "packages")).map((name) => `packages/${name}`);
  return [".", ...packages, "examples", "reference", "test"].filter((folder) =>
    existsSync(join(root, folder, "package.json")),
  );
}

/** Changes whenever an install could have another outcome. */
function fingerprint() {
  const hash = createHash("sha256");
  hash.update(`${pnpmVersion} ${process.platform} ${process.arch}\n`);
  const manifests = importers().map((folder) => join(folder, "package.json"));
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", ...manifests]) {
    hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}

function isCurrent() {
  return (
    existsSync(stampFile) &&
    readFileSync(stampFile, "utf8") === fingerprint() &&
    importers().every((folder) => existsSync(join(root, folder, "node_modules")))
  );
}

/** Takes a second or less when nothing changed. True if everything is in place afterwards. */
export function install() {
  if (isCurrent()) return true;
  if (!runPnpm(["install", "--frozen-lockfile"])) return false;
  writeFileSync(stampFile, fingerprint());
  return true;
}
