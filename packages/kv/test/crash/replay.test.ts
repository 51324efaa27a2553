// Shows one crash state of a database again, as the line says that a violation printed.

import { test } from "vitest";
import { replay } from "./explore.js";

const where = process.env["CRASH_REPLAY_DATABASE"];

test("a crash state that is shown again holds what it must", async () => {
  if (where !== undefined) await replay(JSON.parse(where));
});
