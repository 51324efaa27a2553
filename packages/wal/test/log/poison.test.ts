// Once the log is poisoned: what is under way stops, and nothing counts as durable any more.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FaultyFileSystem } from "./faulty-file-system.js";
import { appendEach, letGo, openLog, payloadOf, temporaryDirectory } from "./fixture.js";

describe("fault 43: a failed sync", () => {
  test("stops what the background was preparing: the manifest is replaced no more", async () => {
    const fileSystem = new FaultyFileSystem();
    const directory = temporaryDirectory();
    const log = await openLog(directory, { fileSystem });
    const gate = fileSystem.hold({ call: "create", file: /^00000002\.log\.new$/ });
    await appendEach(log, 30);
    await gate.reached;
    const manifest = readFileSync(join(directory, "MANIFEST"));
    fileSystem.fail({ call: "datasync", file: /^00000001\.log$/ }, "EIO", { times: 1 });
    await expect(log.append(payloadOf(30))).rejects.toMatchObject({ code: "LOG_FAILED" });
    gate.release();
    await letGo(log);
    expect(readFileSync(join(directory, "MANIFEST"))).toEqual(manifest);
  });

  test("that sealing was told of fails the commit that needs it, whose own sync succeeds", async () => {
    const fileSystem = new FaultyFileSystem();
    const log = await openLog(temporaryDirectory(), { fileSystem, durability: "os" });
    await appendEach(log, 50);
    const fault = fileSystem.fail({ call: "sync", file: /^00000001\.log$/ }, "EIO", { times: 1 });
    const outcome = log.append(payloadOf(50), { sync: true });
    await expect(outcome).rejects.toMatchObject({ code: "LOG_FAILED" });
    expect(log.stats().rotations).toBe(1);
    expect(fault.hits).toBe(1);
    expect(log.durableOffset).toBe(0);
  });
});
