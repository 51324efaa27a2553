// That the rules of order notice what breaks them.

import { expect, test } from "vitest";
import { broken } from "./order.js";

const created = [
  "create D/00000002.log.new",
  "write D/00000002.log.new 64 at 0",
  "sync D/00000002.log.new",
  "rename D/00000002.log.new D/00000002.log",
  "syncDirectory D",
  "write D/MANIFEST.new 132 at 0",
  "sync D/MANIFEST.new",
  "rename D/MANIFEST.new D/MANIFEST",
  "syncDirectory D",
  "unlink D/00000001.log",
  "write D/00000002.log 100 at 64",
  "datasync D/00000002.log",
  "told offset 7",
];

function without(line: string): string[] {
  expect(created).toContain(line);
  const at = created.lastIndexOf(line);
  return created.filter((_, i) => i !== at);
}

test("a segment that is made and written to in order breaks no rule", () => {
  expect(broken(created)).toEqual([]);
});

test.each([
  ["datasync D/00000002.log", "told before D/00000002.log was synced"],
  ["sync D/00000002.log.new", "renamed before its bytes were synced"],
  ["sync D/MANIFEST.new", "renamed before its bytes were synced"],
  ["syncDirectory D", "removed before the manifest that lets go of it is durable"],
  ["syncDirectory D", "written before a durable manifest names it"],
])("without '%s' something is %s", (line, reason) => {
  expect(broken(without(line)).join("\n")).toContain(reason);
});

test("a manifest that is replaced before a store's name is durable is noticed", () => {
  const lines = created.filter((line, i) => line !== "syncDirectory D" || i > 4);
  expect(broken(lines)).toEqual([
    "rename D/MANIFEST.new D/MANIFEST: replaced before the name of D/00000002.log is durable",
  ]);
});
