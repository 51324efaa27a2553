// `tidemark get`: keys and values of all kinds, at all kinds of targets.

import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { freshPath, openBytes, openDatabase } from "../fixture.js";
import { PROGRAM, tidemark } from "./tidemark.js";

test("gives what a key has now, and what it had at each kind of target", async () => {
  let now = Date.UTC(2026, 0, 31, 9, 0);
  const log = { clock: () => now };
  const database = await openDatabase(freshPath(), { log });
  await database.put("balance", 100);
  now += 60_000;
  await database.mark("before-migration");
  now += 60_000;
  await database.put("balance", -900);
  await database.close();
  const get = async (...args: string[]) => {
    const surroundings = { environment: { TZ: "Europe/Vienna" } };
    const { stdout, code } = await tidemark(["get", database.directory, ...args], surroundings);
    return code === 0 ? JSON.parse(stdout) : code;
  };
  const answers = await Promise.all([
    get("balance"),
    get("balance", "--offset", "0"),
    get("balance", "--mark", "before-migration"),
    get("balance", "--time", "2026-01-31T10:01"),
    get("balance", "--time", "2026-01-31T09:01:00Z"),
    get("balance", "--time", "2026-01-31T10:01", "--json"),
    get("other", "--offset", "1"),
    get("balance", "--mark", "none"),
  ]);
  const entry = { key: "balance", value: 100, version: 0, time: Date.UTC(2026, 0, 31, 9, 0) };
  expect(answers).toEqual([-900, 100, 100, 100, 100, entry, 3, 3]);
});

test("gives control characters in no form that a terminal would act on", async () => {
  const database = await openDatabase(freshPath());
  const value = "\u001b]0;title\u0007 \u009b31m \u202e \u2028";
  await database.put("key", value);
  await database.close();
  const { stdout } = await tidemark(["get", database.directory, "key"]);
  expect(JSON.parse(stdout)).toBe(value);
  expect(stdout).toMatch(/^[\x20-\x7e]*\n$/);
});

test("takes any key of bytes, as text, hex and JSON", async () => {
  const database = await openBytes();
  await database.put(Buffer.from("user:1"), "text");
  await database.put(Buffer.from([0xff, 0]), "bytes");
  await database.close();
  const get = async (...args: string[]) => {
    const { stdout } = await tidemark(["get", database.directory, ...args]);
    return JSON.parse(stdout);
  };
  const json = JSON.stringify({ $bytes: Buffer.from([0xff, 0]).toString("base64") });
  expect(await get("user:1")).toBe("text");
  expect(await get("ff00", "--key-format", "hex")).toBe("bytes");
  expect(await get(json, "--key-format", "json", "--json")).toMatchObject({
    key: { $bytes: "/wA=" },
    value: "bytes",
  });
});

test("takes keys that look like options after --", async () => {
  const database = await openDatabase(freshPath());
  await database.put("--json", 1);
  await database.close();
  const { stdout, stderr, code } = await tidemark(["get", database.directory, "--", "--json"]);
  expect({ stdout, stderr, code }).toEqual({ stdout: "1\n", stderr: "", code: 0 });
});

test("gives the bytes of a value as they are with --raw, and only of such a value", async () => {
  const database = await openDatabase<unknown>(freshPath());
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  await database.put("bytes", bytes);
  await database.put("text", "\u001b[2J \u00e9");
  await database.put("half", "\ud800");
  await database.put("object", { a: 1 });
  await database.close();
  const get = (key: string, ...args: string[]) => {
    const words = [PROGRAM, "get", database.directory, key, "--raw", ...args];
    const { stdout, status } = spawnSync(process.execPath, words);
    return { stdout: new Uint8Array(stdout), status };
  };
  expect(get("bytes")).toEqual({ stdout: bytes, status: 0 });
  expect(get("text").stdout).toEqual(new TextEncoder().encode("\u001b[2J \u00e9"));
  expect(get("object")).toMatchObject({ stdout: new Uint8Array(), status: 2 });
  expect(get("half")).toMatchObject({ stdout: new Uint8Array(), status: 2 });
  expect(get("text", "--json").status).toBe(2);
  expect(get("none").status).toBe(3);
});
