// A rewind through crashes and failing calls: it is one commit, and the database is as before it, or as it makes it.

import { describe, expect, test } from "vitest";
import type { Step } from "./program.js";
import { checkpoint, del, look, on, put, reopen, slowly } from "./verbs.js";

/** Commits with a snapshot file between them and more than one segment, to be undone. */
const before = [
  put(0, 1500),
  put(1, 1500),
  checkpoint,
  { do: "batch", changes: [{ key: 0, bytes: 900 }, { key: 1 }] },
  put(2, 1500),
  del(0),
] as const satisfies readonly Step[];

const rewind = (percent: number): Step => ({ do: "rewind", percent, by: "offset" });
const LOG = /\/log(\/|$)/;

describe("a rewind", () => {
  test.each(["commit", "os"] as const)(
    "that a crash cuts off is done or not (%s)",
    async (durability) => {
      const program = slowly(durability, ...before, rewind(30), put(3, 40), rewind(80), reopen);
      const tally = await look(program, { budget: 15, only: on(LOG) });
      expect(tally.moments).toBeGreaterThan(20);
    },
  );

  test.each(["half"] as const)("whose write fails (%s) is undone", async (manner) => {
    const fail: Step = {
      do: "fail",
      place: "log",
      call: "write",
      times: 1,
      manner,
      code: "ENOSPC",
    };
    const program = slowly("commit", ...before, fail, rewind(30), put(3, 40), rewind(60));
    const tally = await look(program, { budget: 10, only: on(LOG) });
    expect(tally.moments).toBeGreaterThan(20);
  });
});
