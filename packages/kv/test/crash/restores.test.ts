// Fault 40 of the list: a crash, a kill or a failure at every call of a restore. The source stays as it is; at the
// destination is nothing, or the whole.

import type { CrashMoment, FaultManner } from "@tidemark/wal/testing";
import { describe, expect, test } from "vitest";
import type { Effort } from "./explore.js";
import type { Facts } from "./model.js";
import type { Program, Step } from "./program.js";
import { checkpoint, look, on, POWER, put, settle, slowly } from "./verbs.js";

const CHANGING = [
  "create",
  "mkdir",
  "rename",
  "unlink",
  "rmdir",
  "syncDirectory",
  "write",
  "datasync",
  "sync",
  "truncate",
] as const;

/** A source with a snapshot file and more than one segment, and what is left of it to be restored. */
const source = [
  put(0, 1500),
  put(1, 1500),
  checkpoint,
  { do: "batch", changes: [{ key: 0, bytes: 900 }, { key: 1 }] },
  put(2, 1500),
  settle,
] as const satisfies readonly Step[];

/** Enough where a program is run for each call. */
const few: Partial<Effort> = { profiles: ["P0", "P2"], budget: 2, momentsMax: 30 };

describe("fault 40: at every call of a restore", () => {
  const whole: Step = { do: "restore", percent: 70, by: "offset" };
  const COPY = /^\/copy|^\/$/;

  test("a crash leaves nothing at the destination, or the whole, and the source as it is", async () => {
    const program = slowly("commit", ...source, whole, put(0, 10));
    const tally = await look(program, { budget: 60, deepOneIn: 100, only: on(COPY) });
    expect(tally.moments).toBeGreaterThan(30);
  });

  test("a kill between its rename and the sync leaves a copy whose name lasts once it was opened", async () => {
    const program = slowly("commit", ...source, whole);
    const only: Effort["only"] = ({ call }) => call?.call === "syncDirectory" && call.path === "/";
    const tally = await look(program, { profiles: ["P0"], deepOneIn: 1, only });
    expect(tally.deep).toBeGreaterThan(2);
  });

  test.each([1, 2])("a crash beside the writer does so too (order %i)", async (seed) => {
    const beside: Step = { do: "restore", percent: 70, by: "beside" };
    const program = { ...slowly("commit", ...source), orderSeed: seed };
    const steps = [...program.steps, beside, put(3, 40), put(0, 2000), checkpoint, put(1, 2000)];
    await look({ ...program, steps }, { budget: 12, only: on(COPY) });
  });

  test("a kill of the process that restores does so too, and the next restore is made", async () => {
    const calls = await callsOf(slowly("commit", ...source, whole), COPY);
    expect(calls).toBeGreaterThan(20);
    for (let killAfter = 0; killAfter < calls; killAfter++) {
      const program = slowly("commit", ...source, { ...whole, killAfter }, whole);
      await look(program, { ...few, only: on(COPY), seed: killAfter });
    }
  });

  test.each([1, 2, 3])(
    "where its name cannot be made durable (%i times), it is taken back, and no crash shows part of it",
    async (times) => {
      const fault: Step = { do: "fail", place: "root", call: "syncDirectory", after: 2, times };
      const program = slowly("commit", ...source, fault, whole);
      const removing: Effort["only"] = ({ call }) =>
        call === undefined || (/^unlink|^rmdir/.test(call.call) && /^\/copy/.test(call.path));
      await look(program, { profiles: POWER, budget: 100, only: removing });
    },
  );

  const manners = ["undone", "done"] as const satisfies readonly FaultManner[];
  test.each(manners)(
    "a failure (%s) does so too, and a restore after it is made",
    async (manner) => {
      const calls = await callsOf(slowly("commit", ...source, whole), COPY);
      for (let after = 0; after < calls; after++) {
        const call = CHANGING;
        const fault: Step = { do: "fail", place: "copies", call, after, times: 1, manner };
        const program = slowly("commit", ...source, fault, whole, whole);
        await look(program, { ...few, only: on(COPY), seed: after });
      }
    },
  );
});

/** How many calls a program makes on these paths. */
async function callsOf(program: Program, path: RegExp): Promise<number> {
  const isCall = (moment: CrashMoment<Facts>) => !moment.isInWrite && on(path)(moment);
  return (await look(program, { profiles: [], only: isCall })).moments;
}
