// Pins: what is held, by whom, and until when.

import { expect, test } from "vitest";
import { Pins } from "../src/upkeep/pins.js";

test("the lowest offset that someone holds is held until the last who holds it lets go", () => {
  const pins = new Pins();
  expect(pins.lowest).toBe(Number.POSITIVE_INFINITY);
  const releases = [7, 3, 3, 9].map((offset) => pins.hold(offset));
  expect(pins.lowest).toBe(3);
  releases[1]?.();
  expect(pins.lowest).toBe(3);
  releases[1]?.();
  expect(pins.lowest).toBe(3);
  releases[2]?.();
  expect(pins.lowest).toBe(7);
  releases[0]?.();
  releases[3]?.();
  expect(pins.lowest).toBe(Number.POSITIVE_INFINITY);
});
