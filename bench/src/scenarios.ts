// All scenarios, in the order of the table.

import { checkGoals, type Scenario } from "./scenario.js";
import { diskBytes } from "./scenarios/disk-bytes.js";
import { growthScenarios } from "./scenarios/growth.js";
import { kvBusy } from "./scenarios/kv-busy.js";
import { kvDelay } from "./scenarios/kv-delay.js";
import { kvMemory } from "./scenarios/kv-memory.js";
import { kvOpen } from "./scenarios/kv-open.js";
import { kvPut } from "./scenarios/kv-put.js";
import { kvRead } from "./scenarios/kv-read.js";
import { level } from "./scenarios/level.js";
import { logAppend } from "./scenarios/log-append.js";
import { logOpen } from "./scenarios/log-open.js";
import { logRead } from "./scenarios/log-read.js";

export const scenarios: readonly Scenario[] = [
  ...logAppend,
  ...logRead,
  logOpen,
  ...kvPut,
  kvRead,
  ...kvOpen,
  kvMemory,
  kvDelay,
  kvBusy,
  level,
  diskBytes,
  ...growthScenarios,
];

scenarios.forEach(checkGoals);
