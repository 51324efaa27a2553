import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    // Tests hold kernel locks, start children and kill them: each file in a process of its own.
    pool: "forks",
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
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
