// A state in memory that commits are applied to as they are read: the same as the fold that merges makes of them, from whichever
// snapshot file, and it takes the memory that its entries take, whatever came before them.

import { SimulatedDisk } from "@tidemark/wal/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type FoldSource, fold } from "../src/fold/fold.js";
import { foldToState } from "../src/fold/fold-to-state.js";
import { openDatabase } from "../src/open-database.js";
import { resolveOptions } from "../src/options.js";
import { Pace } from "../src/pace.js";
import { pastStates } from "../src/past/past.js";
import type { State } from "../src/state/state.js";
import { openDatabase as openOn, plainEntry } from "./fixture.js";

const key = fc.integer({ min: 0, max: 30 }).map((n) => `k${String(n).padStart(2, "0")}`);
const value = fc.oneof(fc.string({ maxLength: 5 }), fc.constant("long".repeat(5000)));
const bound = fc.option(key, { nil: undefined });

type Step = (database: Awaited<ReturnType<typeof openOn>>) => Promise<unknown>;

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(key, value, fc.option(fc.integer({ min: 1 }))).map(
      ([k, v, ttl]): Step =>
        (database) =>
          database.put(k, v, ttl === null ? {} : { ttl }),
    ),
  },
  {
    weight: 3,
    arbitrary: key.map(
      (k): Step =>
        (database) =>
          database.del(k),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(bound, bound).map(
      ([gte, lt]): Step =>
        (database) =>
          database.clear({ gte, lt }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Step>((database) => database.mark(`at ${database.endOffset}`)),
  },
  { weight: 1, arbitrary: fc.constant<Step>((database) => database.checkpoint()) },
);

/** Runs something with what a database that took these steps has left. */
async function after<T>(steps: readonly Step[], run: (source: FoldSource) => Promise<T>) {
  const disk = new SimulatedDisk();
  const log = { fileSystem: disk, durability: "os" } as const;
  const database = await openOn("/db", { log });
  for (const take of steps) await take(database);
  await database.close();
  const opened = await openDatabase("/db", resolveOptions({ log, readOnly: true }));
  try {
    return await run(opened.source);
  } finally {
    await opened.log.close();
  }
}

const everything = {
  interval: { gte: "", lt: undefined },
  reverse: false,
  limit: Number.POSITIVE_INFINITY,
};

function entriesOf(state: State) {
  return [...state.read(everything, Number.NEGATIVE_INFINITY, plainEntry)];
}

async function merged(source: FoldSource, endOffset: number) {
  return await fold(source, endOffset, { pace: new Pace() }, async (folding) => {
    const entries = [];
    for await (const batch of folding.batches()) entries.push(...batch.map(plainEntry));
    return { entries, marks: folding.marks() };
  });
}

test("it is what merging makes, at each offset", async () => {
  const steps = fc.array(step, { minLength: 1, maxLength: 40 });
  const same = fc.asyncProperty(steps, async (taken) => {
    await after(taken, async (source) => {
      for (let end = 0; end <= source.log.endOffset; end += 3) {
        const folded = await foldToState(source, end, { pace: new Pace() });
        const { state, marks } = folded.result;
        const expected = await merged(source, end);
        expect({ ...folded, result: { entries: entriesOf(state), marks } }).toEqual(expected);
      }
    });
  });
  await fc.assert(same, { numRuns: 15 });
});

/** About what the newest state takes of memory, as for keeping one of the past. */
async function bytesAfter(steps: readonly Step[]): Promise<number> {
  return await after(steps, async (source) => {
    const last = source.log.endOffset - 1;
    const { bytes } = await pastStates().get(last, new AbortController().signal, source);
    return bytes;
  });
}

const puts = (count: number, of: string): Step[] =>
  Array.from({ length: count }, (_, n) => (database) => database.put(`k${n % 10}`, of));

test("it takes the memory of its entries, not of those that were replaced, deleted or cleared", async () => {
  const ten = await bytesAfter(puts(10, "value"));
  expect(ten).toBeGreaterThan(10 * "k0value".length);
  expect(await bytesAfter(puts(40, "value"))).toBe(ten);
  const large = await bytesAfter(puts(10, "x".repeat(20_000)));
  expect(large).toBeGreaterThan(200_000);
  expect(await bytesAfter([...puts(10, "x".repeat(20_000)), ...puts(10, "value")])).toBe(ten);
  const cleared: Step[] = [
    (database) => database.put("small", "value"),
    ...puts(10, "x".repeat(20_000)),
    (database) => database.clear({ gte: "l" }),
    ...puts(9, "value").map(
      (_, n): Step =>
        (database) =>
          database.del(`k${n}`),
    ),
  ];
  expect(await bytesAfter(cleared)).toBeGreaterThan(20_000);
  expect(await bytesAfter(cleared)).toBeLessThan(20_200);
  expect(await bytesAfter([...cleared, (database) => database.checkpoint()])).toBe(
    await bytesAfter(cleared),
  );
});
