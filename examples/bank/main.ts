// Crash-testing an application: the bank runs on a simulated disk, and everything that power cuts and kills can leave
// at each moment is opened and counted. With --careless it is a bank that takes two commits for a transfer.

import { CrashViolation, exploreCrashes } from "@tidemark/wal/testing";
import { Bank, CarelessBank } from "./bank.js";
import { workload } from "./workload.js";

const kind = process.argv.includes("--careless") ? CarelessBank : Bank;
try {
  const { moments, states, opened } = await exploreCrashes(workload(kind), { budget: 12 });
  console.log(`${states} crash states of ${moments} moments, ${opened} of them different`);
  console.log("each has all the money, and every transfer that was confirmed");
} catch (error) {
  if (!(error instanceof CrashViolation)) throw error;
  console.log(`caught: ${error.text}`);
  process.exitCode = 1;
}
