// What @tidemark/wal/testing exports, and nothing else.

export type { CrashOptions, CrashProfile, CrashStatesOptions } from "./crash.js";
export {
  type CrashEffort,
  CrashTally,
  exploreCrashes,
  replayCrash,
} from "./crash-exploration.js";
export type { CrashMoment, CrashRecorder } from "./crash-recorder.js";
export { CrashViolation } from "./crash-violation.js";
export type { Crash, CrashPlace, CrashWorkload, Recovered } from "./crash-workload.js";
export type { MediaDamage } from "./media.js";
export { type FaultManner, type FaultPlan, PlannedFault } from "./planned-fault.js";
export type { DiskCall, DiskWatcher } from "./process-calls.js";
export { Random } from "./random.js";
export { type CrashState, SimulatedDisk, type SimulatedDiskOptions } from "./simulated-disk.js";
