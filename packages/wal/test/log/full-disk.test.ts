// A truncation of the start on a full disk takes two attempts at the manifest; the log goes on between them.

import { expect, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import {
  appendEach,
  expectNumbered,
  killImage,
  openKillable,
  openLog,
  temporaryDirectory,
} from "./fixture.js";
import { manifestOf } from "./store-bytes.js";

test("a rotation between the two attempts is in the manifest that stands in the end", async () => {
  const directory = temporaryDirectory();
  const fileSystem = new FaultyFileSystem();
  const log = await openKillable(directory, { fileSystem });
  await appendEach(log, 130);
  while (manifestOf(directory).segments.at(-1)?.state !== "prepared") {
    await appendEach(log, 1);
    await log.truncateBefore(0);
  }
  // The room is being made when the prepared segment gets records.
  fileSystem.fail({ call: "write", file: /^MANIFEST/ }, "ENOSPC", { times: 1 });
  const gate = fileSystem.hold({ call: "unlink", file: /^SPARE$/ });
  const truncated = log.truncateBefore(60);
  await gate.reached;
  const { rotations } = log.stats();
  while (log.stats().rotations === rotations) await appendEach(log, 1);
  // What is sealed behind it would write the right manifest soon: the kill comes before.
  const held = fileSystem.hold({ call: "truncate" });
  gate.release();
  await truncated;
  const { startOffset, endOffset } = log;
  expect(startOffset).toBeGreaterThan(0);
  const image = await killImage(log);
  held.release();
  const again = await openLog(image);
  expectNumbered(again, startOffset, endOffset);
});
