// Every command that docs/cli.md shows is run, and prints what stands there. TIDEMARK_WRITE_DOCS=1 writes that anew.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Database } from "@tidemark/kv";
import { expect, test } from "vitest";
import { flip, positionOf, store } from "../damaged.js";
import { temporaryDirectory } from "../fixture.js";
import { tidemark } from "./tidemark.js";

const DOCUMENT = fileURLToPath(new URL("../../../../docs/cli.md", import.meta.url));
const START = Date.UTC(2026, 0, 31, 9, 0);

/** A clock that a commit moves on by a minute. */
function minutes() {
  let now = START - 60_000;
  return {
    clock: () => now,
    pass: () => {
      now += 60_000;
    },
  };
}

async function makeLedger(directory: string): Promise<void> {
  const { clock, pass } = minutes();
  const database = await Database.open(directory, { log: { clock } });
  const writes = [
    () => database.put("balance", 100),
    () => database.put("user:1", { name: "Ann", since: new Date(START) }),
    () => database.mark("before-migration"),
    () => database.put("balance", -900),
    () =>
      database.batch([
        { type: "del", key: "user:1" },
        { type: "put", key: "user:2", value: 1n },
      ]),
  ];
  for (const write of writes) {
    pass();
    await write();
  }
  await database.close();
}

/** Three segments, and a flipped bit in the first. */
async function makeDamaged(directory: string): Promise<void> {
  const { clock, pass } = minutes();
  const log = { clock, segmentBytes: 4096, noteAfterMs: 0 };
  const database = await Database.open(directory, { log });
  for (let i = 0; i < 9; i++) {
    pass();
    await database.put(`key ${i}`, "v".repeat(900));
  }
  await database.close();
  const path = store(directory, 0);
  flip(path, positionOf(path, "key 1") + 100);
}

/** Without what is another each time. */
function settled(text: string, directory: string): string {
  return text
    .replaceAll(directory, "/srv")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<id>")
    .replace(/\b\d+(\.\d+)? m?s\b/g, "<duration>")
    .replace(/"v{50,}"/g, '"vvv…"');
}

test("docs/cli.md shows what its commands print", async () => {
  const directory = join(temporaryDirectory(), "srv");
  mkdirSync(directory);
  await makeLedger(join(directory, "ledger"));
  await makeDamaged(join(directory, "damaged"));
  const before = readFileSync(DOCUMENT, "utf8");
  const parts = before.split(/(^```console\n[\s\S]*?^```$)/m);
  for (const [index, part] of parts.entries()) {
    if (!part.startsWith("```console")) continue;
    const shown: string[] = [];
    for (const [, command = ""] of part.matchAll(/^\$ (.*)$/gm)) {
      const [name, ...args] = command.split(" ");
      expect(name).toBe("tidemark");
      const { stdout, stderr, code } = await tidemark(args, { directory });
      expect([0, 1, 3]).toContain(code);
      shown.push(`$ ${command}\n${settled(stdout + stderr, directory)}`);
    }
    parts[index] = `\`\`\`console\n${shown.join("")}\`\`\``;
  }
  const after = parts.join("");
  if (process.env["TIDEMARK_WRITE_DOCS"] === "1") {
    writeFileSync(`${DOCUMENT}.new`, after);
    renameSync(`${DOCUMENT}.new`, DOCUMENT);
  }
  expect(before).toContain("$ tidemark verify damaged\n");
  expect(after).toBe(readFileSync(DOCUMENT, "utf8"));
});
