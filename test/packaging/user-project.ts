// Projects of users: empty directories outside the workspace, in which the packages are installed from their tarballs,
// and the rest from the registry, with caches of their own and without install scripts.

import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pnpmVersion, root } from "../../scripts/tools.mjs";

export type PackageManager = "npm" | "pnpm";

export interface Ended {
  /** Exit code; the signal's name if one ended it. */
  readonly exit: number | string;
  readonly output: string;
  readonly errors: string;
}

/** The packages' short names, which are those of their folders. */
export const PACKAGES = ["wal", "kv"] as const;

const programs = fileURLToPath(new URL("programs", import.meta.url));

/** Everything that packing and installing leaves behind is in here. */
export function makeWorkplace(): string {
  return mkdtempSync(join(realpathSync(tmpdir()), "tidemark-packaging-"));
}

/** Runs a program to its end, whatever that is. */
export async function run(program: string, args: string[], cwd: string): Promise<Ended> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, { cwd });
    return { exit: 0, output: stdout, errors: stderr };
  } catch (error) {
    if (!isFailedChild(error)) throw error;
    const { code, signal, stdout, stderr } = error;
    return { exit: signal ?? code, output: stdout, errors: stderr };
  }
}

interface FailedChild extends Error {
  readonly code: number;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function isFailedChild(error: unknown): error is FailedChild {
  return error instanceof Error && "stdout" in error && "code" in error;
}

async function succeed(program: string, args: string[], cwd: string): Promise<void> {
  const { exit, output, errors } = await run(program, args, cwd);
  if (exit !== 0) throw new Error(`${program} ${args.join(" ")}: ${exit}\n${output}${errors}`);
}

function callOf(manager: PackageManager): [program: string, args: string[]] {
  return manager === "npm" ? ["npm", []] : ["npx", ["--yes", `pnpm@${pnpmVersion}`]];
}

/** The tarballs of all packages, by short name, made as one publishes them with this package manager. */
export async function pack(
  manager: PackageManager,
  workplace: string,
): Promise<Record<string, string>> {
  const destination = join(workplace, `${manager}-tarballs`);
  mkdirSync(destination);
  const [program, args] = callOf(manager);
  // The build is there already, and another one beside it would disturb the tests that run from it.
  const how = ["pack", "--pack-destination", destination, "--ignore-scripts"];
  if (manager === "pnpm") how[3] = "--config.ignore-scripts=true";
  for (const name of PACKAGES) {
    await succeed(program, [...args, ...how], join(root, "packages", name));
  }
  const tarballs = readdirSync(destination);
  return Object.fromEntries(
    PACKAGES.map((name) => {
      const tarball = tarballs.find((file) => file.startsWith(`tidemark-${name}-`));
      if (tarball === undefined) throw new Error(`no tarball of ${name} among ${tarballs}`);
      return [name, join(destination, tarball)];
    }),
  );
}

/** A new project with both packages, and the programs of this folder in it. */
export async function install(
  manager: PackageManager,
  tarballs: Record<string, string>,
  workplace: string,
): Promise<string> {
  const project = join(workplace, `${manager}-project`);
  cpSync(programs, project, { recursive: true });
  const files = Object.entries(tarballs).map(([name, tarball]) => [
    `@tidemark/${name}`,
    `file:../${manager}-tarballs/${basename(tarball)}`,
  ]);
  const dependencies = Object.fromEntries(files);
  const manifest = { name: "somebodys-project", private: true, type: "module", dependencies };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
  // kv asks for a version of wal, which pnpm would look for in the registry.
  const overrides = JSON.stringify({ overrides: dependencies });
  if (manager === "pnpm") writeFileSync(join(project, "pnpm-workspace.yaml"), overrides);
  const [program, args] = callOf(manager);
  const caches = {
    npm: ["--cache", join(workplace, "npm-cache"), "--no-audit", "--no-fund"],
    pnpm: [
      `--store-dir=${join(workplace, "pnpm-store")}`,
      `--config.cache-dir=${join(workplace, "pnpm-cache")}`,
    ],
  };
  await succeed(program, [...args, "install", "--ignore-scripts", ...caches[manager]], project);
  return project;
}
