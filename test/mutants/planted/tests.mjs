// Where the tests are that the lists name.

/** @param {string} folder */
function testsIn(folder) {
  /**
   * @param {string} name of the file, without `.test.ts`
   * @param {string[]} titles
   * @returns {import("../list.mjs").Tests}
   */
  return (name, ...titles) => ({ file: `${folder}/${name}.test.ts`, titles });
}

export const codecs = testsIn("packages/wal/test/codecs");
export const crash = testsIn("packages/wal/test/crash");
export const fileSystem = testsIn("packages/wal/test/file-system");
export const log = testsIn("packages/wal/test/log");
export const kv = testsIn("packages/kv/test");
export const fidelity = testsIn("test/fidelity")("fidelity");

/**
 * Fuzzing of one target.
 *
 * @param {string} target
 * @returns {import("../list.mjs").Tests}
 */
export function fuzz(target) {
  const tests = testsIn("test/fuzz")("fuzz", "whatever is decoded");
  return { ...tests, env: { FUZZ_ONLY: target } };
}
