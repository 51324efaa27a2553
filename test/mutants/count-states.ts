// Counts the crash states that each test looks at, up to the one at which it fails, and leaves the count in the
// test's report. Programs by chance are the same each time and stop at the first failure: shrinking would count on.

import { type CrashState, SimulatedDisk } from "@tidemark/wal/testing";
import fc from "fast-check";
import { afterEach, beforeEach } from "vitest";

let states = 0;

const { crash, crashStates } = SimulatedDisk.prototype;

SimulatedDisk.prototype.crash = function (this: SimulatedDisk, options) {
  states += 1;
  return crash.call(this, options);
};

SimulatedDisk.prototype.crashStates = function* (
  this: SimulatedDisk,
  profile,
  options,
): Generator<CrashState> {
  for (const state of crashStates.call(this, profile, options)) {
    states += 1;
    yield state;
  }
};

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1, endOnFailure: true });

beforeEach(() => {
  states = 0;
});

afterEach(({ task }) => {
  Object.assign(task.meta, { crashStates: states });
});
