// Shows one crash state again, as the line says that a violation printed.

import { test } from "vitest";
import { replay } from "./explore.js";

const where = process.env["CRASH_REPLAY"];

test("a crash state that is shown again holds what it must", async () => {
  if (where !== undefined) await replay(JSON.parse(where));
});
