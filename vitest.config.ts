import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { commitSeed } from "./scripts/commit-seed.mjs";

const seed = String(commitSeed());

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts", "bench/test/**/*.test.ts"],
    // Tests hold kernel locks, start children and kill them: each file in a process of its own.
    pool: "forks",
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // It stands for a hang, not for work that is slow because the machine has much else to do.
    testTimeout: 300_000,
    hookTimeout: 60_000,
    // What is done by chance prints the seed that it was given.
    env: {
      CRASH_SEED: process.env["CRASH_SEED"] ?? seed,
      KILLS_SEED: process.env["KILLS_SEED"] ?? seed,
      FUZZ_SEED: process.env["FUZZ_SEED"] ?? seed,
    },
    // A forgotten `.only` would hide every other test.
    allowOnly: false,
    server: {
      deps: {
        // The built packages are loaded by Node itself, as they are for those who install them.
        external: [/\/packages\/[^/]+\/dist\//],
      },
    },
  },
});
