// The same program on Node's file system and on the simulated disk asks for the same, in the same order: what is
// tested on the one holds for the other.

import { lstatSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { broken, lanesOf } from "./order.js";
import { SimulatedStage } from "./simulated-calls.js";
import { trace, whyNoTrace } from "./syscalls.js";
import { acts } from "./workload.mjs";

const WORKLOAD = fileURLToPath(new URL("workload.mjs", import.meta.url));
const untraceable = whyNoTrace();
if (untraceable !== undefined) console.info(`fidelity is not tested here: ${untraceable}`);

/** Without what differs from one run to the next: the text of a lock, a name made up by a restore. */
function comparable(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line.replace(/(\/LOCK) \d+/, "$1").replace(/\.[a-z]+-[0-9a-f]{8}(?=[/ ]|$)/g, ".unfinished"),
  );
}

/** Names and sizes of all files. */
function filesOn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => lstatSync(path).isFile())
    .map((path) => (path.endsWith("/LOCK") ? path : `${path} ${lstatSync(path).size}`))
    .sort();
}

function filesOnDisk({ disk }: SimulatedStage): string[] {
  return disk
    .paths()
    .map((path) => (path.endsWith("/LOCK") ? path : `${path} ${disk.bytesOf(path).length}`))
    .sort();
}

describe.skipIf(untraceable !== undefined)("Node's file system and the simulated disk", () => {
  test("see the same calls in the same order, and end with the same files", {
    timeout: 300_000,
  }, async () => {
    const parent = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-fidelity-"));
    onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
    const [directory, output] = [join(parent, "it"), join(parent, "trace")];
    const stage = new SimulatedStage();
    await stage.prepare(parent);
    for (const act of Object.keys(acts)) {
      const real = comparable(trace([WORKLOAD, act, directory], directory, output));
      const simulated = comparable(await stage.play(act, directory));
      expect(real.length, act).toBeGreaterThan(20);
      const [realLanes, simulatedLanes] = [lanesOf(real), lanesOf(simulated)];
      expect(realLanes.commits, act).toEqual(simulatedLanes.commits);
      expect(realLanes.structure, act).toEqual(simulatedLanes.structure);
      expect(filesOn(directory), act).toEqual(filesOnDisk(stage));
      if (act === "loosen") continue;
      expect(broken(real), act).toEqual([]);
      expect(broken(simulated), act).toEqual([]);
    }
  });
});
