// One file of a program and all that it imports, as bundlers make it.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

/** An optional peer, which the project need not have: whoever uses Level brings it. */
const external = ["abstract-level"];

/** Bundles an ES module as if it were in `folder`; what nothing uses is left out. */
export async function bundleOf(code: string, folder: string): Promise<string> {
  const input = join(folder, "to-bundle.mjs");
  writeFileSync(input, code);
  const bundle = await rolldown({ input, cwd: folder, platform: "node", external });
  try {
    const { output } = await bundle.generate({ format: "esm", codeSplitting: false });
    return output[0].code;
  } finally {
    await bundle.close();
  }
}
