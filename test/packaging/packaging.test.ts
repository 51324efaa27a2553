// The packages as their users get them: packed, and installed in an empty project from the registry.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseAst } from "rolldown/parseAst";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/tools.mjs";
import { bundleOf } from "./bundle.js";
import { bytesIn, filesIn, installedPackages } from "./installed.js";
import {
  install,
  makeWorkplace,
  PACKAGES,
  type PackageManager,
  pack,
  run,
} from "./user-project.js";

const PACKAGE_COUNT_MAX = 15;
const BYTES_MAX = 6_000_000;
const MANAGERS: PackageManager[] = ["npm", "pnpm"];
const EMBEDDING_OUTPUT = "now:  { apples: 3, pears: 8 }\nthen: { apples: 5 }\n";

const embedding = readFileSync(join(root, "examples/dist/embedding/main.js"), "utf8");
const workplace = makeWorkplace();
const tarballs = new Map<PackageManager, Record<string, string>>();
const projects = new Map<PackageManager, string>();

beforeAll(async () => {
  for (const manager of MANAGERS) {
    const packed = await pack(manager, workplace);
    tarballs.set(manager, packed);
    projects.set(manager, await install(manager, packed, workplace));
  }
}, 300_000);

afterAll(() => rmSync(workplace, { recursive: true, force: true }));

function projectOf(manager: PackageManager): string {
  return projects.get(manager) ?? "";
}

/** Runs a program of the project with this Node.js. */
function runIn(manager: PackageManager, program: string) {
  return run(process.execPath, [program], projectOf(manager));
}

describe.each(MANAGERS)("installed with %s, without install scripts", (manager) => {
  test(`it is at most ${PACKAGE_COUNT_MAX} packages and ${BYTES_MAX / 1e6} MB, with nothing to compile`, () => {
    const installed = installedPackages(projectOf(manager));
    expect(installed.map(({ name }) => name)).toContain("@tidemark/kv");
    expect(installed.map(({ name }) => name)).toContain("fs-native-extensions");
    expect(installed.length).toBeLessThanOrEqual(PACKAGE_COUNT_MAX);
    const bytes = installed.reduce((sum, { folder }) => sum + bytesIn(folder), 0);
    console.log(`${manager}: ${installed.length} packages, ${(bytes / 1e6).toFixed(2)} MB`);
    expect(bytes).toBeLessThanOrEqual(BYTES_MAX);
    expect(installed.filter(({ scripts }) => scripts.length > 0)).toEqual([]);
  });

  test("the smallest embedding works", async () => {
    writeFileSync(join(projectOf(manager), "embedding.js"), embedding);
    const ended = await runIn(manager, "embedding.js");
    expect(ended).toEqual({ exit: 0, output: EMBEDDING_OUTPUT, errors: "" });
  });

  test("the command line is there", async () => {
    const bin = join(projectOf(manager), "node_modules/.bin/tidemark");
    const { exit, output } = await run(bin, ["--help"], projectOf(manager));
    expect(exit).toBe(0);
    expect(output).toMatch(/^Usage: tidemark /);
  });

  test("the kernel's lock is there", async () => {
    const ended = await runIn(manager, "lock.mjs");
    expect(ended).toEqual({ exit: 0, output: "locked\n", errors: "" });
  });

  test("threads find their files, also those of a database that is open in a worker", async () => {
    const { exit, output, errors } = await runIn(manager, "threads.mjs");
    expect({ exit, errors }).toEqual({ exit: 0, errors: "" });
    // One commits, one makes the checkpoint.
    const both = { entries: 200, threads: 2, failures: [] };
    expect(JSON.parse(output)).toEqual({ here: both, inWorker: both });
  });
});

describe.each(PACKAGES)("%s as packed", (name) => {
  const folder = () => join(projectOf("npm"), "node_modules/@tidemark", name);
  const manifest = () => JSON.parse(readFileSync(join(folder(), "package.json"), "utf8"));

  test("has nothing that publint warns of", async () => {
    const publint = join(root, "test/node_modules/publint/src/cli.js");
    for (const manager of MANAGERS) {
      const args = [publint, "run", tarballs.get(manager)?.[name] ?? "", "--strict"];
      const { exit, output } = await run(process.execPath, args, workplace);
      expect(output).toContain("All good!");
      expect(exit).toBe(0);
    }
  });

  // It leaves out what no package of ES modules alone has: the resolution of Node.js 10, and `require` before 20.19.
  test("has the types that it says, in every entry point", async () => {
    const attw = join(root, "test/node_modules/@arethetypeswrong/cli/dist/index.js");
    const args = [attw, tarballs.get("npm")?.[name] ?? "", "--profile", "esm-only", "-f", "json"];
    const { exit, output } = await run(process.execPath, args, workplace);
    expect(exit).toBe(0);
    const { analysis } = JSON.parse(output);
    expect(Object.keys(analysis.entrypoints)).toEqual(Object.keys(manifest().exports));
  });

  test("is the same whoever packs it, with its license, its README and no build files", () => {
    const files = filesIn(folder()).sort();
    const others = installedPackages(projectOf("pnpm")).find((p) => p.name === `@tidemark/${name}`);
    expect(filesIn(others?.folder ?? "").sort()).toEqual(files);
    expect(files).toContain("README.md");
    const license = readFileSync(join(folder(), "LICENSE"), "utf8");
    expect(license).toBe(readFileSync(join(root, "LICENSE"), "utf8"));
    expect(files.filter((file) => !/^(dist|src)\//.test(file))).toHaveLength(3);
    expect(files.filter((file) => !/\.(js|ts|map|json|md)$|^LICENSE$/.test(file))).toEqual([]);
    const { dependencies } = manifest();
    expect(Object.values(dependencies).filter((range) => !/^[\^~]?\d/.test(`${range}`))).toEqual(
      [],
    );
  });

  test("has its sources, to which its source maps lead", () => {
    const files = filesIn(folder());
    const maps = files.filter((file) => file.endsWith(".map"));
    expect(maps.length).toBeGreaterThan(10);
    for (const map of maps) {
      const { sources } = JSON.parse(readFileSync(join(folder(), map), "utf8"));
      const paths: string[] = sources.map((source: string) => join(dirname(map), source));
      expect(paths.length).toBeGreaterThan(0);
      for (const path of paths) expect(files).toContain(path);
    }
  });

  test("does at import only what `sideEffects` says", () => {
    const acting = filesIn(join(folder(), "dist"))
      .filter((file) => file.endsWith(".js") && actsAtImport(join(folder(), "dist", file)))
      .map((file) => `./dist/${file}`);
    expect(acting.sort()).toEqual(manifest().sideEffects.sort());
  });

  test("leaves nothing in a bundle that uses nothing of it", async () => {
    const imports = Object.keys(manifest().exports)
      .filter((entry) => entry !== "./package.json")
      .map((entry) => `import "@tidemark/${name}${entry.slice(1)}";`);
    expect(imports.length).toBeGreaterThan(0);
    const code = await bundleOf(imports.join("\n"), projectOf("npm"));
    expect(code.replace(/^\/\/.*$/gm, "").trim()).toBe("export {};");
  });
});

/** Whether a statement of the module itself is neither a declaration nor an assignment to something of its own. */
function actsAtImport(file: string): boolean {
  const { body } = parseAst(readFileSync(file, "utf8"));
  return body.some((statement) => {
    if (statement.type !== "ExpressionStatement") return !/Declaration$/.test(statement.type);
    const { expression } = statement;
    return expression.type !== "AssignmentExpression" || expression.left.type !== "Identifier";
  });
}

test("bundled into one file, with nothing else beside it, a database works on the main thread", async () => {
  const alone = join(workplace, "bundled");
  mkdirSync(alone);
  const project = projectOf("npm");
  const programs = { embedding, threads: readFileSync(join(project, "threads.mjs"), "utf8") };
  for (const [name, program] of Object.entries(programs)) {
    const code = await bundleOf(program, project);
    expect(code).not.toMatch(/\bfrom "@tidemark/);
    writeFileSync(join(alone, `${name}.mjs`), code);
  }
  const shown = await run(process.execPath, ["embedding.mjs"], alone);
  expect(shown).toEqual({ exit: 0, output: EMBEDDING_OUTPUT, errors: "" });
  const { exit, output, errors } = await run(process.execPath, ["threads.mjs"], alone);
  expect({ exit, errors }).toEqual({ exit: 0, errors: "" });
  const { here, inWorker } = JSON.parse(output);
  expect([here.entries, here.failures.length]).toEqual([200, 2]);
  expect([inWorker.entries, inWorker.failures.length]).toEqual([200, 2]);
});

test("`require` gives it where Node.js can, and says what to do where it cannot", async () => {
  const { exit, output, errors } = await runIn("npm", "required.cjs");
  // Without a flag since 20.19 and 22.12. Some of them warn that it is experimental.
  if (process.features.require_module) expect(output).toBe("function function\n");
  else expect(output).toMatch(/^ERR_REQUIRE_ESM .*\n?.*dynamic import\(\)/);
  expect({ exit, errors: errors.replace(/^.*ExperimentalWarning: .*\n.*\n/, "") }).toEqual({
    exit: 0,
    errors: "",
  });
});

test.each([
  ["nodenext", "nodenext", ["typed.ts", "typed-commonjs.cts"]],
  ["esnext", "bundler", ["typed.ts"]],
])(
  "its types serve `module: %s` with `moduleResolution: %s`",
  async (module, moduleResolution, files) => {
    const compilerOptions = {
      module,
      moduleResolution,
      target: "es2022",
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      typeRoots: [join(root, "node_modules/@types")],
      types: ["node"],
    };
    const project = projectOf("npm");
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const ended = await run(process.execPath, [tsc, "-p", "."], project);
    expect(ended).toEqual({ exit: 0, output: "", errors: "" });
  },
);
