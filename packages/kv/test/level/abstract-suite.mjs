// The suite that abstract-level has for its implementations, on databases below the directory given, as TAP on standard output.

import { TidemarkLevel } from "@tidemark/kv/level";
import suite from "abstract-level/test/index.js";
import test from "tape";

const directory = process.argv[2] ?? "";
let databases = 0;

/** Many small databases: segments of the least size, that is all. The suite says which other options there are. */
class SmallLevel extends TidemarkLevel {
  /**
   * @override
   * @param {import("@tidemark/kv/level").LevelOpenOptions} options
   */
  _open(options) {
    return super._open({ log: { segmentBytes: 64 * 1024 }, ...options });
  }
}

suite({
  test,
  factory: (options) => new SmallLevel(`${directory}/${databases++}`, options),
});
