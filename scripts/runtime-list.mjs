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
 * @property {string} [without] a file of tests that is left out, since it would never end
 * @property {number} [timeoutMs] for one test; without it, what vitest.config.ts says
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

/**
 * Where the lock is by text. What these tests ask of the kernel's lock, nobody can promise there: that it goes with the process in
 * the midst of being taken or released, or with a copy's name; and the text itself is synced, which some of them count.
 *
 * @type {Difference}
 */
const LOCK_BY_TEXT = {
  tests: new RegExp(
    [
      "file-system/node-file-system.test.ts: an open file the kernel's lock is",
      "file-system/lock.test.ts: lock by kernel",
      "log/environment.test.ts: fault 41: no space while opening",
      "log/environment.test.ts: fault 45: a close that fails at 'write' of /\\^LOCK",
      "log/opening.test.ts: a copied log at rest",
      "log/concurrency.test.ts: acknowledgement of all that gathers",
      "log/concurrency.test.ts: acknowledgement with os",
      "log/model.test.ts: the log does what its model does",
      "log/kills.test.ts: fault 3[08]",
      "log/hostile.test.ts: fault 54: .* a lock or an index of the size",
      "log/repair.test.ts: fault 39: a repair that is cut off",
      "kv/test/opening.test.ts: a directory that many want",
      "kv/test/opening.test.ts: creation that",
      "kv/test/checkpoint.test.ts: faults 34 to 36: a crash during",
      "kv/test/repair.test.ts: a repair that fails at any call",
    ].join("|"),
  ),
  says: "The lock is by its text, not the kernel's (the addon would end the process): an opener that is killed while it takes the lock leaves `LOCK.claim`, to be removed by hand, as the error says",
};

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
    differences: [
      LOCK_BY_TEXT,
      {
        tests: /checkpoint-thread.test.ts: .* is made on another thread/,
        says: "Limits on the memory of threads have no effect",
      },
      {
        // The second one by chance.
        tests:
          /values.test.ts: .* (errors keep|any value reads)|value-notation.test.ts: .* errors$/,
        says: "A stored `Error` keeps the properties `line` and `column` that Bun gives it; and Bun's own comparison takes equal Maps for different where two of their keys look alike",
      },
      {
        tests: /committer.test.ts: the thread runs nothing that the program was told to run first/,
        says: "`--import` takes no `data:` module, so that preloaded modules stay out of threads is not tested",
      },
    ],
  },
  deno: {
    title: "Deno 2.9.6",
    package: `@deno/${platform}-${arch}${libc}`,
    version: "2.9.6",
    bin: "deno",
    args: ["run", "--allow-all"],
    tests: SUITES,
    // It waits for the commit thread, which there is none of.
    without: "packages/wal/test/file-system/committer.test.ts",
    timeoutMs: 60_000,
    differences: [
      LOCK_BY_TEXT,
      {
        tests: /checkpoint-thread.test.ts: .* that fails there says so/,
        says: "`unlink` removes an empty directory too, where it has the name of a file of the database",
      },
      {
        tests: /checkpoint-thread.test.ts: .* killed \(at moment online\)/,
        says: "A thread is said to be online only once it has done much, so that killing it then is not tested",
      },
      {
        tests:
          /mapping.test.ts: without addons|backup.test.ts: what a killed process leaves|(export-import.test.ts: a closed pipe|an output that takes nothing)/,
        says: "`--eval` takes no module, and what a shell starts is not told to run its script, so that what four tests start so is not tested",
      },
      {
        tests: /cli\/.*(Ctrl-C|cut off anywhere)/,
        says: "Of a child that was sent a signal it is said that the signal ended it, whatever it ended with, so that what the command line ends with after Ctrl-C is not tested",
      },
      {
        tests: /node-file-system.test.ts: an open file fault 42: a short write/,
        says: "A write for which the disk has room in part only is an error (`ENOSPC`), not a shorter one",
      },
      {
        tests:
          /lock.test.ts: .* fault 51: a second opener in a worker|program.test.ts: colours in a/,
        says: "Two tests do not end: a second opener in a worker thread, and the command line in a terminal",
      },
    ],
  },
};
