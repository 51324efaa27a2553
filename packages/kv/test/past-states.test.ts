// Asking for the same state of the past shares the work, and nobody's giving up ends it for another.

import { describe, expect, test } from "vitest";
import { type PastState, PastStates } from "../src/past/past-states.js";
import { OrderedMap } from "../src/state/ordered-map.js";
import { State } from "../src/state/state.js";
import { FaultyDisk } from "./faulty-disk.js";
import { contents, freshPath, on, openDatabase, refused } from "./fixture.js";

const never = new AbortController().signal;

/** States that are built when the test says so. */
function setUp(limits?: { count: number; bytes: number }) {
  const builds: { offset: number; signal: AbortSignal; finish: (bytes?: number) => void }[] = [];
  const states = new PastStates((offset, signal) => {
    return new Promise<PastState>((resolve, reject) => {
      const finish = (bytes = 1) =>
        resolve({ state: new State(new OrderedMap(() => 0)), time: offset, bytes });
      signal.addEventListener("abort", () => reject(signal.reason));
      builds.push({ offset, signal, finish });
    });
  }, limits);
  /** Asks for a state, which is built at once if it has to be; says whether it was. */
  const ask = async (offset: number, bytes?: number) => {
    const before = builds.length;
    const asked = states.get(offset, never, undefined);
    builds[before]?.finish(bytes);
    await asked;
    return builds.length > before;
  };
  return { builds, states, ask };
}

describe("states that are asked for", () => {
  test("together are built once", async () => {
    const { builds, states } = setUp();
    const both = [
      states.get(7, never, undefined),
      states.get(7, never, undefined),
      states.get(8, never, undefined),
    ];
    expect(builds.map(({ offset }) => offset)).toEqual([7, 8]);
    for (const { finish } of builds) finish();
    const [first, second, other] = await Promise.all(both);
    expect(first?.state).toBe(second?.state);
    expect(first?.state).not.toBe(other?.state);
  });

  test("go on for the others when one gives up, and end when all have", async () => {
    const { builds, states } = setUp();
    const [one, other] = [new AbortController(), new AbortController()];
    const [given, going] = [
      states.get(7, one.signal, undefined),
      states.get(7, other.signal, undefined),
    ];
    one.abort(new Error("one"));
    await expect(given).rejects.toThrow("one");
    expect(builds[0]?.signal.aborted).toBe(false);
    const late = states.get(7, never, undefined);
    builds[0]?.finish();
    expect((await going).state).toBe((await late).state);

    const alone = states.get(9, other.signal, undefined);
    other.abort(new Error("other"));
    await expect(alone).rejects.toThrow("other");
    expect(builds[1]?.signal.aborted).toBe(true);
    const next = states.get(9, never, undefined);
    builds[2]?.finish();
    expect((await next).time).toBe(9);
    await expect(states.get(10, other.signal, undefined)).rejects.toThrow("other");
  });

  test("are kept for a while, those asked for last, up to a count and to bytes", async () => {
    const { ask } = setUp({ count: 2, bytes: 10 });
    expect([await ask(1), await ask(2), await ask(1), await ask(3)]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    expect(await ask(1)).toBe(false);
  });

  test("are built anew where building failed", async () => {
    const states = new PastStates((offset) => Promise.reject(new Error(`no ${offset}`)));
    await expect(states.get(1, never, undefined)).rejects.toThrow("no 1");
    await expect(states.get(1, never, undefined)).rejects.toThrow("no 1");
  });
});

/** Ten commits over a snapshot file, on a disk that counts. */
async function tenCommits() {
  const disk = new FaultyDisk();
  const db = await openDatabase<number>(freshPath(), on(disk));
  for (let n = 0; n < 5; n++) await db.put("n", n);
  await db.checkpoint();
  for (let n = 5; n < 10; n++) await db.put("n", n);
  const opened = () => disk.count({ call: "open", path: /\.snapshot$/ });
  return { db, opened };
}

describe("views", () => {
  test("of one commit read its snapshot file once, by whatever target", async () => {
    const { db, opened } = await tenCommits();
    const { time } = await db.at({ offset: 8 });
    const before = opened();
    const targets = [{ offset: 6 }, { offset: 6 }, { offset: 8 }, { time }];
    const views = await Promise.all(targets.map((target) => db.at(target)));
    expect(views.slice(0, 2).map(contents)).toEqual([[["n", 6]], [["n", 6]]]);
    await db.at({ offset: 6 });
    expect(opened() - before).toBe(1);
  });

  test("that are closed read nothing more, and leave others of the same state alone", async () => {
    const { db } = await tenCommits();
    const [closed, open] = [await db.at({ offset: 6 }), await db.at({ offset: 6 })];
    const begun = closed.entries();
    closed.close();
    closed[Symbol.dispose]();
    for (const read of [
      () => closed.get("n"),
      () => closed.getEntry("n"),
      () => closed.getMany(["n"]),
      () => closed.has("n"),
      () => closed.size,
      () => closed.entries(),
      () => closed.keys(),
      () => closed.values(),
    ]) {
      await refused("KV_CLOSED", read);
    }
    expect([...begun]).toEqual([["n", 6]]);
    expect([closed.offset, open.get("n")]).toEqual([6, 6]);
    await db.close();
    expect(open.get("n")).toBe(6);
    open.close();
    await refused("KV_CLOSED", () => open.get("n"));
  });
});
