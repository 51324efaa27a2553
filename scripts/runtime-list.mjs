// The runtimes that the tests run on, and what is known to differ on each: which tests tell, and what that means for
// a user. `npm run runtimes` fails where anything else differs, and where something here does not any more.

const { platform, arch } = process;
const system = platform === "win32" ? "win" : platform;
const libc = platform === "linux" ? "-glibc" : "";

/**
 * @typedef {object} Difference
 * @property {RegExp} tests the tests that fail: their file and full name
 * @property {string} says
 */

/**
 * @typedef {object} Runtime
 * @property {string} title
 * @property {string} package as npm has it for this machine
 * @property {string} version
 * @property {string} bin within the package
 * @property {string[]} args before the script to run
 * @property {string[]} tests folders of the suites; all, if there are none
 * @property {Difference[]} differences
 */

/** @param {string} version @returns {Runtime} */
function node(version) {
  return {
    title: `Node.js ${version}`,
    package: `node-${system}-${arch}`,
    version,
    bin: "bin/node",
    args: [],
    tests: [],
    differences: [],
  };
}

const SUITES = ["packages/wal/test", "packages/kv/test"];

/** @type {Record<string, Runtime>} */
export const runtimes = {
  // The oldest that `engines` allows.
  node20: node("20.15.0"),
  node22: node("22.23.3"),
  node24: node("24.21.0"),
  node26: node("26.10.0"),
  bun: {
    title: "Bun 1.4.5",
    package: `@oven/bun-${platform === "win32" ? "windows" : platform}-${arch === "arm64" ? "aarch64" : arch}`,
    version: "1.4.5",
    bin: "bin/bun",
    args: [],
    tests: SUITES,
    differences: [],
  },
  deno: {
    title: "Deno 2.9.6",
    package: `@deno/${platform}-${arch}${libc}`,
    version: "2.9.6",
    bin: "deno",
    args: ["run", "--allow-all"],
    tests: SUITES,
    differences: [],
  },
};
