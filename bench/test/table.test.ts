import { expect, test } from "vitest";
import { drawPicture } from "../src/picture.js";
import { figureLines, figuresPage } from "../src/table.js";
import { figure, results } from "./fixture.js";

const goals = [{ ratio: 3, against: "peer" }, { bound: 1000 }];
const found = results("higher", { Tidemark: 250, peer: 100 });

test("a figure shows each system, how many times as good Tidemark is, and which goals are missed", () => {
  const missing = new Map([["Redis", "redis-server is not installed"]]);
  const text = figureLines(figure("higher", goals), found, missing).join("\n");
  expect(text).toMatch(/Tidemark +250 +125 to 500\n/);
  expect(text).toMatch(/peer +100 +50.0 to 200 +Tidemark is 2.50 ×\n/);
  expect(text).toMatch(/Redis +redis-server is not installed\n/);
  expect(text).toMatch(/MISSED {3}3.00 × peer: 2.50 ×\n {2}MISSED {3}at least 1,000 µs: 250$/);
});

test("the page has a row for each figure that was measured", () => {
  const rows = figuresPage(["a machine"], [figure("higher", goals)], found).split("\n");
  expect(rows).toContain("- a machine");
  expect(rows.at(-2)).toContain("| 250 (125 to 500) | peer 100 | 3.00 × peer: **2.50 ×**");
  expect(
    figuresPage([], [figure("higher", goals)], [])
      .split("\n")
      .at(-2),
  ).toBe("|---|---|---|---|");
});

test("the picture has a bar for each system, as long as its median, the best on top", () => {
  const picture = drawPicture([figure("higher", [])], found);
  const bars = Array.from(picture.matchAll(/<rect class="(\w+)".* width="([\d.]+)"/g), (bar) => ({
    kind: bar[1],
    width: Number(bar[2]),
  }));
  expect(bars.map(({ kind }) => kind)).toEqual(["own", "peer"]);
  expect((bars[0]?.width ?? 0) / (bars[1]?.width ?? 0)).toBeCloseTo(2.5, 1);
  const shorter = drawPicture([figure("lower", [])], found);
  expect(shorter.indexOf(">peer<")).toBeLessThan(shorter.indexOf(">Tidemark<"));
});

test("what a picture says is text, not markup", () => {
  const odd = { ...figure("higher", []), title: "a < b & c" };
  expect(drawPicture([odd], found)).toContain("a &lt; b &amp; c");
});
