// The tests as `npm test` runs them, with crash states counted.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("../..", import.meta.url));

export default defineConfig({
  root,
  test: {
    projects: [
      {
        extends: `${root}vitest.config.ts`,
        root,
        test: { setupFiles: [fileURLToPath(new URL("count-states.ts", import.meta.url))] },
      },
    ],
  },
});
