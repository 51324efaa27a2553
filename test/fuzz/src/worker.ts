// The thread that does the fuzzing: what hangs or runs out of memory here leaves the program that asked able to say
// so. Each input is written to shared memory before it is judged.

import { parentPort, workerData } from "node:worker_threads";
import { Campaign, type Finding } from "./campaign.js";
import { Coverage } from "./coverage.js";
import { type Input, pack } from "./input.js";
import { INPUT_AT, type Job, type Told } from "./job.js";

/** Counting what runs slows code down; no target waits longer than this for its turn with others. */
const TURN_MS = 100;

const { seed, durationMs, only, memory, ...job } = workerData as Job;
const words = new Int32Array(memory, 0, INPUT_AT / 4);
const packedInput = new Uint8Array(memory, INPUT_AT);

// Before the targets are loaded: functions that have run already may not be counted.
const coverage = new Coverage();
const { targets } = (await import(job.targets)) as typeof import("./targets/index.js");

function announce(target: number): (input: Input) => void {
  return (input) => {
    const packed = pack(input);
    packedInput.set(packed);
    words[1] = target;
    words[2] = packed.length;
    Atomics.add(words, 0, 1);
  };
}

function told(message: Told): void {
  parentPort?.postMessage(message);
}

const chosen = targets.filter(
  ({ name }) => only.length === 0 || only.some((part) => name.includes(part)),
);
told({ is: "begun", targets: chosen.map(({ name }) => name) });
const campaigns = chosen.map(
  (target, index) => new Campaign(target, seed, coverage, announce(index)),
);
const findings: Finding[] = [];
const untilMs = performance.now() + durationMs;
const going = new Set(campaigns);

/** A finding ends it. */
async function go(campaign: Campaign, limitMs: number): Promise<void> {
  const finding = await campaign.go(limitMs);
  if (finding === undefined) return;
  findings.push(finding);
  going.delete(campaign);
}

// However little time there is, all have their seeds judged, and some that are changed.
for (const campaign of campaigns) {
  await go(campaign, Number.POSITIVE_INFINITY);
  if (going.has(campaign)) await go(campaign, Number.POSITIVE_INFINITY);
}
while (going.size > 0 && performance.now() < untilMs) {
  for (const campaign of going) {
    const turnUntilMs = Math.min(untilMs, performance.now() + TURN_MS);
    do await go(campaign, untilMs);
    while (going.has(campaign) && performance.now() < turnUntilMs);
  }
}
told({
  is: "done",
  done: {
    findings,
    targets: campaigns.map(({ target, inputs, kept }) => ({ target: target.name, inputs, kept })),
    coverage: coverage.files(),
  },
});
