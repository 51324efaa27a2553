// What an installation has put on the disk.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export interface InstalledPackage {
  readonly name: string;
  readonly folder: string;
  /** Install scripts that it would run, or have run for it because there is something to compile. */
  readonly scripts: readonly string[];
}

/** The packages under `project/node_modules`, each once, however the package manager lays them out. */
export function installedPackages(project: string): InstalledPackage[] {
  const folders = packagesIn(join(project, "node_modules"));
  return folders.map((folder) => {
    const { name, scripts = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const run = ["preinstall", "install", "postinstall"].filter((script) => script in scripts);
    const compiled = existsSync(join(folder, "binding.gyp")) ? ["node-gyp"] : [];
    return { name, folder, scripts: [...run, ...compiled] };
  });
}

/** Links lead to what is somewhere else under it. */
function packagesIn(modules: string): string[] {
  if (!existsSync(modules)) return [];
  const folders = readdirSync(modules, { withFileTypes: true }).filter((e) => e.isDirectory());
  return folders.flatMap(({ name }) => {
    const folder = join(modules, name);
    if (existsSync(join(folder, "package.json"))) {
      return [folder, ...packagesIn(join(folder, "node_modules"))];
    }
    // A scope, or what pnpm has between.
    return packagesIn(folder);
  });
}

/** All files of a package, with paths relative to its folder. */
export function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return entries.filter(
    (name) => !name.startsWith("node_modules") && statSync(join(folder, name)).isFile(),
  );
}

/** Bytes in all files of a package. */
export function bytesIn(folder: string): number {
  return filesIn(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
