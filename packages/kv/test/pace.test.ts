// Long work in slices: whoever rests goes on one at a time, each in a turn of the event loop of its own.

import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Pace } from "../src/pace.js";

/** Who went on in which turn, counted from 1. */
async function turnsOf(rests: readonly number[]): Promise<[number, string][]> {
  const order: [number, string][] = [];
  let [turns, working] = [0, rests.length];
  const work = rests.map(async (count, worker) => {
    const pace = new Pace();
    for (let rest = 0; rest < count; rest++) {
      await pace.rest();
      order.push([turns, "abc"[worker] as string]);
    }
    working -= 1;
  });
  for (; working > 0; turns++) await turn();
  await Promise.all(work);
  return order;
}

test("those that rest together go on in turns, in order", async () => {
  const order = await turnsOf([3, 3, 1]);
  expect(order.map(([, worker]) => worker).join("")).toBe("abcabab");
  expect(new Set(order.map(([at]) => at)).size).toBe(order.length);
});

test("new work rests before it begins", () => {
  expect(new Pace().due).toBe(true);
});
