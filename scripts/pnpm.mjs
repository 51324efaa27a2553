// `npm run pnpm -- add …`: pnpm at the version that the lockfile was written with.

import { runPnpm } from "./tools.mjs";

process.exitCode = runPnpm(process.argv.slice(2)) ? 0 : 1;
