// What docs/observability.md lists is what there is: fields of stats, channels, and the fields of their messages.

import { readFileSync } from "node:fs";
import { Database, databaseChannels } from "@tidemark/kv";
import { logChannels } from "@tidemark/wal";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../examples/running.js";

const text = readFileSync(new URL("../../docs/observability.md", import.meta.url), "utf8");
const rows = text
  .split("\n")
  .flatMap((line) => /^\| `([^`]+)` \|(.*)\|$/.exec(line)?.slice(1, 3) ?? []);

/** First cells of tables, with the rest of their rows. */
function documented(): Map<string, string> {
  const cells = new Map<string, string>();
  for (let i = 0; i < rows.length; i += 2) cells.set(rows[i] ?? "", rows[i + 1] ?? "");
  return cells;
}

test("all stats are documented, and nothing that is none", async () => {
  const database = await Database.open(`${temporaryDirectory()}/db`);
  const { history, log, ...own } = database.stats();
  await database.close();
  const names = [...documented().keys()].filter((name) => !name.startsWith("tidemark:"));
  const there = [...Object.keys(own), "log", ...Object.keys(log), "history.failure"];
  there.push(...Object.keys(history).map((name) => `history.${name}`));
  expect(new Set(names)).toEqual(new Set(there));
});

test("all channels are documented, with the fields that their messages have", async () => {
  const channels = Object.entries({ ...logChannels, ...databaseChannels });
  const names = [...documented().keys()].filter((name) => name.startsWith("tidemark:"));
  expect(names.sort()).toEqual(channels.map(([name]) => name).sort());
  const told = new Map<string, object>();
  for (const [name, channel] of channels) {
    channel.subscribe((message: object) => void told.set(name, message));
  }
  const database = await Database.open(`${temporaryDirectory()}/db`, {
    log: { segmentBytes: 4096, durability: "os" },
    history: { maxBytes: 0 },
    removeExpiredAfterMs: 1,
  });
  await database.put("short", 1, { ttl: 1 });
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++) await database.put("key", "x".repeat(500));
    await database.checkpoint();
  }
  // All but those that tell of something wrong.
  await expect.poll(() => told.size).toBe(channels.length - 3);
  await database.close();
  for (const [name, message] of told) {
    const fields = documented().get(name)?.split("|").at(-1)?.match(/\w+/g);
    expect(["directory", ...(fields ?? [])].sort(), name).toEqual(Object.keys(message).sort());
  }
});
