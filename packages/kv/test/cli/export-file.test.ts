// The file of an export on the simulated disk: what crashes and calls that fail leave under its name, and of what is unfinished.

import { type FaultManner, SimulatedDisk } from "@tidemark/wal/testing";
import { describe, expect, test } from "vitest";
import { ExportFile } from "../../dist/cli/export-file.js";
import { endLine, entryLine, headLine } from "../../dist/cli/export-format.js";

const PATH = "/out/ledger.jsonl";
const UNFINISHED = `${PATH}.unfinished`;
const LINES = [
  headLine({ keys: "string", logId: "00112233445566778899aabbccddeeff", offset: 41, time: 7 }),
  ...["cellar", "kitchen"].map((key) =>
    entryLine({ key, value: "x".repeat(400), expiry: undefined }),
  ),
  endLine(2),
];
const WHOLE = LINES.join("");

/** A disk with a directory to export to, and what was there before, if anything. */
async function diskWith(before: string | undefined): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await disk.makeDirectory("/out");
  await disk.syncDirectory("/");
  if (before !== undefined) {
    const file = await disk.create(PATH);
    file.writeSync(Buffer.from(before), 0);
    await file.sync();
    await file.close();
    await disk.syncDirectory("/out");
  }
  return disk;
}

/** Writes lines from the given one on, and publishes. */
async function finish(file: ExportFile, from: number): Promise<void> {
  for (const line of LINES.slice(from)) await file.write(line);
  await file.publish();
}

function textOf(disk: SimulatedDisk, path: string): string | undefined {
  return disk.paths().includes(path) ? Buffer.from(disk.bytesOf(path)).toString() : undefined;
}

/** What is under the name in every state that a crash can leave. */
function afterCrashes(disk: SimulatedDisk): (string | undefined)[] {
  const left = (["P0", "P2", "P3"] as const).flatMap((profile) => [...disk.crashStates(profile)]);
  return left.map((state) => textOf(state.disk, PATH));
}

test.each([undefined, "an older export"])(
  "a crash at any call leaves what was there (%s) or the whole, and the whole once it is published",
  async (before) => {
    const disk = await diskWith(before);
    let looks = 0;
    const unwatch = disk.watch({
      before() {
        looks += 1;
        for (const text of afterCrashes(disk)) expect([before, WHOLE]).toContain(text);
      },
    });
    await finish(await ExportFile.create(disk, PATH, true), 0);
    unwatch();
    expect(looks).toBeGreaterThan(4);
    expect(new Set(afterCrashes(disk))).toEqual(new Set([WHOLE]));
  },
);

describe("a sync that fails", () => {
  test.each<FaultManner>(["keeps", "reverts"])(
    "(%s) leaves nothing to go on with, since a later one would not tell of what is lost",
    async (manner) => {
      const disk = await diskWith(undefined);
      disk.fail({ call: "sync", times: 1, manner });
      const file = await ExportFile.create(disk, PATH, false);
      const failure = await finish(file, 0).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "EIO" });
      expect(await file.leave(failure)).toBeUndefined();
      expect(await ExportFile.resume(disk, PATH, false)).toBeUndefined();
    },
  );
});

test("a directory's sync that fails takes the name back, and the rest can be done again", async () => {
  const disk = await diskWith(undefined);
  disk.fail({ call: "syncDirectory", times: 1 });
  const file = await ExportFile.create(disk, PATH, false);
  const failure = await finish(file, 0).catch((error: unknown) => error);
  expect(await file.leave(failure)).toBe(UNFINISHED);
  expect(textOf(disk, PATH)).toBeUndefined();
  const resumed = await ExportFile.resume(disk, PATH, false);
  expect(resumed?.begun).toMatchObject({ last: "kitchen", entries: 2 });
  await finish(resumed?.file ?? expect.unreachable(), 3);
  expect(new Set(afterCrashes(disk))).toEqual(new Set([WHOLE]));
});
