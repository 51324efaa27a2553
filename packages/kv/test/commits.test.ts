// What building commits keeps in memory.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { stringKeys } from "../src/arguments/keys.js";
import { Present } from "../src/state/present.js";
import { State } from "../src/state/state.js";
import { Commits } from "../src/writing/commits.js";
import { ScriptedLog } from "./scripted-log.js";

setFlagsFromString("--expose-gc");
// Bun has no V8 to set flags of.
const collect: () => void = Reflect.get(globalThis, "Bun")?.gc ?? runInNewContext("gc");

const LARGE = 64 << 20;

/** Bytes of all buffers, those that nothing refers to left out as soon as the engine has noticed. */
function bufferBytes(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

test("a large commit leaves its value behind, and nothing once that is replaced", async () => {
  const log = new ScriptedLog();
  const present = new Present(new State(), log, 0);
  const commits = new Commits<string, string>(
    { state: present.state, keys: stringKeys, clock: () => 0 },
    present,
  );
  const put = async (value: string) => {
    const commit = commits.put("a", value, undefined);
    log.acknowledge(1);
    await commit;
  };
  const before = bufferBytes();
  await put("x".repeat(LARGE));
  await expect.poll(() => bufferBytes() - before).toBeLessThan(1.5 * LARGE);
  await put("y");
  await expect.poll(() => bufferBytes() - before).toBeLessThan(0.5 * LARGE);
  expect(present.endOffset).toBe(2);
});
